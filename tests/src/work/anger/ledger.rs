//! What all processes of the workload did, in memory that they share.
//!
//! Told over a pipe or in a file it would be I/O itself; memory is not.

use std::collections::BTreeMap;
use std::ptr;
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, ensure};
use nix::errno::Errno;

use super::report::{FileId, Touched};
use crate::counts::Counts;
use crate::work::protocol::this_tid;

/// Numbers of an entry.
const WIDTH: usize = 9;

/// More entries than any run makes. Untouched memory costs nothing.
const ENTRIES: usize = 1 << 19;

/// How a file without a known generation is written down.
const NO_GENERATION: u64 = u64::MAX;

/// Counters of the whole workload, by index.
#[derive(Clone, Copy, Debug)]
pub enum Shared {
    /// Entries so far.
    Entries,
    /// Names given to files so far.
    Names,
    /// Processes.
    Processes,
    /// Threads that are no process's first.
    Threads,
    /// Descriptors that came from another process.
    Received,
    /// Calls that failed.
    Failed,
    /// Ids that were used again.
    Reused,
}

const SHARED: usize = 7;

/// Written by every process, read by the first when the others have ended.
#[derive(Clone, Copy)]
pub struct Ledger(&'static [AtomicU64]);

impl Ledger {
    /// Must be made before the first fork.
    pub fn new() -> Result<Self> {
        let words = SHARED + WIDTH * ENTRIES;
        // SAFETY: asks for new memory; nothing that exists is touched.
        let memory = unsafe {
            libc::mmap(
                ptr::null_mut(),
                words * size_of::<AtomicU64>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        ensure!(memory != libc::MAP_FAILED, "mmap: {}", Errno::last());
        // SAFETY: page-aligned, zeroed, that long, never unmapped, and only used as atomics.
        Ok(Self(unsafe { slice::from_raw_parts(memory.cast(), words) }))
    }

    /// Adds to a counter; returns what it was.
    pub fn add(self, counter: Shared, more: u64) -> u64 {
        self.0[counter as usize].fetch_add(more, Ordering::Relaxed)
    }

    /// A counter.
    pub fn get(self, counter: Shared) -> u64 {
        self.0[counter as usize].load(Ordering::Relaxed)
    }

    /// Writes down what the calling thread did. Takes no lock and no memory, so that a child of
    /// a process with threads may do it.
    pub fn enter(self, file: FileId, counts: Counts) {
        if counts == Counts::ZERO {
            return;
        }
        let index = self.add(Shared::Entries, 1) as usize;
        // One too many is noticed when they are read.
        if index >= ENTRIES {
            return;
        }
        let values = [
            u64::from(std::process::id()),
            u64::from(this_tid()),
            file.dev,
            file.ino,
            file.generation.map_or(NO_GENERATION, u64::from),
            counts.reads,
            counts.writes,
            counts.read_bytes,
            counts.write_bytes,
        ];
        let entry = &self.0[SHARED + WIDTH * index..][..WIDTH];
        for (place, value) in entry.iter().zip(values) {
            place.store(value, Ordering::Relaxed);
        }
    }

    /// The sums of each thread and file. All others must have ended.
    pub fn sums(self) -> Result<Vec<Touched>> {
        let count = self.get(Shared::Entries) as usize;
        ensure!(count <= ENTRIES, "{count} entries are too many");
        let mut sums = BTreeMap::new();
        for entry in self.0[SHARED..].chunks(WIDTH).take(count) {
            let value = |place: usize| entry[place].load(Ordering::Relaxed);
            let generation = match value(4) {
                NO_GENERATION => None,
                generation => Some(u32::try_from(generation)?),
            };
            let file = FileId {
                dev: value(2),
                ino: value(3),
                generation,
            };
            let key = (u32::try_from(value(0))?, u32::try_from(value(1))?, file);
            *sums.entry(key).or_insert(Counts::ZERO) += Counts {
                reads: value(5),
                writes: value(6),
                read_bytes: value(7),
                write_bytes: value(8),
            };
        }
        let touched = |((pid, tid, file), counts)| Touched {
            pid,
            tid,
            file,
            counts,
        };
        Ok(sums.into_iter().map(touched).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{Ledger, Shared};
    use crate::counts::Counts;
    use crate::work::anger::report::FileId;

    #[test]
    fn entries_of_one_thread_and_file_are_summed() -> anyhow::Result<()> {
        let ledger = Ledger::new()?;
        let file = |ino, generation| FileId {
            dev: 1,
            ino,
            generation,
        };
        let one = Counts {
            reads: 1,
            write_bytes: 5,
            ..Counts::ZERO
        };
        ledger.enter(file(1, None), one);
        ledger.enter(file(1, Some(0)), one);
        ledger.enter(file(1, None), one);
        ledger.enter(file(2, None), Counts::ZERO);
        assert_eq!(ledger.get(Shared::Entries), 3);
        let sums = ledger.sums()?;
        let of = |generation| {
            let found = sums.iter().find(|sum| sum.file == file(1, generation));
            found.map(|sum| sum.counts)
        };
        assert_eq!(sums.len(), 2);
        assert_eq!(of(None), Some(one + one));
        assert_eq!(of(Some(0)), Some(one));
        Ok(())
    }
}
