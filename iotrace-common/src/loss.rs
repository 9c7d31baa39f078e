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
    /// the operation could not be given to a file (syscall backend only).
    FdGone = 4,
    /// A child of the followed command found no room in the set of processes.
    FollowFull = 5,
    /// A call found no room among those that are under way, and was not counted
    /// or told (kprobe backend only).
    CallsFull = 6,
    /// The return of a call was not seen, so it was not counted or told (kprobe
    /// backend only).
    ReturnMissed = 7,
    /// Another thread closed the file before its name could be read: its row has
    /// no path (kprobe and syscall backends only).
    NameGone = 8,
}

/// The programs that can preempt each other on a CPU: each has its own row of
/// loss counters, so that plain additions do.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// Reads, or all of the syscall backend.
    Read = 0,
    /// Writes.
    Write = 1,
    /// Opens.
    Open = 2,
    /// Birth of processes.
    Fork = 3,
    /// Death of processes.
    Exit = 4,
    /// Return of system calls (kprobe backend).
    Return = 5,
    /// Death of threads (kprobe backend).
    ThreadExit = 6,
}

impl Hook {
    /// How many there are.
    pub const COUNT: usize = 7;
}

/// Loss counters of one [`Hook`] on one CPU, indexed by [`Loss`].
pub type Losses = [u64; Loss::ALL.len()];

impl Loss {
    /// All causes, in the order of their index.
    pub const ALL: [Self; 9] = [
        Self::RingFull,
        Self::PathCut,
        Self::ReadFailed,
        Self::NameUnreadable,
        Self::FdGone,
        Self::FollowFull,
        Self::CallsFull,
        Self::ReturnMissed,
        Self::NameGone,
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
        }
    }
}
