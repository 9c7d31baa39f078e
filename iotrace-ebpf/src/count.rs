//! Counting of one operation.

use core::intrinsics::{AtomicOrdering, atomic_xadd};

use iotrace_common::{Hook, Loss, OpTotal, RowKey, RowKind, Slot, Totals};

use crate::{
    each, emit,
    file::{Inode, OpenFile},
    filter,
    kernel::{self, Current, setting},
    maps::{self, ROWS, TOTALS},
    rows::Rows,
    who::Who,
};

/// Direction of an operation.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Op {
    Read = 0,
    Write = 1,
}

/// Operations of one direction: most often one.
#[derive(Clone, Copy)]
pub struct Ops {
    pub direction: Direction,
    pub count: u64,
    /// Sum of their results.
    pub bytes: u64,
}

/// Which way the bytes go.
#[derive(Clone, Copy)]
pub enum Direction {
    /// Fixed for the program.
    Fixed(Op),
    /// The number of an [`Op`], out of memory: the verifier looks at both ways at once.
    Told(u32),
}

impl Direction {
    #[inline(always)]
    fn index(self) -> usize {
        match self {
            Self::Fixed(op) => op as usize,
            Self::Told(number) => kernel::direction_bound(number),
        }
    }
}

impl Ops {
    /// One operation, always of this direction.
    #[inline(always)]
    pub fn one(op: Op, bytes: u64) -> Self {
        Self {
            direction: Direction::Fixed(op),
            count: 1,
            bytes,
        }
    }

    /// One operation, of this or the other direction.
    #[inline(always)]
    pub fn one_told(op: Op, bytes: u64) -> Self {
        Self {
            direction: Direction::Told(op as u32),
            count: 1,
            bytes,
        }
    }

    /// The total of this direction.
    ///
    /// # Safety
    /// `totals` is valid.
    #[inline(always)]
    unsafe fn of(self, totals: *mut [OpTotal; 2]) -> *mut OpTotal {
        // SAFETY: an index below 2.
        unsafe { totals.cast::<OpTotal>().add(self.direction.index()) }
    }
}

/// Counts an operation of this or the other direction, and names the file.
#[inline(always)]
pub fn transfer(
    hook: Hook,
    who: &impl Who,
    file: &OpenFile,
    op: Op,
    bytes: u64,
) -> Result<(), Loss> {
    of_kind(hook, own_kind(who), who, file, Ops::one_told(op, bytes))
}

/// Counts operations in rows of a kind, and names the file.
#[inline(always)]
pub fn of_kind(
    hook: Hook,
    kind: RowKind,
    who: &impl Who,
    file: &OpenFile,
    ops: Ops,
) -> Result<(), Loss> {
    match add(hook, kind, who, file.inode, ops) {
        Some(epoch) => emit::name(hook, file, epoch),
        None => Ok(()),
    }
}

/// What rows of operations that end in this program count.
#[inline(always)]
pub fn own_kind<W: Who>(_: &W) -> RowKind {
    if W::CURRENT {
        RowKind::Own
    } else {
        RowKind::Elsewhere
    }
}

/// Counts operations. The epoch, if they began a row: then the file is to be named.
#[inline(always)]
pub fn add<W: Who>(hook: Hook, kind: RowKind, who: &W, inode: Inode, ops: Ops) -> Option<u32> {
    if !filter::admits_type(inode.mode) {
        return None;
    }
    let epoch = maps::epoch();
    let half = epoch & 1;
    if setting!(each) != 0 && matches!(kind, RowKind::Own | RowKind::Elsewhere) {
        each::tell(hook, who, inode, ops.direction.index() as u32, ops);
    }
    let part = if matches!(kind, RowKind::Storage) {
        2
    } else {
        0
    };
    // An array lookup at an index within its size can not fail; the verifier wants to see the check.
    let totals = TOTALS.get_ptr_mut((part + half) * Hook::COUNTING as u32 + hook as u32)?;
    let slotted = W::CURRENT && matches!(kind, RowKind::Own);
    let task = who.task();
    let key = RowKey::new(kind, inode.id, task.tid, task.birth);
    // SAFETY: the element of this CPU and this hook, whose program alone writes
    // to it (iotrace_common::Totals).
    unsafe {
        let slot = &raw mut (*totals).slot;
        // Zero is not the key of any thread.
        if slotted && (*slot).key == key {
            add_to_slot(slot, ops);
            return None;
        }
        add_to::<W>(ops.of(&raw mut (*totals).moved), ops);
    }

    // SAFETY: likewise.
    let found = unsafe { Rows::of(epoch).find(hook, &key, who, inode.mode, totals) };
    let Some((row, begun)) = found else {
        // SAFETY: likewise.
        unsafe { add_to::<W>(ops.of(&raw mut (*totals).overflow), ops) };
        return None;
    };
    add_to_row(row, ops);
    if slotted {
        // SAFETY: likewise.
        unsafe { take_slot(totals, &key, row) };
    }
    begun.then_some(epoch)
}

/// What this hook counted in last on this CPU, if no filter need be asked about more of the same.
#[inline(always)]
pub fn slot(hook: Hook) -> Option<*mut Slot> {
    if setting!(settled) == 0 {
        return None;
    }
    let totals = TOTALS.get_ptr_mut(maps::base() + hook as u32)?;
    // SAFETY: a live element.
    Some(unsafe { &raw mut (*totals).slot })
}

/// Adds operations to a slot.
///
/// # Safety
/// It is that of this CPU and this hook, and of their thread and file.
#[inline(always)]
pub unsafe fn add_to_slot(slot: *mut Slot, ops: Ops) {
    // SAFETY: this program alone writes to it (iotrace_common::Totals).
    unsafe { add_plainly(ops.of(&raw mut (*slot).moved), ops) };
}

/// Makes the slot that of a row, after what it holds of another one has gone there.
///
/// # Safety
/// `totals` are those of this CPU and this hook.
#[inline(always)]
unsafe fn take_slot(totals: *mut Totals, key: &RowKey, row: u32) {
    // SAFETY: the caller vouches for the totals.
    unsafe {
        let slot = &raw mut (*totals).slot;
        for op in [Op::Read, Op::Write] {
            let held = &raw mut (*slot).moved[op as usize];
            if (*held).ops != 0 {
                let ops = Ops {
                    direction: Direction::Fixed(op),
                    count: (*held).ops,
                    bytes: (*held).bytes,
                };
                add_plainly(ops.of(&raw mut (*totals).moved), ops);
                add_to_row((*slot).row, ops);
                *held = OpTotal { ops: 0, bytes: 0 };
            }
        }
        (*slot).key = *key;
        (*slot).row = row;
        (*slot).task = Current::get().address() as u64;
    }
}

/// Plainly where the current thread alone writes; otherwise atomically, for programs at the end of
/// requests run in interrupts too, and before 5.12 within each other.
#[inline(always)]
unsafe fn add_to<W: Who>(total: *mut OpTotal, ops: Ops) {
    // SAFETY: the caller vouches for the total.
    unsafe {
        if W::CURRENT {
            add_plainly(total, ops);
        } else {
            add_atomically(total, ops);
        }
    }
}

#[inline(always)]
unsafe fn add_plainly(total: *mut OpTotal, ops: Ops) {
    // SAFETY: the caller vouches for the total, and that nobody else writes to it.
    unsafe {
        (*total).ops += ops.count;
        (*total).bytes += ops.bytes;
    }
}

#[inline(always)]
unsafe fn add_atomically(total: *mut OpTotal, ops: Ops) {
    // SAFETY: the caller vouches for the total.
    unsafe {
        atomic_xadd::<u64, u64, { AtomicOrdering::Relaxed }>(&raw mut (*total).ops, ops.count);
        atomic_xadd::<u64, u64, { AtomicOrdering::Relaxed }>(&raw mut (*total).bytes, ops.bytes);
    }
}

/// Adds to a row that was found in this tick.
#[inline(always)]
fn add_to_row(row: u32, ops: Ops) {
    // There is one at each number that is told; the verifier wants to see the check.
    if let Some(row) = ROWS.get_ptr_mut(row) {
        // SAFETY: a live element, to which other CPUs may add what their slots held.
        unsafe { add_atomically(ops.of(&raw mut (*row).moved), ops) };
    }
}
