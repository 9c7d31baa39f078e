//! Processes, as far as `/proc` tells.

use nix::unistd::{SysconfVar, sysconf};
use procfs::process::Process;

/// Whether a process (thread group) of this id exists.
pub fn exists(pid: u32) -> bool {
    i32::try_from(pid).is_ok_and(|pid| {
        Process::new(pid)
            .and_then(|process| process.status())
            .is_ok_and(|status| status.tgid == pid)
    })
}

/// Whether a thread of this id exists.
pub fn thread_exists(tid: u32) -> bool {
    // `/proc/TID` is there for every thread, though it is not listed.
    i32::try_from(tid).is_ok_and(|tid| Process::new(tid).is_ok())
}

/// Size of a page, which is also the smallest size of a ring buffer.
pub fn page_bytes() -> u32 {
    // 4 KiB to 64 KiB on every architecture that Linux runs on.
    // Not `procfs::page_size`, which panics without /proc on kernels before 6.4.
    let bytes = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    bytes
        .and_then(|bytes| u32::try_from(bytes).ok())
        .unwrap_or(4096)
}

/// Resident memory of this process, bytes.
pub fn resident_bytes() -> Option<u64> {
    let memory = Process::myself().ok()?.statm().ok()?;
    Some(memory.resident * u64::from(page_bytes()))
}

/// Whether process ids as this process sees them are those of the kernel: not
/// so inside a PID namespace.
pub fn in_initial_pid_namespace() -> bool {
    /// `PROC_PID_INIT_INO` (include/linux/proc_ns.h).
    const INITIAL: u64 = 0xEFFF_FFFC;
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self/ns/pid").map_or(true, |namespace| namespace.ino() == INITIAL)
}
