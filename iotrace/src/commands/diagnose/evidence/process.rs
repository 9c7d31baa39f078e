//! Processes, and what they did with files.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;

use crate::event::{Comm, Counts, Facts, FilePath, FileType, Usage};

/// Threads of a process that are told apart.
const MOST_THREADS: usize = 64;

/// A process, with what it did while it was watched.
#[derive(Clone, Debug, Default)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// What it is.
    pub facts: Arc<Facts>,
    /// By the kernel's accounts.
    pub usage: Usage,
    /// Of all files, by tracing.
    pub counts: Counts,
    /// Opens, also those that failed.
    pub opens: u64,
    /// Names made, changed and removed.
    pub changes: u64,
    /// Times that it waited until a file was in storage.
    pub syncs: u64,
    /// It is no more.
    pub ended: bool,
    /// Bytes by thread, with the thread's name.
    pub threads: HashMap<u32, (Comm, u64)>,
}

/// What a process did with a file.
#[derive(Clone, Debug)]
pub struct FileUse {
    /// Where it is, when known.
    pub path: Option<Arc<FilePath>>,
    /// Its kind.
    pub file_type: FileType,
    /// How much.
    pub counts: Counts,
    /// How often somebody waited until it was in storage.
    pub syncs: u64,
}

/// How often a file was cut to nothing, or replaced by another one.
#[derive(Clone, Debug, Default)]
pub struct Renewals {
    /// How often.
    pub count: u64,
    /// The name under which the last one that took its place was written.
    pub from: Option<Bytes>,
}

impl Process {
    pub(super) fn thread(&mut self, tid: u32, comm: Comm, bytes: u64) {
        if self.threads.len() < MOST_THREADS || self.threads.contains_key(&tid) {
            let thread = self.threads.entry(tid).or_insert((comm, 0));
            thread.1 = thread.1.saturating_add(bytes);
        }
    }

    /// The thread that moved most bytes, when it is not the first one.
    pub fn busiest_thread(&self) -> Option<(u32, &Comm)> {
        let busiest = self
            .threads
            .iter()
            .max_by_key(|(tid, (_, bytes))| (*bytes, **tid));
        busiest
            .filter(|(tid, _)| **tid != self.pid)
            .map(|(tid, (comm, _))| (*tid, comm))
    }

    /// Bytes that became dirty and were not dropped; none of who dropped what others had written.
    pub fn net_written(&self) -> u64 {
        u64::try_from(self.usage.net_write_bytes()).unwrap_or(0)
    }

    /// Whether it did anything with files or disks.
    pub fn did_anything(&self) -> bool {
        self.gross_bytes() > 0 || self.counts.bytes() > 0 || self.opens > 0 || self.changes > 0
    }

    /// Bytes from storage, and those that became dirty, also such as were dropped later.
    pub fn gross_bytes(&self) -> u64 {
        self.usage
            .disk_read_bytes
            .saturating_add(self.usage.disk_write_bytes)
    }
}
