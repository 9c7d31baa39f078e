//! Reads and writes one by one (`events --each`), beside being counted.

use iotrace_common::{EachRecord, Hook, Loss, RECORD_EACH, UNKNOWN};

use crate::{
    change,
    count::Ops,
    emit,
    file::Inode,
    kernel::Task,
    maps::{EACH_BEGUN, EACH_SCRATCH},
    who::Who,
};

/// What is known of an operation as it begins.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct EachBegun {
    pub begun_ns: u64,
    pub offset: u64,
    pub size: u64,
    /// Hook that will count it.
    pub hook: u64,
}

/// Remembers an operation of the current thread.
#[inline(always)]
pub fn begin(hook: Hook, task: &Task, offset: u64, size: u64) -> Result<(), Loss> {
    let begun = EachBegun {
        begun_ns: change::now(),
        offset,
        size,
        hook: hook as u64,
    };
    EACH_BEGUN
        .insert(&task.tid, &begun, 0)
        .map_err(|_| Loss::CallsFull)
}

/// Forgets what the thread began: another operation begins, of which less is known.
#[inline(always)]
pub fn forget(task: &Task) {
    // It need not be there.
    let _ = EACH_BEGUN.remove(&task.tid);
}

/// Tells an operation that is counted.
#[inline(always)]
pub fn tell<W: Who>(hook: Hook, who: &W, inode: Inode, direction: u32, ops: Ops) {
    let Some(record) = EACH_SCRATCH.get_ptr_mut(hook as u32) else {
        return;
    };
    let task = who.task();
    let time_ns = change::now();
    let (mut latency_ns, mut offset, mut size) = (UNKNOWN, UNKNOWN, UNKNOWN);
    // What ends elsewhere began elsewhere.
    if W::CURRENT
        // SAFETY: only this thread writes to its element.
        && let Some(begun) = unsafe { EACH_BEGUN.get(&task.tid) }
        && begun.hook == hook as u64
    {
        latency_ns = time_ns.wrapping_sub(begun.begun_ns);
        (offset, size) = (begun.offset, begun.size);
    }
    // SAFETY: this CPU's buffer of this hook (maps.rs). Ends of requests may run within each other
    // in an interrupt; then one of them may be told twice and the other not, but both are counted.
    let told = unsafe {
        *record = EachRecord {
            kind: RECORD_EACH,
            direction,
            time_ns,
            latency_ns,
            file: inode.id,
            offset,
            size,
            result: ops.bytes,
            count: ops.count,
            tgid: task.tgid,
            tid: task.tid,
            uid: who.uid(),
            file_mode: inode.mode,
            comm: who.comm(),
        };
        emit::output(record.cast(), size_of::<EachRecord>(), 0)
    };
    if let Err(loss) = told {
        emit::lost(hook, loss);
    }
}
