//! What happens to files as such, beside opens, reads and writes.

use super::{FileId, FilePath, FileType, Thread, Time};

/// A change of names, or of a file, that succeeded.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// When it was done.
    pub time: Time,
    /// By whom.
    pub thread: Thread,
    /// What happened.
    pub what: Changed,
    /// The file; not known to backends that see system calls only.
    pub file: Option<FileId>,
    /// Its kind, when known.
    pub file_type: Option<FileType>,
    /// The name that was made or removed; of a rename the new one. None at the end of a file,
    /// which has none any more.
    pub path: Option<FilePath>,
    /// Names that the file has now, when known.
    pub links: Option<u32>,
    /// Whoever lost a name by it (the file, or the one that was replaced) was open.
    pub held: bool,
    /// Bytes of dirty pages that were dropped by it or since the thread was last heard of, so that
    /// they will not be written to storage; `None` when not known.
    pub cancelled_bytes: Option<u64>,
}

/// See [`Change`].
#[derive(Clone, Debug, PartialEq)]
pub enum Changed {
    /// A file was made, by another call than an open.
    Create,
    /// It got a further name.
    Link {
        /// One that it had.
        from: Option<FilePath>,
    },
    /// A name was removed.
    Unlink,
    /// A directory was removed.
    Rmdir,
    /// A name was changed.
    Rename {
        /// The old one.
        from: Option<FilePath>,
        /// The file that had the new one, if there was one and it is known.
        other: Option<FileId>,
        /// That file has the old name now.
        exchange: bool,
    },
    /// The size was set.
    Truncate {
        /// To so many bytes.
        length: u64,
    },
    /// The last who used a file without a name let go of it.
    Free,
}

impl Changed {
    /// Types of records in NDJSON.
    pub const NAMES: [&str; 7] = [
        "create", "link", "unlink", "rmdir", "rename", "truncate", "free",
    ];

    /// In NDJSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Link { .. } => "link",
            Self::Unlink => "unlink",
            Self::Rmdir => "rmdir",
            Self::Rename { .. } => "rename",
            Self::Truncate { .. } => "truncate",
            Self::Free => "free",
        }
    }
}
