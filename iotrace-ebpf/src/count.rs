//! Counting of one read or write.

use aya_ebpf::{bindings::BPF_NOEXIST, helpers::bpf_get_current_comm};
use iotrace_common::{Hook, Loss, OpTotal, Row, RowKey};

use crate::{
    emit,
    file::OpenFile,
    filter,
    kernel::{self, Task},
    maps::{CONTROL, ROWS_EVEN, ROWS_ODD, TOTALS},
};

/// Direction of an operation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Read,
    Write,
}

impl Op {
    /// The hook that counts it.
    #[inline(always)]
    pub fn hook(self) -> Hook {
        match self {
            Self::Read => Hook::Read,
            Self::Write => Hook::Write,
        }
    }
}

/// Counts an operation of `task`, the current thread, that moved `bytes`.
#[inline(always)]
pub fn transfer(task: &Task, file: &OpenFile, op: Op, bytes: u64) -> Result<(), Loss> {
    let inode = &file.inode;
    if !filter::admits_type(inode.mode) {
        return Ok(());
    }
    // An array lookup at a constant index within its size can not fail; the
    // verifier wants to see the check.
    let Some(control) = CONTROL.get(0) else {
        return Ok(());
    };
    // SAFETY: read once, because user space changes it at any time.
    let epoch = unsafe { core::ptr::read_volatile(&raw const control.epoch) };
    let Some(totals) = TOTALS.get_ptr_mut(epoch & 1) else {
        return Ok(());
    };
    // SAFETY: the element of this CPU, of which the program of this hook alone
    // writes these fields (iotrace_common::Totals).
    unsafe {
        match op {
            Op::Read => add_total(&mut (*totals).read, bytes),
            Op::Write => add_total(&mut (*totals).write, bytes),
        }
    }

    let key = RowKey {
        file: inode.id,
        tid: task.tid,
        birth: task.birth,
    };
    let rows = if epoch & 1 == 0 {
        &ROWS_EVEN
    } else {
        &ROWS_ODD
    };
    if let Some(row) = rows.get_ptr_mut(&key) {
        // SAFETY: a live element; its only writer is this thread.
        unsafe { add_row(&mut *row, op, bytes) };
        return Ok(());
    }

    let row = first(task, inode.mode, op, bytes);
    if rows.insert(&key, &row, u64::from(BPF_NOEXIST)).is_err() {
        // SAFETY: as for the totals above.
        unsafe {
            match op {
                Op::Read => add_total(&mut (*totals).overflow_read, bytes),
                Op::Write => add_total(&mut (*totals).overflow_write, bytes),
            }
        }
        return Ok(());
    }
    emit::name(op.hook(), file, epoch)
}

#[inline(always)]
fn add_total(total: &mut OpTotal, bytes: u64) {
    total.ops += 1;
    total.bytes += bytes;
}

#[inline(always)]
fn add_row(row: &mut Row, op: Op, bytes: u64) {
    match op {
        Op::Read => {
            row.reads += 1;
            row.read_bytes += bytes;
        }
        Op::Write => {
            row.writes += 1;
            row.write_bytes += bytes;
        }
    }
}

/// The row of a thread that touches a file for the first time in a tick.
#[inline(always)]
fn first(task: &Task, mode: u32, op: Op, bytes: u64) -> Row {
    let mut row = Row {
        reads: 0,
        writes: 0,
        read_bytes: 0,
        write_bytes: 0,
        tgid: task.tgid,
        uid: kernel::uid(),
        // Fails never with a buffer of this size.
        comm: bpf_get_current_comm().unwrap_or([0; 16]),
        mode,
        pad: 0,
    };
    add_row(&mut row, op, bytes);
    row
}
