//! Counters that live in maps: one row per (thread, file), totals per CPU.

use core::mem::size_of;

use crate::{COMM_LEN, FileId, pod};

/// Which half of the counters is being written, and the number of the tick.
///
/// There are two maps of rows and two sets of totals. The programs write to
/// those of `epoch & 1`; user space changes the epoch, waits until no program
/// that saw the old one can be running, and then owns the old half alone. So
/// rows and totals of one tick describe exactly the same operations.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Control {
    /// Counts ticks; its lowest bit selects the half.
    pub epoch: u32,
    #[doc(hidden)]
    pub pad: u32,
}

/// Key of a counter row: a thread and a file.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RowKey {
    /// The file.
    pub file: FileId,
    /// Thread id in the initial PID namespace.
    pub tid: u32,
    /// Start time of the thread in nanoseconds, its lower 32 bits: tells apart two
    /// threads that had the same id in one tick, be it for a moment only.
    pub birth: u32,
}

/// A counter row. Only its own thread writes to it, so plain additions do.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Row {
    /// Reads that did not fail.
    pub reads: u64,
    /// Writes that did not fail.
    pub writes: u64,
    /// Bytes that the reads returned.
    pub read_bytes: u64,
    /// Bytes that the writes accepted.
    pub write_bytes: u64,
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

/// Totals of one CPU in one tick.
///
/// Reads and writes stand apart because the program of each hook is the only
/// writer of its fields on a CPU (the kernel does not nest a program into
/// itself), which makes plain additions safe even where a program of the other
/// hook preempts it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// All reads.
    pub read: OpTotal,
    /// All writes.
    pub write: OpTotal,
    /// Reads that found no free row.
    pub overflow_read: OpTotal,
    /// Writes that found no free row.
    pub overflow_write: OpTotal,
}

pod!(Control, RowKey, Row, OpTotal, Totals);

const _: () = assert!(size_of::<Control>() == 8);
const _: () = assert!(size_of::<RowKey>() == 24);
const _: () = assert!(size_of::<Row>() == 64);
const _: () = assert!(size_of::<Totals>() == 64);
