//! What is asked of the kernel side, and by which way.

use std::path::PathBuf;

/// A way to trace the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Backend {
    /// Programs on the exit of VFS functions, direct loads. The cheapest.
    Fentry,
    /// One program on the exit of all system calls. Works where the others are
    /// refused, costs every system call a little.
    Syscall,
}

impl Backend {
    /// Best first.
    pub const ALL: [Self; 2] = [Self::Fentry, Self::Syscall];

    /// As the user writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fentry => "fentry",
            Self::Syscall => "syscall",
        }
    }

    /// What this backend does not see, in one line.
    pub fn blind_spots(self) -> &'static str {
        match self {
            Self::Fentry => {
                "readv/writev, io_uring, AIO, sendfile, splice and mmap are not seen yet"
            }
            Self::Syscall => {
                "readv/writev, io_uring, AIO, sendfile, splice, mmap and 32-bit programs are not seen yet"
            }
        }
    }

    /// The programs that do what is wanted, with their attach points.
    pub(super) fn programs(self, what: What) -> &'static [&'static str] {
        match (self, what) {
            (
                Self::Fentry,
                What::Transfers {
                    read: true,
                    write: true,
                },
            ) => &["vfs_read", "vfs_write"],
            (Self::Fentry, What::Transfers { write: false, .. }) => &["vfs_read"],
            (Self::Fentry, What::Transfers { read: false, .. }) => &["vfs_write"],
            (Self::Fentry, What::Opens { .. }) => &["do_sys_openat2"],
            (Self::Syscall, _) => &["sys_exit"],
        }
    }
}

/// What is to be reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Counted reads and writes.
    Transfers {
        /// Reads.
        read: bool,
        /// Writes.
        write: bool,
    },
    /// Each open.
    Opens {
        /// Only those that failed.
        failed_only: bool,
    },
}

impl What {
    /// Whether operations are counted rather than told one by one.
    pub fn is_counted(self) -> bool {
        matches!(self, Self::Transfers { .. })
    }
}

/// Whether iotrace's own operations are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnTraffic {
    /// Left out, in the kernel.
    Excluded,
    /// Reported like all other.
    Included,
}

/// What the user asked the kernel side for.
#[derive(Clone, Debug)]
pub struct Request {
    /// A backend, or the best that works.
    pub backend: Option<Backend>,
    /// What to report.
    pub what: What,
    /// Only this process.
    pub pid: Option<u32>,
    /// Only this thread.
    pub tid: Option<u32>,
    /// Only this user.
    pub uid: Option<u32>,
    /// Only descendants of this process, whose own traffic is left out.
    pub follow: bool,
    /// iotrace's own traffic.
    pub own: OwnTraffic,
    /// All types of file, not only regular files and disks.
    pub all_files: bool,
    /// Rows that the counter maps hold.
    pub rows: u32,
    /// Bytes of the ring buffer, a power of two of at least a page.
    pub ring_bytes: u32,
    /// The kernel programs log what they lose.
    pub log: bool,
    /// Where the kernel's BTF is; `None` for the usual place.
    pub btf: Option<PathBuf>,
}
