//! Counters that live in maps: one row per (thread, file), totals per CPU.

use core::mem::size_of;

use crate::{COMM_LEN, FileId, Hook, pod};

/// Which half of the counters is being written, and the number of the tick.
///
/// There are two maps of rows and two sets of totals. The programs write to
/// those of `epoch & 1`; user space changes the epoch, waits until no program
/// that saw the old one can be running, and then owns the old half alone. So
/// rows and totals of one tick describe exactly the same operations.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Tick {
    /// Counts ticks; its lowest bit selects the half.
    pub epoch: u32,
    /// Where the totals of that half begin, by which the programs need not reckon it.
    pub base: u32,
}

impl Tick {
    /// The tick of a number.
    pub const fn new(epoch: u32) -> Self {
        Self {
            epoch,
            base: (epoch & 1) * Hook::COUNTING as u32,
        }
    }
}

/// What a row counts.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// Operations that end in the thread that does them.
    Own = 0,
    /// Operations that end elsewhere, as in an interrupt or a worker, on behalf of
    /// the thread.
    Elsewhere = 1,
    /// Page faults of a mapped file: reads, and first writes to a page.
    Mapped = 2,
    /// Bytes that a file came to share with another one (reflink), as writes.
    Cloned = 3,
    /// What a file below another one did: that under an overlay, or behind a loop device.
    Lower = 4,
    /// What operations moved between cache and storage: bytes fetched as reads, bytes
    /// dirtied as writes.
    Storage = 5,
}

impl RowKind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 6] = [
        Self::Own,
        Self::Elsewhere,
        Self::Mapped,
        Self::Cloned,
        Self::Lower,
        Self::Storage,
    ];
}

/// Key of a counter row: a thread and a file.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RowKey {
    /// The file.
    pub file: FileId,
    /// Thread id in the initial PID namespace, and the [`RowKind`] above it: ids
    /// are below 2^22 (`PID_MAX_LIMIT`, include/linux/threads.h).
    pub thread: u32,
    /// Start time of the thread in nanoseconds, its lower 32 bits: tells apart two
    /// threads that had the same id in one tick, be it for a moment only.
    pub birth: u32,
}

const KIND_SHIFT: u32 = 24;

impl RowKey {
    /// The row of a kind for a thread and a file.
    #[inline(always)]
    pub const fn new(kind: RowKind, file: FileId, tid: u32, birth: u32) -> Self {
        Self {
            file,
            thread: tid | (kind as u32) << KIND_SHIFT,
            birth,
        }
    }

    /// Thread id.
    pub const fn tid(&self) -> u32 {
        self.thread & ((1 << KIND_SHIFT) - 1)
    }

    /// What the row counts; `None` for a number that no version has.
    pub fn kind(&self) -> Option<RowKind> {
        RowKind::ALL
            .get((self.thread >> KIND_SHIFT) as usize)
            .copied()
    }
}

/// A counter row. Several CPUs may write to it, so it is added to atomically.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Row {
    /// Reads and writes that did not fail.
    pub moved: [OpTotal; 2],
    /// Process id (thread group) in the initial PID namespace.
    pub tgid: u32,
    /// Real user id in the initial user namespace.
    pub uid: u32,
    /// Name of the thread when it first touched the file in this tick.
    pub comm: [u8; COMM_LEN],
    /// `i_mode` of the file.
    pub mode: u32,
    #[doc(hidden)]
    pub pad: u32,
}

/// Operations and bytes of one direction.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpTotal {
    /// Operations that did not fail.
    pub ops: u64,
    /// Bytes moved by them.
    pub bytes: u64,
}

/// The row that a hook counted in last on a CPU, with what it has counted since: most operations
/// are of the same thread on the same file as those before, and need no look at the row.
///
/// What stands here is in no row and no total yet. It is added to them when another row takes the
/// place, and for the last one by user space, after the tick.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// Address of the thread, 0 while there is none.
    pub task: u64,
    /// Its row of this tick.
    pub key: RowKey,
    /// What is to be added to it.
    pub moved: [OpTotal; 2],
}

/// Totals of one hook on one CPU in one tick.
///
/// Each hook has its own because its program is the only writer of them on a CPU
/// (the kernel does not nest a program into itself), which makes plain additions
/// safe even where the program of another hook preempts it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// All reads and all writes.
    pub moved: [OpTotal; 2],
    /// Those of them that found no free row.
    pub overflow: [OpTotal; 2],
    /// Operations that are not yet among them.
    pub slot: Slot,
}

pod!(Tick, RowKey, Row, OpTotal, Slot, Totals);

const _: () = assert!(size_of::<Tick>() == 8);
const _: () = assert!(size_of::<RowKey>() == 24);
const _: () = assert!(size_of::<Row>() == 64);
const _: () = assert!(size_of::<Slot>() == 64);
const _: () = assert!(size_of::<Totals>() == 128);
