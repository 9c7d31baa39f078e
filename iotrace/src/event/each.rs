//! One read, write or sync.

use std::sync::Arc;

use super::{FileId, FilePath, FileType, Thread, Time};

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Bytes were read.
    Read,
    /// Bytes were written.
    Write,
    /// Somebody waited until what had been written was in storage.
    Sync,
}

impl Operation {
    /// All of them, in the order of their numbers on the wire.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Sync];

    /// Type of its records in NDJSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Sync => "sync",
        }
    }

    /// From NDJSON.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// An operation that did not fail.
#[derive(Clone, Debug, PartialEq)]
pub struct Each {
    /// When it ended.
    pub time: Time,
    /// By whom.
    pub thread: Thread,
    /// On what.
    pub file: FileId,
    /// Its kind.
    pub file_type: FileType,
    /// Where it is, when known.
    pub path: Option<Arc<FilePath>>,
    /// What.
    pub operation: Operation,
    /// Bytes that were moved; 0 of a sync.
    pub bytes: u64,
    /// Operations that are told together; most often one.
    pub count: u64,
    /// Where in the file it began, when known.
    pub offset: Option<u64>,
    /// Bytes that were asked for, when known.
    pub size: Option<u64>,
    /// How long it took, nanoseconds, when known.
    pub latency_ns: Option<u64>,
}
