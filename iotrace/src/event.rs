//! What happened, in the domain's own terms. Commands fold a stream of these;
//! they do not know where it comes from.

mod change;
mod comm;
mod device;
mod each;
mod path;
mod process;
mod stack;
mod system;

use std::{borrow::Cow, collections::BTreeMap, fmt, ops::AddAssign, sync::Arc};

pub use change::{Change, Changed};
pub use comm::Comm;
pub use device::{Device, DeviceKind, DeviceWork};
pub use each::{Each, Operation};
pub use path::FilePath;
pub use process::{Accounts, Container, Exit, Facts, Proc, Usage};
pub use stack::Stack;
pub use system::{System, Work, WorkKind};

/// Nanoseconds since 1970-01-01 00:00 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub u64);

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Reads and writes of one file by one thread since the last tick.
    Io(Io),
    /// One open.
    Open(Open),
    /// One read or write, which is counted too; or one sync.
    Each(Each),
    /// One change of names, or the end of a file.
    Change(Change),
    /// What a process did since the last tick.
    Proc(Proc),
    /// What a block device did since the last tick.
    Device(Device),
    /// How the system fared since the last tick.
    System(System),
    /// What the system does on its own account.
    Work(Work),
    /// The end of an interval.
    Tick(Tick),
}

impl Event {
    /// When it happened; sums have the time of the tick that follows them.
    pub fn time(&self) -> Option<Time> {
        match self {
            Self::Io(_) | Self::Proc(_) | Self::Device(_) | Self::System(_) | Self::Work(_) => None,
            Self::Open(open) => Some(open.time),
            Self::Each(each) => Some(each.time),
            Self::Change(change) => Some(change.time),
            Self::Tick(tick) => Some(tick.time),
        }
    }
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Thread {
    /// Process id.
    pub pid: u32,
    /// Thread id.
    pub tid: u32,
    /// Real user id.
    pub uid: u32,
    /// Name of the thread.
    pub comm: Comm,
}

/// What makes a file this one and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId {
    /// Major number of the superblock's device.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// Inode number.
    pub ino: u64,
    /// Generation of the inode: an inode number that is used again has another.
    pub generation: u32,
}

/// Kind of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileType {
    /// A file with data.
    Regular,
    /// A disk, volume or partition.
    Block,
    /// A character device.
    Char,
    /// A pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A directory.
    Directory,
    /// A symbolic link (opened with `O_PATH`).
    Symlink,
    /// Without a type: event descriptors and the like.
    Other,
}

impl FileType {
    /// In NDJSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Regular => "regular",
            Self::Block => "block",
            Self::Char => "char",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
            Self::Directory => "directory",
            Self::Symlink => "symlink",
            Self::Other => "other",
        }
    }

    /// From NDJSON.
    pub fn from_name(name: &str) -> Option<Self> {
        const ALL: [FileType; 8] = [
            FileType::Regular,
            FileType::Block,
            FileType::Char,
            FileType::Fifo,
            FileType::Socket,
            FileType::Directory,
            FileType::Symlink,
            FileType::Other,
        ];
        ALL.into_iter().find(|file_type| file_type.name() == name)
    }

    /// In tables: R, B and S as in filetop, the rest by their first letter.
    pub fn letter(self) -> char {
        match self {
            Self::Regular => 'R',
            Self::Block => 'B',
            Self::Char => 'C',
            Self::Fifo => 'F',
            Self::Socket => 'S',
            Self::Directory => 'D',
            Self::Symlink => 'L',
            Self::Other => 'O',
        }
    }
}

/// Operations and bytes. Sums stop at the largest number rather than start again:
/// writing to `/dev/null` costs so little that a day is enough to get there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Reads that did not fail.
    pub reads: u64,
    /// Writes that did not fail.
    pub writes: u64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub write_bytes: u64,
    /// Page faults that read a mapped file.
    pub map_reads: u64,
    /// First writes to a page of a shared mapping.
    pub map_writes: u64,
    /// Bytes that the file came to share with another one.
    pub cloned_bytes: u64,
    /// What moved between cache and storage, where that is known.
    pub storage: Option<Storage>,
}

/// What moved between the page cache and storage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Storage {
    /// Bytes read from storage, readahead included.
    pub fetched_bytes: u64,
    /// Bytes of pages that became dirty; of direct writes, their bytes.
    pub dirtied_bytes: u64,
}

impl Storage {
    fn without(&self, part: &Self) -> Option<Self> {
        Some(Self {
            fetched_bytes: self.fetched_bytes.checked_sub(part.fetched_bytes)?,
            dirtied_bytes: self.dirtied_bytes.checked_sub(part.dirtied_bytes)?,
        })
    }
}

impl AddAssign for Storage {
    fn add_assign(&mut self, other: Self) {
        self.fetched_bytes = self.fetched_bytes.saturating_add(other.fetched_bytes);
        self.dirtied_bytes = self.dirtied_bytes.saturating_add(other.dirtied_bytes);
    }
}

impl Counts {
    /// Bytes in both directions.
    pub fn bytes(&self) -> u64 {
        self.read_bytes.saturating_add(self.write_bytes)
    }

    /// Operations in both directions.
    pub fn operations(&self) -> u64 {
        self.reads.saturating_add(self.writes)
    }

    /// Whether there is anything.
    pub fn is_any(&self) -> bool {
        let storage = self.storage.unwrap_or_default();
        let rest = Self {
            storage: None,
            ..*self
        };
        rest != Self::default() || storage != Storage::default()
    }

    /// Operations in both directions, and page faults.
    pub fn events(&self) -> u64 {
        self.operations()
            .saturating_add(self.map_reads)
            .saturating_add(self.map_writes)
    }

    /// What is left without `part`, or `None` when it is more than the whole.
    pub fn without(&self, part: &Self) -> Option<Self> {
        Some(Self {
            reads: self.reads.checked_sub(part.reads)?,
            writes: self.writes.checked_sub(part.writes)?,
            read_bytes: self.read_bytes.checked_sub(part.read_bytes)?,
            write_bytes: self.write_bytes.checked_sub(part.write_bytes)?,
            map_reads: self.map_reads.checked_sub(part.map_reads)?,
            map_writes: self.map_writes.checked_sub(part.map_writes)?,
            cloned_bytes: self.cloned_bytes.checked_sub(part.cloned_bytes)?,
            storage: match (self.storage, part.storage) {
                (Some(whole), Some(part)) => Some(whole.without(&part)?),
                (whole, _) => whole,
            },
        })
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.reads = self.reads.saturating_add(other.reads);
        self.writes = self.writes.saturating_add(other.writes);
        self.read_bytes = self.read_bytes.saturating_add(other.read_bytes);
        self.write_bytes = self.write_bytes.saturating_add(other.write_bytes);
        self.map_reads = self.map_reads.saturating_add(other.map_reads);
        self.map_writes = self.map_writes.saturating_add(other.map_writes);
        self.cloned_bytes = self.cloned_bytes.saturating_add(other.cloned_bytes);
        if let Some(other) = other.storage {
            *self.storage.get_or_insert_default() += other;
        }
    }
}

/// See [`Event::Io`].
#[derive(Clone, Debug, PartialEq)]
pub struct Io {
    /// By whom.
    pub thread: Thread,
    /// On what.
    pub file: FileId,
    /// Its kind.
    pub file_type: FileType,
    /// Where it is, when known.
    pub path: Option<Arc<FilePath>>,
    /// It was done as a layer below another file, through which the user's process worked.
    pub lower: bool,
    /// How much.
    pub counts: Counts,
}

/// What came of an open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// It succeeded.
    Ok {
        /// File descriptor, if it was given one.
        fd: Option<u32>,
        /// The file, unless its descriptor was closed by another thread
        /// before it could be looked up.
        file: Option<(FileId, FileType)>,
        /// This open made the file; not known without `file`.
        created: Option<bool>,
    },
    /// It failed.
    Failed {
        /// Error number.
        errno: i32,
    },
}

/// By what a file was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Door {
    /// `open`, `openat`, `openat2`, `creat`.
    #[default]
    Call,
    /// `open_by_handle_at`.
    Handle,
    /// io_uring.
    Uring,
    /// exec: the program itself, or its loader.
    Exec,
}

/// See [`Event::Open`].
#[derive(Clone, Debug, PartialEq)]
pub struct Open {
    /// When the call returned.
    pub time: Time,
    /// By whom.
    pub thread: Thread,
    /// Flags as the caller gave them.
    pub flags: u64,
    /// Permission bits asked for a new file.
    pub mode: u32,
    /// What came of it.
    pub result: Opened,
    /// What was opened, when known.
    pub path: Option<FilePath>,
    /// By what it was opened.
    pub door: Door,
    /// Control group v2 id of the caller.
    pub cgroup: u64,
    /// Inode number of the caller's mount namespace, when known.
    pub mount_ns: Option<u32>,
    /// See [`Change::cancelled_bytes`]: by truncating a file. `None` also where changes are not
    /// traced.
    pub cancelled_bytes: Option<u64>,
}

/// See [`Event::Tick`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tick {
    /// When the interval ended.
    pub time: Time,
    /// How long it was, nanoseconds.
    pub interval_ns: u64,
    /// All operations of the interval: those of its [`Io`] events and `overflow`.
    pub total: Counts,
    /// Operations that found no free row.
    pub overflow: Counts,
    /// What was lost in the interval.
    pub lost: Lost,
    /// How the whole machine fares, when known.
    pub load: Option<Load>,
}

/// How the whole machine fares.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Load {
    /// `/proc/loadavg` as it stands there.
    pub average: String,
    /// Share of the CPUs' time since the last tick spent waiting for I/O, 0 to 1.
    pub iowait: Option<f64>,
}

/// What was lost, by cause. Each way to lose has its own counter and is listed
/// also while it is zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lost(BTreeMap<Cow<'static, str>, u64>);

impl Lost {
    /// Adds to a cause.
    pub fn add(&mut self, cause: impl Into<Cow<'static, str>>, count: u64) {
        *self.0.entry(cause.into()).or_default() += count;
    }

    /// What has come since an earlier look.
    pub fn since(&self, earlier: &Self) -> Self {
        let since = |(cause, count): (&Cow<'static, str>, &u64)| {
            let before = earlier.0.get(cause).copied().unwrap_or(0);
            (cause.clone(), count.saturating_sub(before))
        };
        Self(self.0.iter().map(since).collect())
    }

    /// All causes together.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Causes and counts, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(cause, count)| (&**cause, *count))
    }
}

/// `0`, or the sum with its causes: `3 (path_cut 1, ring_full 2)`.
impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.total())?;
        let causes = self.iter().filter(|(_, count)| *count > 0);
        for (n, (cause, count)) in causes.enumerate() {
            f.write_str(if n == 0 { " (" } else { ", " })?;
            write!(f, "{cause} {count}")?;
        }
        f.write_str(if self.total() == 0 { "" } else { ")" })
    }
}

impl AddAssign<&Lost> for Lost {
    fn add_assign(&mut self, other: &Self) {
        for (cause, count) in &other.0 {
            self.add(cause.clone(), *count);
        }
    }
}
