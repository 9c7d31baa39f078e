//! What is asked of the kernel side, and by which way.

use std::path::PathBuf;

/// Sizes when nothing else is said.
pub mod sizes {
    /// Counter rows of an interval.
    pub const ROWS: u32 = 32_768;
    /// Threads that make calls.
    pub const CALLERS: u32 = 32_768;
    /// AIO requests under way, and operations whose use of the cache is of interest.
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
}

/// What is to be reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct What {
    /// Counted reads and writes.
    pub transfers: Option<Transfers>,
    /// Each open.
    pub opens: Option<Opens>,
    /// Each change of names, and each end of a file.
    pub changes: Option<Changes>,
    /// Each time that somebody waits until a file is in storage.
    pub syncs: bool,
    /// What each process did, at its end.
    pub accounts: bool,
}

/// Which opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opens {
    /// All.
    All,
    /// Only those that failed.
    Failed,
}

/// Changes of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changes {
    /// Of regular files.
    Files,
    /// Also of directories, links, devices and the like.
    Everything,
}

/// Which reads and writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transfers {
    /// Reads.
    pub read: bool,
    /// Writes.
    pub write: bool,
    /// Page faults of mapped files too.
    pub mapped: bool,
    /// What is done to files below others too.
    pub layers: bool,
    /// What moves between cache and storage too.
    pub cache: bool,
    /// Each of them, beside the sums.
    pub each: bool,
}

impl What {
    /// Nothing.
    pub const NOTHING: Self = Self {
        transfers: None,
        opens: None,
        changes: None,
        syncs: false,
        accounts: false,
    };

    /// Only reads and writes.
    pub fn transfers(transfers: Transfers) -> Self {
        Self {
            transfers: Some(transfers),
            ..Self::default()
        }
    }

    /// Only opens.
    pub fn opens(opens: Opens) -> Self {
        Self {
            opens: Some(opens),
            ..Self::default()
        }
    }

    /// Whether reads and writes are counted.
    pub fn directions(self) -> (bool, bool) {
        let transfers = self.transfers;
        transfers.map_or((false, false), |transfers| {
            (transfers.read, transfers.write)
        })
    }

    /// Whether it is of interest what moves between cache and storage.
    pub fn has_cache(self) -> bool {
        self.transfers.is_some_and(|transfers| transfers.cache)
    }

    /// Whether operations are counted.
    pub fn is_counted(self) -> bool {
        self.transfers.is_some()
    }

    /// Whether things are told one by one.
    pub fn is_told(self) -> bool {
        self.opens.is_some() || self.changes.is_some() || self.syncs || self.has_each()
    }

    /// Whether each read and write is told.
    pub fn has_each(self) -> bool {
        self.transfers.is_some_and(|transfers| transfers.each)
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
    /// Rows that one interval can have.
    pub rows: u32,
    /// Threads (backend kprobe) and AIO requests that can be remembered; `None` for what is usual.
    pub calls: Option<u32>,
    /// Processes that can be followed.
    pub followed: u32,
    /// Bytes of the ring buffer, a power of two of at least a page.
    pub ring_bytes: u32,
    /// The kernel programs log what they lose.
    pub log: bool,
    /// Where the kernel's BTF is; `None` for the usual place.
    pub btf: Option<PathBuf>,
}
