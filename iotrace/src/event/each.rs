//! One read or write.

use std::sync::Arc;

use super::{FileId, FilePath, FileType, Thread, Time};

/// A read or write that did not fail.
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
    /// It wrote.
    pub is_write: bool,
    /// Bytes that were moved.
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
