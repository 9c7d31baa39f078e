//! Counters that live in maps: one row per (thread, file) and tick, totals per CPU.

use core::mem::size_of;

use crate::{COMM_LEN, FileId, Hook, pod};

/// Which half of the counters is being written, and the number of the tick.
///
/// There are two sets of rows and two of totals. The programs write to
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

/// Where the row of a key stands, and in which tick that was so.
///
/// One number, so that it is read and written in one piece.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowPlace(u64);

impl RowPlace {
    /// A row that was taken in the tick of a number.
    #[inline(always)]
    pub const fn new(epoch: u32, row: u32) -> Self {
        Self((epoch as u64) << 32 | row as u64)
    }

    /// The row, if it was taken in this tick.
    #[inline(always)]
    pub const fn row(self, epoch: u32) -> Option<u32> {
        if (self.0 >> 32) as u32 == epoch {
            Some(self.0 as u32)
        } else {
            None
        }
    }
}

/// A counter row: what a thread did with a file in one tick.
///
/// The programs find it full of zeros. The one that takes it says whose it is; to what moved,
/// several CPUs may add, so it is added to atomically.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Row {
    /// Reads and writes that did not fail. In one line of the cache: a row has one and a half.
    pub moved: [OpTotal; 2],
    /// The thread and the file.
    pub key: RowKey,
    /// Process id (thread group) in the initial PID namespace.
    pub tgid: u32,
    /// Real user id in the initial user namespace.
    pub uid: u32,
    /// Name of the thread when it first touched the file in this tick.
    pub comm: [u8; COMM_LEN],
    /// `i_mode` of the file.
    pub mode: u32,
    /// [`ROW_FREE`], [`ROW_KNOWN`] or [`ROW_NEW`].
    pub state: u32,
    #[doc(hidden)]
    pub pad: u64,
}

/// Nobody has taken the row in this tick.
pub const ROW_FREE: u32 = 0;
/// It is taken; its key has had a [`RowPlace`] before.
pub const ROW_KNOWN: u32 = 1;
/// It is taken; its key had none.
pub const ROW_NEW: u32 = 2;

/// Rows that stand side by side and may be taken.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// The next one of them.
    pub next: u32,
    /// The first one behind them.
    pub end: u32,
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
    /// Where it stands.
    pub row: u32,
    #[doc(hidden)]
    pub pad: u32,
}

/// Totals of one hook on one CPU in one tick.
///
/// Each hook has its own because its program is the only writer of them on a CPU
/// (the kernel does not nest a program into itself; for what ends in interrupts, see `taking` and the
/// atomic additions), which makes plain additions
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
    /// Rows that this hook may take on this CPU.
    pub run: Run,
    /// The run is in use: for the end of AIO requests, which before 5.12 may come within itself.
    pub taking: u32,
    #[doc(hidden)]
    pub pad: u32,
}

pod!(Tick, RowKey, RowPlace, Row, Run, OpTotal, Slot, Totals);

const _: () = assert!(size_of::<Tick>() == 8);
const _: () = assert!(size_of::<RowKey>() == 24);
const _: () = assert!(size_of::<Row>() == 96);
const _: () = assert!(size_of::<Run>() == 8);
const _: () = assert!(size_of::<Slot>() == 72);
const _: () = assert!(size_of::<Totals>() == 152);
