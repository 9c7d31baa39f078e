//! What one thread did, file by file, from what its calls returned.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use crate::counts::{Counts, Extra, Moved};
use crate::work::protocol::this_tid;

/// What was done to one file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Done {
    /// How.
    pub way: String,
    /// By which process.
    pub pid: u32,
    /// And thread of it; none when a thread of the kernel's choice did it.
    pub tid: Option<u32>,
    /// The thread that fetched the results, if it was another.
    pub reaper: Option<u32>,
    /// The file.
    pub path: PathBuf,
    /// How much.
    #[serde(flatten)]
    pub moved: Moved,
}

/// Errors by which the kernel or a file system says that it does not do something.
const NOT_THERE: [i32; 4] = [libc::ENOSYS, libc::EINVAL, libc::EOPNOTSUPP, libc::EPERM];

/// What the kernel or the file system does not do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Untried {
    /// The way.
    pub way: String,
    /// What of it, and why.
    pub why: String,
}

impl Untried {
    /// Because of an error that says so; any other is one of the workload.
    pub fn because(way: &str, what: &str, error: &io::Error) -> Result<Self> {
        let code = error.raw_os_error();
        ensure!(
            code.is_some_and(|code| NOT_THERE.contains(&code)),
            "{what}: {error}"
        );
        Ok(Self {
            way: way.to_owned(),
            why: format!("{what}: {error}"),
        })
    }
}

/// All that was done.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// All processes of the workload.
    pub pids: Vec<u32>,
    /// File by file.
    pub done: Vec<Done>,
    /// What was not.
    pub untried: Vec<Untried>,
}

impl Report {
    /// Takes in another part.
    pub fn add(&mut self, part: Self) {
        self.pids.extend(part.pids);
        self.done.extend(part.done);
        self.untried.extend(part.untried);
    }
}

/// Process, thread, reaper and file.
type Key = (u32, Option<u32>, Option<u32>, PathBuf);

/// Sums by file.
pub struct Ledger {
    way: &'static str,
    pid: u32,
    tid: Option<u32>,
    reaper: Option<u32>,
    more_pids: Vec<u32>,
    done: BTreeMap<Key, Moved>,
    untried: Vec<Untried>,
}

impl Ledger {
    /// Of the calling thread.
    pub fn new(way: &'static str) -> Self {
        Self {
            way,
            pid: std::process::id(),
            tid: Some(this_tid()),
            reaper: None,
            more_pids: Vec::new(),
            done: BTreeMap::new(),
            untried: Vec::new(),
        }
    }

    /// From here on a thread of the kernel works for this one.
    pub fn any_thread(&mut self) {
        self.tid = None;
    }

    /// This thread has fetched the results of what comes next.
    pub fn reaped_by(&mut self, tid: Option<u32>) {
        self.reaper = tid;
    }

    /// A read that did not fail.
    pub fn read(&mut self, path: &Path, bytes: u64) {
        let counts = Counts {
            reads: 1,
            read_bytes: bytes,
            ..Counts::ZERO
        };
        self.add(path, counts, Extra::default());
    }

    /// A write that did not fail.
    pub fn write(&mut self, path: &Path, bytes: u64) {
        let counts = Counts {
            writes: 1,
            write_bytes: bytes,
            ..Counts::ZERO
        };
        self.add(path, counts, Extra::default());
    }

    /// What is not operations.
    pub fn extra(&mut self, path: &Path, extra: Extra) {
        self.add(path, Counts::ZERO, extra);
    }

    fn add(&mut self, path: &Path, counts: Counts, extra: Extra) {
        let key = (self.pid, self.tid, self.reaper, path.to_owned());
        *self.done.entry(key).or_default() += Moved { counts, extra };
    }

    /// A read by the first thread of a child.
    pub fn read_by_child(&mut self, pid: u32, path: &Path, bytes: u64) {
        let own = (self.pid, self.tid);
        (self.pid, self.tid) = (pid, Some(pid));
        self.read(path, bytes);
        (self.pid, self.tid) = own;
        self.more_pids.push(pid);
    }

    /// Something can not be done here.
    pub fn untried(&mut self, why: impl Into<String>) {
        self.untried.push(Untried {
            way: self.way.to_owned(),
            why: why.into(),
        });
    }

    /// The same because of an error.
    pub fn refused(&mut self, what: &str, error: &io::Error) -> Result<()> {
        let untried = Untried::because(self.way, what, error)?;
        self.untried.push(untried);
        Ok(())
    }

    /// The sums.
    pub fn close(mut self) -> Report {
        self.more_pids.push(self.pid);
        self.more_pids.sort_unstable();
        self.more_pids.dedup();
        let done = self.done.into_iter();
        let done = done.map(|((pid, tid, reaper, path), moved)| Done {
            way: self.way.to_owned(),
            pid,
            tid,
            reaper,
            path,
            moved,
        });
        Report {
            pids: self.more_pids,
            done: done.collect(),
            untried: self.untried,
        }
    }
}
