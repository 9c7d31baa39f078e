//! Each way to lose something, with a counter of its own.

/// Index into the per-CPU loss counters. Appended to, never reordered.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// A record found no room in the ring buffer.
    RingFull = 0,
    /// A path had more steps or bytes than a record holds; its end is reported.
    PathCut = 1,
    /// A kernel structure could not be read.
    ReadFailed = 2,
    /// The caller's string of an open could not be read.
    NameUnreadable = 3,
    /// The descriptor was closed by another thread before the call returned, so
    /// the operation could not be given to a file (syscall backend; with the others
    /// calls that name files by descriptors alone, such as `sendfile`).
    FdGone = 4,
    /// A child of the followed command found no room in the set of processes.
    FollowFull = 5,
    /// The thread of a call (kprobe backend) found no room among those that are remembered, or an
    /// AIO request (fentry, kprobe) none among those that are under way: not counted or told.
    CallsFull = 6,
    /// The return of a call was not seen, so it was not counted or told (kprobe
    /// backend only).
    ReturnMissed = 7,
    /// Another thread closed the file before its name could be read, or it was the third new
    /// file of one call: its row has no path.
    NameGone = 8,
    /// An io_uring completion found the queue full and was delivered later, without
    /// a trace of its file: not counted.
    UringOverflow = 9,
    /// A call delivered more AIO completions than are looked at (syscall backend
    /// only): not counted.
    AioBatch = 10,
    /// It is not known what an operation moved between cache and storage (`--cache`).
    StorageUnknown = 11,
}

/// The programs that can preempt each other on a CPU: each has its own totals, loss
/// counters and buffer for names, so that plain additions do.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// Reads, or all of the syscall backend.
    Read = 0,
    /// Writes.
    Write = 1,
    /// Return of system calls (kprobe backend).
    Return = 2,
    /// Reads into several buffers.
    Readv = 3,
    /// Writes from several buffers.
    Writev = 4,
    /// `sendfile`.
    Sendfile = 5,
    /// `splice`.
    Splice = 6,
    /// `copy_file_range`.
    Copy = 7,
    /// Reflinks.
    Clone = 8,
    /// Reads by the kernel for the caller.
    KernelRead = 9,
    /// Ends of AIO requests.
    AioDone = 10,
    /// Ends of io_uring requests.
    Uring = 11,
    /// Page faults of mapped files.
    Fault = 12,
    /// First writes to pages of mapped files.
    MkWrite = 13,
    /// Reads of lower layers.
    LowerRead = 14,
    /// Writes of lower layers.
    LowerWrite = 15,
    /// Opens.
    Open = 16,
    /// Opens by handle.
    HandleOpen = 17,
    /// Opens by io_uring.
    UringOpen = 18,
    /// Opens by exec.
    Exec = 19,
    /// Birth of processes.
    Fork = 20,
    /// Death of processes.
    Exit = 21,
    /// Death of threads (kprobe backend).
    ThreadExit = 22,
    /// Begins of AIO reads.
    AioRead = 23,
    /// Begins of AIO writes.
    AioWrite = 24,
    /// Full completion queues of io_uring.
    UringOverflow = 25,
    /// Begins and ends of operations whose use of the cache is of interest: all programs share
    /// this row, so that a loss may be missed where they preempt each other.
    Mark = 26,
    /// Changes of names, by system calls.
    Change = 27,
    /// Names removed.
    Unlink = 28,
    /// Directories removed.
    Rmdir = 29,
    /// Renames.
    Rename = 30,
    /// Begins of renames.
    RenameBegin = 31,
    /// Further names.
    Link = 32,
    /// Files made by other calls than opens.
    Create = 33,
    /// Devices, pipes and sockets made.
    Mknod = 34,
    /// Directories made.
    Mkdir = 35,
    /// Symbolic links made.
    Symlink = 36,
    /// Files cut by descriptor.
    Truncate = 37,
    /// Files cut by path.
    PathTruncate = 38,
    /// Ends of files.
    Free = 39,
    /// Begins of the other changes.
    ChangeBegin = 40,
    /// Begins of operations that are told one by one; shared as [`Hook::Mark`] is.
    EachBegin = 41,
    /// What processes did, at their end.
    Account = 42,
    /// Files brought to storage.
    Sync = 43,
}

impl Hook {
    /// How many there are.
    pub const COUNT: usize = 44;
    /// Those that count and name files: the first ones.
    pub const COUNTING: usize = 16;
    /// The first one that tells opens; so many do.
    pub const FIRST_OPEN: usize = Self::Open as usize;
    /// How many tell opens.
    pub const OPENING: usize = 4;
    /// The first one that tells changes; so many do.
    pub const FIRST_CHANGE: usize = Self::Change as usize;
    /// How many tell changes.
    pub const CHANGING: usize = 13;
}

/// Loss counters of one [`Hook`] on one CPU, indexed by [`Loss`].
/// Sixteen, so that a mask bounds an index, which is what the verifier understands.
pub type Losses = [u64; 16];

const _: () = assert!(Loss::ALL.len() <= 16);

impl Loss {
    /// All causes, in the order of their index.
    pub const ALL: [Self; 12] = [
        Self::RingFull,
        Self::PathCut,
        Self::ReadFailed,
        Self::NameUnreadable,
        Self::FdGone,
        Self::FollowFull,
        Self::CallsFull,
        Self::ReturnMissed,
        Self::NameGone,
        Self::UringOverflow,
        Self::AioBatch,
        Self::StorageUnknown,
    ];

    /// Name in NDJSON and in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RingFull => "ring_full",
            Self::PathCut => "path_cut",
            Self::ReadFailed => "read_failed",
            Self::NameUnreadable => "name_unreadable",
            Self::FdGone => "fd_gone",
            Self::FollowFull => "follow_full",
            Self::CallsFull => "calls_full",
            Self::ReturnMissed => "return_missed",
            Self::NameGone => "name_gone",
            Self::UringOverflow => "uring_overflow",
            Self::AioBatch => "aio_batch",
            Self::StorageUnknown => "storage_unknown",
        }
    }
}
