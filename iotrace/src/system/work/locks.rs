//! Lock files that are held: `/proc/locks` (Documentation/filesystems/proc.rst; fs/locks.c,
//! `lock_get_status`).

use std::{
    fs,
    os::unix::{ffi::OsStringExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
};

use nix::sys::stat::{major, minor};

use super::super::text;
use crate::event::{Work, WorkKind};

type DeviceNumber = (u64, u64);

/// A lock that is held.
struct Lock {
    /// Of the superblock.
    number: DeviceNumber,
    ino: u64,
    pid: Option<u32>,
}

pub(super) fn held(proc: &Path, files: &[PathBuf]) -> Vec<Work> {
    if files.is_empty() {
        return Vec::new();
    }
    let locks = text::read(proc.join("locks")).unwrap_or_default();
    let locks: Vec<_> = locks.lines().filter_map(parse).collect();
    if locks.is_empty() {
        return Vec::new();
    }
    let held = files.iter().filter_map(|file| {
        let stat = fs::metadata(file).ok()?;
        let own = (major(stat.dev()), minor(stat.dev()));
        let same = locks.iter().filter(|lock| lock.ino == stat.ino());
        // Asked for only where an inode has the number: then it is nearly always the file.
        let lock = same
            .filter(|lock| lock.number == own || Some(lock.number) == mounted(proc, file))
            .max_by_key(|lock| lock.pid.is_some())?;
        Some(Work {
            kind: WorkKind::Lock,
            name: file.to_string_lossy().into_owned(),
            state: "held".to_owned(),
            done: None,
            pid: lock.pid,
        })
    });
    held.collect()
}

/// `1: FLOCK  ADVISORY  WRITE 7724 fe:00:7094393 0 EOF`. A process that waits has `->` before the
/// kind of the lock. Leases are no locks.
fn parse(line: &str) -> Option<Lock> {
    let mut words = line.split_ascii_whitespace().skip(1);
    if !["FLOCK", "POSIX", "OFDLCK"].contains(&words.next()?) {
        return None;
    }
    let pid = words.nth(2)?.parse::<i64>().ok()?;
    let mut place = words.next()?.split(':');
    let number = (
        u64::from_str_radix(place.next()?, 16).ok()?,
        u64::from_str_radix(place.next()?, 16).ok()?,
    );
    Some(Lock {
        number,
        ino: place.next()?.parse().ok()?,
        // -1 of a lock that belongs to an open file, not to a process; 0 of a process that has no
        // number in this PID namespace.
        pid: u32::try_from(pid).ok().filter(|pid| *pid > 0),
    })
}

/// The number of the superblock that a file lies on. `stat` tells another one on btrfs, where each
/// subvolume has its own, and on some overlays.
fn mounted(proc: &Path, file: &Path) -> Option<DeviceNumber> {
    let file = fs::canonicalize(file).ok()?;
    let mounts = fs::read(proc.join("self/mountinfo")).ok()?;
    let mounts = mounts.split(|byte| *byte == b'\n').filter_map(|line| {
        // `22 27 0:21 / /proc rw,relatime - proc proc rw`
        let mut words = line.split(|byte| *byte == b' ').skip(2);
        let number = std::str::from_utf8(words.next()?).ok()?;
        let (major, minor) = number.split_once(':')?;
        let number = (major.parse().ok()?, minor.parse().ok()?);
        let point = PathBuf::from(std::ffi::OsString::from_vec(unescape(words.nth(1)?)));
        file.starts_with(&point)
            .then(|| (point.components().count(), number))
    });
    // Of two at the same place, the later one covers the earlier.
    mounts
        .max_by_key(|(depth, _)| *depth)
        .map(|(_, number)| number)
}

/// Undoes `mangle_path` (fs/seq_file.c): space, tab, end of line and backslash are `\040` and so on.
fn unescape(name: &[u8]) -> Vec<u8> {
    let mut rest = name;
    let mut plain = Vec::with_capacity(name.len());
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail.get(..3).filter(|_| first == b'\\');
        let byte = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        plain.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &tail[3..] } else { tail };
    }
    plain
}
