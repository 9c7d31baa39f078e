//! What an operation moved between cache and storage (`--cache`): how far the kernel's own
//! account of the thread went on during it (`struct task_io_accounting`). `submit_bio` adds
//! what is read from a device, readahead included, and `folio_account_dirtied` the pages that become
//! dirty, both in the thread that causes it (5.10 to 7.2).

use iotrace_common::{Hook, Loss, RowKind};

use crate::{
    count::{self, Direction, Op, Ops},
    file::Inode,
    kernel::{self, Probe, Read, Task, offset},
    maps::MARKS,
};

/// The account of a thread when its operation began.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Mark {
    fetched: u64,
    dirtied: u64,
}

impl Mark {
    #[inline(always)]
    fn now() -> Result<Self, Loss> {
        let task = kernel::task();
        // SAFETY: members of task_struct at offsets from BTF.
        unsafe {
            Ok(Self {
                fetched: Probe::load(task, offset!(task_fetched))?,
                dirtied: Probe::load(task, offset!(task_dirtied))?,
            })
        }
    }
}

/// An operation of `task`, the current thread, begins.
#[inline(always)]
pub fn begins(task: &Task) -> Result<(), Loss> {
    let mark = Mark::now()?;
    // An LRU map always finds room; who loses a mark by it is told as it is missed.
    MARKS
        .insert(&task.tid, &mark, 0)
        .map_err(|_| Loss::StorageUnknown)
}

/// What of an operation's use of the cache belongs to a file.
#[derive(Clone, Copy)]
pub enum Share {
    /// It is the only one.
    All,
    /// It is the source.
    Fetched,
    /// It is the destination.
    Dirtied,
}

/// An operation on a file has ended.
#[inline(always)]
pub fn ended(hook: Hook, task: &Task, inode: Inode, share: Share) -> Result<(), Loss> {
    let now = Mark::now()?;
    let Some(mark) = MARKS.get_ptr_mut(&task.tid) else {
        return Err(Loss::StorageUnknown);
    };
    // SAFETY: an element that only this thread writes. Should it be given to another thread in
    // this moment, that one's figures are too low once, not the sum too high.
    unsafe {
        if !matches!(share, Share::Dirtied) {
            let bytes = now.fetched.wrapping_sub((*mark).fetched);
            (*mark).fetched = now.fetched;
            add(hook, task, inode, Op::Read, bytes);
        }
        if !matches!(share, Share::Fetched) {
            let bytes = now.dirtied.wrapping_sub((*mark).dirtied);
            (*mark).dirtied = now.dirtied;
            add(hook, task, inode, Op::Write, bytes);
        }
    }
    Ok(())
}

#[inline(always)]
fn add(hook: Hook, task: &Task, inode: Inode, op: Op, bytes: u64) {
    let ops = Ops {
        direction: Direction::Fixed(op),
        // That it is known, be it nothing.
        count: 1,
        bytes,
    };
    // Its name comes with the row of the operation itself.
    let _ = count::add(hook, RowKind::Storage, task, inode, ops);
}
