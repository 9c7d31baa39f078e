//! Puts together what the kernel tells in more than one record.

use std::collections::HashMap;

use crate::{
    decode::Begun,
    event::{Change, Changed, FilePath, Open},
};

/// Most threads that are remembered; then all are forgotten. A name that is missing then is said
/// to be unknown.
const THREADS: usize = 65_536;

/// What is remembered of each thread until its next record.
#[derive(Debug, Default)]
pub struct Joiner {
    /// The name that it is about to change, and when it began to.
    from: HashMap<u32, (u64, Option<FilePath>)>,
    /// What it kept from being written so far.
    cancelled: HashMap<u32, u64>,
}

impl Joiner {
    /// A change that is about to be made.
    pub fn begin(&mut self, begun: Begun) {
        if self.from.len() >= THREADS {
            self.from.clear();
        }
        self.from.insert(begun.tid, (begun.begun_ns, begun.path));
    }

    /// Completes an open.
    pub fn open(&mut self, open: &mut Open, cancelled: Option<u64>) {
        open.cancelled_bytes = self.since(open.thread.tid, cancelled);
    }

    /// Completes a change.
    pub fn change(&mut self, change: &mut Change, begun_ns: u64, cancelled: Option<u64>) {
        let tid = change.thread.tid;
        change.cancelled_bytes = self.since(tid, cancelled);
        if let Changed::Link { from } | Changed::Rename { from, .. } = &mut change.what
            && let Some((began, path)) = self.from.remove(&tid)
            && began == begun_ns
        {
            *from = path;
        }
    }

    /// By how much the thread's own sum has grown since it was last heard of.
    fn since(&mut self, tid: u32, now: Option<u64>) -> Option<u64> {
        let now = now?;
        if self.cancelled.len() >= THREADS {
            self.cancelled.clear();
        }
        let before = self.cancelled.insert(tid, now)?;
        // Less than before is another thread, which began at 0.
        Some(now.checked_sub(before).unwrap_or(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Comm, Thread, Time};
    use bytes::Bytes;

    fn path(name: &'static str) -> Option<FilePath> {
        Some(FilePath {
            bytes: Bytes::from_static(name.as_bytes()),
            ..FilePath::default()
        })
    }

    fn rename(tid: u32) -> Change {
        Change {
            time: Time(9),
            thread: Thread {
                pid: 1,
                tid,
                uid: 0,
                comm: Comm::default(),
            },
            what: Changed::Rename {
                from: None,
                other: None,
                exchange: false,
            },
            file: None,
            file_type: None,
            path: path("/b"),
            links: None,
            held: false,
            cancelled_bytes: None,
        }
    }

    fn from(change: &Change) -> Option<&FilePath> {
        match &change.what {
            Changed::Rename { from, .. } => from.as_ref(),
            _ => None,
        }
    }

    #[test]
    fn a_rename_gets_the_name_of_its_own_begin_only() {
        let mut joiner = Joiner::default();
        let begin = |tid, begun_ns| Begun {
            tid,
            begun_ns,
            path: path("/a"),
        };
        joiner.begin(begin(7, 1));
        let mut other = rename(8);
        joiner.change(&mut other, 1, None);
        assert_eq!(from(&other), None);
        // One that failed, then one whose begin was lost.
        let mut late = rename(7);
        joiner.change(&mut late, 2, None);
        assert_eq!(from(&late), None);
        joiner.begin(begin(7, 3));
        let mut right = rename(7);
        joiner.change(&mut right, 3, None);
        assert_eq!(from(&right), path("/a").as_ref());
    }

    #[test]
    fn what_was_cancelled_is_a_difference() {
        let mut joiner = Joiner::default();
        let mut told = |total| {
            let mut change = rename(7);
            joiner.change(&mut change, 1, total);
            change.cancelled_bytes
        };
        assert_eq!(told(Some(100)), None);
        assert_eq!(told(Some(4196)), Some(4096));
        assert_eq!(told(None), None);
        assert_eq!(told(Some(4196)), Some(0));
        // The number was given to a new thread.
        assert_eq!(told(Some(10)), Some(10));
    }
}
