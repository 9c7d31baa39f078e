//! Records of the ring buffer: a fixed head, then the bytes of a path.
//!
//! A path is written as the kernel's dentries are walked, from the file up to
//! the root: its components, last one first, each followed by NUL.

use core::mem::size_of;

use crate::pod;

/// Length of `task_struct.comm` with its NUL (`TASK_COMM_LEN`, include/linux/sched.h).
pub const COMM_LEN: usize = 16;

/// Longest component with its NUL (`NAME_MAX` + 1, include/uapi/linux/limits.h).
pub const NAME_CAP: usize = 256;

/// Room for path bytes in a record: `PATH_MAX` (4,096) for the caller's string
/// of a failed open and as much for the directory that it is relative to.
pub const PATH_CAP: usize = 8192;

/// Most steps (components and mounts) of a path that are walked.
pub const PATH_STEPS: usize = 64;

/// After so many ticks the name of a file that is still touched is said again: a
/// directory above may have been renamed. User space keeps a name at least as
/// long.
pub const NAME_TICKS: u32 = 4;

/// Bytes that a record of `size` takes in the ring: a head of 8 bytes before it,
/// all of it in multiples of 8 (kernel/bpf/ringbuf.c).
const fn footprint(size: u64) -> u64 {
    (size + 8 + 7) & !7
}

/// Whether a record of `size` bytes wakes the reader of a ring that held `before`
/// bytes: once for every `step` bytes that gather, so that a wake-up which two
/// CPUs both leave to the other is not the only one. Never for a `step` of 0.
#[inline(always)]
pub const fn wakes(before: u64, size: u64, step: u64) -> bool {
    // Checked, as a division that may panic can not be loaded into the kernel.
    match (
        before.checked_div(step),
        (before + footprint(size)).checked_div(step),
    ) {
        (Some(before), Some(after)) => before != after,
        _ => false,
    }
}

/// `kind` of a [`FileRecord`].
pub const RECORD_FILE: u32 = 1;
/// `kind` of an [`OpenRecord`].
pub const RECORD_OPEN: u32 = 2;
/// `kind` of a [`ChangeRecord`].
pub const RECORD_CHANGE: u32 = 3;
/// `kind` of an [`EachRecord`].
pub const RECORD_EACH: u32 = 4;

/// `kind` of an [`ExitRecord`].
pub const RECORD_EXIT: u32 = 5;

/// Where a record does not know a number.
pub const UNKNOWN: u64 = u64::MAX;

/// Bits of `flags` in records with a path.
pub mod path_flag {
    /// The walk ended before the root: leading components are missing.
    pub const CUT: u32 = 1 << 0;
    /// The name has been unlinked.
    pub const DELETED: u32 = 1 << 1;
    /// The first component is the caller's own string, not a kernel name.
    pub const CLAIMED: u32 = 1 << 2;
    /// `FMODE_CREATED`: this open made the file (include/linux/fs.h).
    pub const CREATED: u32 = 1 << 3;
    /// The walk failed to read a kernel structure.
    pub const BROKEN: u32 = 1 << 4;
    /// The file hangs in no directory, such as a memfd: it has a name, no path.
    pub const OUTSIDE: u32 = 1 << 5;
    /// The file was opened without a descriptor.
    pub const NO_FD: u32 = 1 << 6;
    /// The file whose name went was open, or in use otherwise.
    pub const HELD: u32 = 1 << 7;
    /// Where the number of a [`super::Via`] begins.
    pub const VIA_SHIFT: u32 = 8;
}

/// The door by which a file was opened.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// `open`, `openat`, `openat2`, `creat`.
    Call = 0,
    /// `open_by_handle_at`.
    Handle = 1,
    /// io_uring.
    Uring = 2,
    /// `execve` and `execveat`: the program, or its loader.
    Exec = 3,
}

impl Via {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Call, Self::Handle, Self::Uring, Self::Exec];
}

/// What happened to the names of a file, or to the file. Only what succeeded is told.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A file was made by another call than an open.
    Create = 0,
    /// A file got one more name.
    Link = 1,
    /// A name was removed.
    Unlink = 2,
    /// A directory was removed.
    Rmdir = 3,
    /// The name that a [`Change::Link`] or [`Change::Rename`] of the same thread, with the same
    /// `begun_ns`, goes out from. Told as a rename begins, so that one may fail after it.
    From = 4,
    /// A name was changed.
    Rename = 5,
    /// A file was cut or made longer.
    Truncate = 6,
    /// A file without a name was let go of by the last who had it open.
    Free = 7,
}

impl Change {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Create,
        Self::Link,
        Self::Unlink,
        Self::Rmdir,
        Self::From,
        Self::Rename,
        Self::Truncate,
        Self::Free,
    ];
}

/// `RENAME_EXCHANGE` (include/uapi/linux/fs.h).
pub const RENAME_EXCHANGE: u64 = 2;

/// What makes a file this one and no other.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId {
    /// Inode number (`inode.i_ino`).
    pub ino: u64,
    /// Device of the superblock, the kernel's encoding: `major << 20 | minor`.
    pub dev: u32,
    /// `inode.i_generation`: another file when an inode number is used again.
    pub generation: u32,
}

/// Name of a file that got a counter row.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct FileRecord {
    /// [`RECORD_FILE`].
    pub kind: u32,
    /// Bits of [`path_flag`].
    pub flags: u32,
    /// The file.
    pub file: FileId,
    /// Bytes of path after this head.
    pub path_len: u32,
    #[doc(hidden)]
    pub pad: u32,
}

/// One open, successful or not.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenRecord {
    /// [`RECORD_OPEN`].
    pub kind: u32,
    /// Bits of [`path_flag`].
    pub flags: u32,
    /// `CLOCK_BOOTTIME`, nanoseconds.
    pub time_ns: u64,
    /// The file that was opened; zero when the open failed.
    pub file: FileId,
    /// Flags as the caller gave them.
    pub open_flags: u64,
    /// Control group v2 id of the caller.
    pub cgroup: u64,
    /// As in [`ChangeRecord`], where changes are told too.
    pub cancelled: u64,
    /// Process id in the initial PID namespace.
    pub tgid: u32,
    /// Thread id in the initial PID namespace.
    pub tid: u32,
    /// Real user id in the initial user namespace.
    pub uid: u32,
    /// Inode number of the caller's mount namespace; 0 when not known.
    pub mount_ns: u32,
    /// Name of the thread.
    pub comm: [u8; COMM_LEN],
    /// File descriptor (0 with [`path_flag::NO_FD`]), or minus the error number.
    pub result: i32,
    /// Permission bits asked for a new file.
    pub create_mode: u32,
    /// `i_mode` of the opened file.
    pub file_mode: u32,
    /// Bytes of path after this head; the caller's string first if [`path_flag::CLAIMED`].
    pub path_len: u32,
}

/// A change of a file's names, or of a file.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct ChangeRecord {
    /// [`RECORD_CHANGE`].
    pub kind: u32,
    /// Bits of [`path_flag`].
    pub flags: u32,
    /// `CLOCK_BOOTTIME`, nanoseconds.
    pub time_ns: u64,
    /// When it began: the same for the records of one change.
    pub begun_ns: u64,
    /// The file; zero when not known (backends that see system calls only).
    pub file: FileId,
    /// The file that had the new name before a rename; zero when there was none, or not known.
    pub other: FileId,
    /// The new size of a truncated file; the flags of a rename.
    pub value: u64,
    /// Bytes that the thread had kept from being written to storage so far, by cutting and
    /// removing files (`task_struct.ioac.cancelled_write_bytes`); `u64::MAX` when not known.
    pub cancelled: u64,
    /// Process id in the initial PID namespace.
    pub tgid: u32,
    /// Thread id in the initial PID namespace.
    pub tid: u32,
    /// Real user id in the initial user namespace.
    pub uid: u32,
    /// A [`Change`].
    pub what: u32,
    /// Name of the thread.
    pub comm: [u8; COMM_LEN],
    /// `i_mode` of the file; the type alone, or 0, where not more is known.
    pub file_mode: u32,
    /// Names that the file has now, of a rename those of the one that was replaced;
    /// [`crate::ABSENT`] when not known.
    pub links: u32,
    /// Bytes of path after this head.
    pub path_len: u32,
    #[doc(hidden)]
    pub pad: u32,
}

/// `direction` of an [`EachRecord`] that tells that somebody waited until the file was in storage.
pub const DIRECTION_SYNC: u32 = 2;

/// One read or write, or a sync; the name of its file has a record of its own.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct EachRecord {
    /// [`RECORD_EACH`].
    pub kind: u32,
    /// 0 for a read, 1 for a write, [`DIRECTION_SYNC`].
    pub direction: u32,
    /// `CLOCK_BOOTTIME` at its end, nanoseconds.
    pub time_ns: u64,
    /// How long it took, or [`UNKNOWN`].
    pub latency_ns: u64,
    /// The file.
    pub file: FileId,
    /// Where in the file it began, or [`UNKNOWN`].
    pub offset: u64,
    /// Bytes that were asked for, or [`UNKNOWN`].
    pub size: u64,
    /// Bytes that were moved.
    pub result: u64,
    /// Operations that are told together: of a call that fetches several completions.
    pub count: u64,
    /// Process id in the initial PID namespace.
    pub tgid: u32,
    /// Thread id in the initial PID namespace.
    pub tid: u32,
    /// Real user id in the initial user namespace.
    pub uid: u32,
    /// `i_mode` of the file.
    pub file_mode: u32,
    /// Name of the thread.
    pub comm: [u8; COMM_LEN],
}

/// The end of a thread, with what the kernel accounts it for.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct ExitRecord {
    /// [`RECORD_EXIT`].
    pub kind: u32,
    /// Process id in the initial PID namespace.
    pub tgid: u32,
    /// When the process began: `CLOCK_BOOTTIME`, nanoseconds.
    pub process_start_ns: u64,
    /// When the thread began, likewise.
    pub start_ns: u64,
    /// What the thread did.
    pub usage: TaskUsage,
    /// Thread id in the initial PID namespace.
    pub tid: u32,
    /// Process id of the parent of the process.
    pub parent: u32,
    /// Real user id in the initial user namespace.
    pub uid: u32,
    /// 1 if no thread of the process is left; several that end at once may all say so.
    pub last: u32,
    /// Name of the thread.
    pub comm: [u8; COMM_LEN],
}

/// `struct task_io_accounting` (include/linux/task_io_accounting.h, the same from 5.10 to 7.2).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskUsage {
    /// Bytes that calls read.
    pub rchar: u64,
    /// Bytes that calls wrote.
    pub wchar: u64,
    /// Calls that read.
    pub syscr: u64,
    /// Calls that wrote.
    pub syscw: u64,
    /// Bytes that storage was made to read.
    pub read_bytes: u64,
    /// Bytes that became dirty.
    pub write_bytes: u64,
    /// Bytes that were dirty and were dropped.
    pub cancelled_write_bytes: u64,
}

pod!(
    FileId,
    FileRecord,
    OpenRecord,
    ChangeRecord,
    EachRecord,
    ExitRecord
);

const _: () = assert!(size_of::<TaskUsage>() == 56);
const _: () = assert!(size_of::<ExitRecord>() == 112);

const _: () = assert!(size_of::<FileId>() == 16);
const _: () = assert!(size_of::<FileRecord>() == 32);
const _: () = assert!(size_of::<OpenRecord>() == 104);
const _: () = assert!(size_of::<ChangeRecord>() == 120);
const _: () = assert!(size_of::<EachRecord>() == 104);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_growing_ring_wakes_its_reader_at_every_step() {
        const STEP: u64 = 4096;
        for size in [1, 8, 9, 96, 100, 104, 8000] {
            let (mut before, mut woken) = (0, 0);
            while before < 4 * STEP {
                woken += u64::from(wakes(before, size, STEP));
                before += footprint(size);
            }
            let passed = before / STEP;
            assert!(woken >= 1 && woken <= passed, "{size}: {woken} of {passed}");
            assert!(
                size > STEP || woken == passed,
                "{size}: {woken} of {passed}"
            );
        }
    }

    #[test]
    fn records_take_what_the_kernel_says() {
        assert_eq!([1, 8, 9, 96].map(footprint), [16, 16, 24, 104]);
    }
}
