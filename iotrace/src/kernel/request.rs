//! What is asked of the kernel side, and by which way.

use std::path::PathBuf;

/// Sizes when nothing else is said.
pub mod sizes {
    /// Counter rows of an interval.
    pub const ROWS: u32 = 32_768;
    /// Calls under way.
    pub const CALLS: u32 = 8_192;
    /// Followed processes.
    pub const PROCESSES: u32 = 8_192;
    /// KiB of the ring buffer where only names go through it.
    pub const RING_OF_NAMES_KIB: u32 = 1024;
    /// KiB of the ring buffer where each event does.
    pub const RING_OF_EVENTS_KIB: u32 = 8192;
}

/// A way to trace the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Backend {
    /// Programs on the exit of VFS functions, direct loads. The cheapest.
    Fentry,
    /// Programs on the entry of the same functions, and on the exit of all system
    /// calls. For kernels without the first.
    Kprobe,
    /// One program on the exit of all system calls. Works where the others are
    /// refused, costs every system call a little.
    Syscall,
}

/// A program of the object and where it is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AttachPoint {
    /// Its name in the object, which also tells its type.
    pub program: &'static str,
    /// Kernel function or tracepoint.
    pub at: &'static str,
}

const fn hook(program: &'static str, at: &'static str) -> AttachPoint {
    AttachPoint { program, at }
}

impl Backend {
    /// Best first.
    pub const ALL: [Self; 3] = [Self::Fentry, Self::Kprobe, Self::Syscall];

    /// As the user writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fentry => "fentry",
            Self::Kprobe => "kprobe",
            Self::Syscall => "syscall",
        }
    }

    /// What this backend does not see, in one line.
    pub fn blind_spots(self) -> &'static str {
        match self {
            Self::Fentry | Self::Kprobe => {
                "readv/writev, io_uring, AIO, sendfile, splice and mmap are not seen yet"
            }
            Self::Syscall => {
                "readv/writev, io_uring, AIO, sendfile, splice, mmap and 32-bit programs are not seen yet"
            }
        }
    }

    /// The hooks that do what is wanted, in the order in which they are attached:
    /// a return before its entry, so that no entry waits in vain.
    pub(super) fn hooks(self, what: What) -> Vec<AttachPoint> {
        let (read, write) = match what {
            What::Transfers { read, write } => (read, write),
            What::Opens { .. } => (false, false),
        };
        let opens = !what.is_counted();
        let hooks: &[(bool, AttachPoint)] = match self {
            Self::Fentry => &[
                (read, hook("vfs_read_exit", "vfs_read")),
                (write, hook("vfs_write_exit", "vfs_write")),
                (opens, hook("do_sys_openat2_exit", "do_sys_openat2")),
            ],
            Self::Kprobe => &[
                (true, hook("calls_end", "sched_process_exit")),
                (read || write, hook("transfer_return", "sys_exit")),
                (read, hook("vfs_read_entry", "vfs_read")),
                (write, hook("vfs_write_entry", "vfs_write")),
                (opens, hook("open_return", "sys_exit")),
                (opens, hook("do_sys_openat2_entry", "do_sys_openat2")),
            ],
            Self::Syscall => &[(true, hook("sys_exit", "sys_exit"))],
        };
        let wanted = hooks.iter().filter(|(wanted, _)| *wanted);
        wanted.map(|(_, hook)| *hook).collect()
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
    /// Calls under way that can be remembered (backend kprobe).
    pub calls: u32,
    /// Processes that can be followed.
    pub followed: u32,
    /// Bytes of the ring buffer, a power of two of at least a page.
    pub ring_bytes: u32,
    /// The kernel programs log what they lose.
    pub log: bool,
    /// Where the kernel's BTF is; `None` for the usual place.
    pub btf: Option<PathBuf>,
}
