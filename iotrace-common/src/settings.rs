//! What the user asked for, written into the programs as constants at load, so
//! that the verifier removes every filter that is off.

use core::mem::size_of;

use crate::pod;

/// Filters and switches of the kernel side. 0 means "any" or "off".
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// Bytes in the ring at which a sleeping reader is woken.
    pub wake_bytes: u32,
    /// iotrace's own process, never reported.
    pub self_tgid: u32,
    /// Only this process.
    pub tgid: u32,
    /// Only this thread.
    pub tid: u32,
    /// Only this user, when `by_uid` is set.
    pub uid: u32,
    /// `uid` is a filter (0 is a user too).
    pub by_uid: u32,
    /// Only processes in the set of followed ones.
    pub follow: u32,
    /// File types to count, bit `1 << (i_mode >> 12)`.
    pub file_types: u32,
    /// Report failed opens only.
    pub failed_only: u32,
    /// The helper `bpf_get_current_task_btf` exists (5.11), and all that is read of every caller.
    pub task_btf: u32,
    /// Mask of the 32-bit mark at [`crate::Layout::compat`].
    pub compat_mask: u32,
    /// Report changes of names.
    pub changes: u32,
    /// Report each read and write.
    pub each: u32,
    /// Count reads.
    pub reads: u32,
    /// Count writes.
    pub writes: u32,
    /// The tracepoint `io_uring_complete` has the completion as its third argument
    /// (6.18, 7.2); otherwise the result is the fourth (6.1, 6.12).
    pub uring_cqe: u32,
    /// No filter lets a thread through at one time and not at another, no operation is reported
    /// by itself, and there is the helper: then repeated operations need no look at all that.
    pub settled: u32,
    /// Type id of the function `bpf_rdonly_cast` (6.2), which makes an address one to load from. 0 where
    /// it may not be called.
    pub cast: u32,
    /// Type id of a structure that is an array of numbers.
    pub cast_to: u32,
    /// First offset in it at which eight bytes do not fit any more.
    pub cast_end: u32,
}

/// Size of the table that maps a syscall number to a [`Syscall`]; a power of
/// two above every number of x86_64 and aarch64.
pub const SYSCALL_TABLE: usize = 512;

/// Added to a [`Syscall`] in the table: its third argument is the number of bytes asked for.
pub const CALL_SIZED: u8 = 1 << 6;
/// The same: its fourth argument is the place in the file.
pub const CALL_PLACED: u8 = 1 << 7;

/// What a system call is to us. Value 0 in the table: nothing.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syscall {
    /// `read`, `pread64`: descriptor first, result in bytes.
    Read = 1,
    /// `write`, `pwrite64`.
    Write = 2,
    /// `open(path, flags, mode)`.
    Open = 3,
    /// `openat(dirfd, path, flags, mode)`.
    Openat = 4,
    /// `openat2(dirfd, path, how, size)`.
    Openat2 = 5,
    /// `creat(path, mode)`.
    Creat = 6,
    /// `open_by_handle_at(mount, handle, flags)`.
    OpenByHandle = 7,
    /// `sendfile(out, in, ...)`: result in bytes.
    Sendfile = 8,
    /// `splice(in, offset, out, ...)`, `copy_file_range` likewise: result in bytes.
    Splice = 9,
    /// `io_getevents(context, least, most, events, ...)`, `io_pgetevents` likewise:
    /// result in completions.
    Getevents = 10,
    /// `unlink(path)`.
    Unlink = 11,
    /// `unlinkat(dirfd, path, flags)`.
    Unlinkat = 12,
    /// `rmdir(path)`.
    Rmdir = 13,
    /// `rename(from, to)`.
    Rename = 14,
    /// `renameat(dirfd, from, dirfd, to)`.
    Renameat = 15,
    /// `renameat2(dirfd, from, dirfd, to, flags)`.
    Renameat2 = 16,
    /// `link(from, to)`.
    Link = 17,
    /// `linkat(dirfd, from, dirfd, to, flags)`.
    Linkat = 18,
    /// `symlink(target, path)`.
    Symlink = 19,
    /// `symlinkat(target, dirfd, path)`.
    Symlinkat = 20,
    /// `mkdir(path, mode)`.
    Mkdir = 21,
    /// `mkdirat(dirfd, path, mode)`.
    Mkdirat = 22,
    /// `mknod(path, mode, device)`.
    Mknod = 23,
    /// `mknodat(dirfd, path, mode, device)`.
    Mknodat = 24,
    /// `truncate(path, length)`.
    Truncate = 25,
    /// `ftruncate(fd, length)`.
    Ftruncate = 26,
    /// `fsync(fd)`, `fdatasync(fd)`.
    Fsync = 27,
}

impl Syscall {
    /// Whether the kind of a system call is one of opens.
    #[inline(always)]
    pub const fn is_open(kind: u8) -> bool {
        kind >= Self::Open as u8 && kind <= Self::OpenByHandle as u8
    }

    /// Whether it is one of reads and writes.
    #[inline(always)]
    pub const fn is_transfer(kind: u8) -> bool {
        kind != 0 && !Self::is_open(kind) && kind < Self::Unlink as u8
    }

    /// Whether it is one that changes names, or the size of a file.
    #[inline(always)]
    pub const fn is_change(kind: u8) -> bool {
        kind >= Self::Unlink as u8 && kind <= Self::Ftruncate as u8
    }
}

pod!(Settings);

const _: () = assert!(size_of::<Settings>() == 80);
