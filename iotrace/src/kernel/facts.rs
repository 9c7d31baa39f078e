//! What start-up must know of this process: its privileges, and what the kernel tells
//! of its descriptors.

use std::{
    fs,
    os::fd::{BorrowedFd, OwnedFd, RawFd},
};

use super::System;
use crate::error::Unavailable;

/// Fails when the process may not load tracing programs, naming what it lacks.
pub fn check_privileges() -> Result<(), Unavailable> {
    System::here().check_privileges()
}

/// Kernel memory of all BPF maps that this process has open, in bytes, as the
/// kernel accounts it.
pub fn map_memory() -> u64 {
    descriptors()
        .filter_map(|(_, info)| {
            value(&info, "map_id:")?;
            value(&info, "memlock:")?.parse::<u64>().ok()
        })
        .sum()
}

/// Links of programs to perf events, which aya keeps to itself.
pub fn perf_links() -> Vec<OwnedFd> {
    descriptors()
        .filter(|(_, info)| value(info, "link_type:") == Some("perf"))
        .filter_map(|(fd, _)| {
            // SAFETY: only for this call, in the one thread of the process: what
            // was listed a moment ago is still open.
            let link = unsafe { BorrowedFd::borrow_raw(fd) };
            link.try_clone_to_owned().ok()
        })
        .collect()
}

/// The open descriptors of this process, with what the kernel tells of each.
fn descriptors() -> impl Iterator<Item = (RawFd, String)> {
    let listed = fs::read_dir("/proc/self/fdinfo").into_iter().flatten();
    listed.flatten().filter_map(|entry| {
        let fd = entry.file_name().to_str()?.parse().ok()?;
        Some((fd, fs::read_to_string(entry.path()).ok()?))
    })
}

/// The value of a line `KEY VALUE`.
fn value<'a>(info: &'a str, key: &str) -> Option<&'a str> {
    let line = info.lines().find_map(|line| line.strip_prefix(key));
    line.map(str::trim)
}
