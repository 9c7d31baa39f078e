//! What an operation moved between cache and storage (`--cache`): how far the kernel's own
//! account of the thread went on during it (`struct task_io_accounting`). `submit_bio` adds
//! what is read from a device, readahead included, and `folio_account_dirtied` the pages that become
//! dirty, both in the thread that causes it (5.10 to 7.2).

use iotrace_common::{Hook, Loss, RowKind};

use crate::{
    count::{self, Direction, Op, Ops},
    file::Inode,
    kernel::{Current, Task, offset},
    maps::MARKS,
};

/// How far the account of a thread had gone on.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Account {
    fetched: u64,
    dirtied: u64,
}

/// What is known of an operation under way.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Mark {
    /// When it, or the one within it, began or ended.
    last: Account,
    /// Its own part before the one within it, such as the fault of a page that it copies from.
    outer: Account,
    /// Operations under way: 0, 1, or 2 for one within another.
    depth: u32,
    /// It was given up, and begins once more.
    again: u32,
}

const _: () = assert!(size_of::<Mark>() == 40);

impl Account {
    pub const NONE: Self = Self {
        fetched: 0,
        dirtied: 0,
    };

    #[inline(always)]
    fn now() -> Result<Self, Loss> {
        let current = Current::get();
        // SAFETY: members of task_struct at offsets from BTF.
        unsafe {
            Ok(Self {
                fetched: current.load(offset!(task_fetched))?,
                dirtied: current.load(offset!(task_dirtied))?,
            })
        }
    }

    /// What has come since. An account that went back is another thread's: the mark of an LRU map
    /// may be given away in the very moment in which it is read.
    #[inline(always)]
    fn since(&self, before: &Self) -> Result<Self, Loss> {
        if self.fetched < before.fetched || self.dirtied < before.dirtied {
            return Err(Loss::StorageUnknown);
        }
        Ok(Self {
            fetched: self.fetched - before.fetched,
            dirtied: self.dirtied - before.dirtied,
        })
    }
}

/// An operation of `task`, the current thread, begins.
#[inline(always)]
pub fn begins(task: &Task) -> Result<(), Loss> {
    let now = Account::now()?;
    if let Some(mark) = MARKS.get_ptr_mut(&task.tid) {
        // SAFETY: an element that only this thread writes, or see `Account::since`.
        let mark = unsafe { &mut *mark };
        if mark.again != 0 {
            mark.again = 0;
            return Ok(());
        }
        if mark.depth != 0 {
            let part = now.since(&mark.last)?;
            mark.outer.fetched += part.fetched;
            mark.outer.dirtied += part.dirtied;
        } else {
            mark.outer = Account::NONE;
        }
        mark.last = now;
        // One more would be one whose end was missed.
        mark.depth = if mark.depth == 0 { 1 } else { 2 };
        return Ok(());
    }
    let mark = Mark {
        last: now,
        outer: Account::NONE,
        depth: 1,
        again: 0,
    };
    // An LRU map always finds room; who loses a mark by it is told as it is missed.
    MARKS
        .insert(&task.tid, &mark, 0)
        .map_err(|_| Loss::StorageUnknown)
}

/// An operation of `task` was given up, and begins once more.
#[inline(always)]
pub fn begins_again(task: &Task) {
    if let Some(mark) = MARKS.get_ptr_mut(&task.tid) {
        // SAFETY: as above.
        unsafe { (*mark).again = 1 };
    }
}

/// What an operation of `task`, which has ended, used.
#[inline(always)]
pub fn ends(task: &Task) -> Result<Account, Loss> {
    let now = Account::now()?;
    let Some(mark) = MARKS.get_ptr_mut(&task.tid) else {
        return Err(Loss::StorageUnknown);
    };
    // SAFETY: as above.
    let mark = unsafe { &mut *mark };
    let mut used = now.since(&mark.last)?;
    mark.last = now;
    if mark.depth < 2 {
        used.fetched += mark.outer.fetched;
        used.dirtied += mark.outer.dirtied;
        mark.outer = Account::NONE;
    }
    mark.depth = if mark.depth == 2 { 1 } else { 0 };
    Ok(used)
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

/// Gives a file its share of what an operation used.
#[inline(always)]
pub fn give(hook: Hook, task: &Task, inode: Inode, used: &Account, share: Share) {
    if !matches!(share, Share::Dirtied) {
        add(hook, task, inode, Op::Read, used.fetched);
    }
    if !matches!(share, Share::Fetched) {
        add(hook, task, inode, Op::Write, used.dirtied);
    }
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
