//! AIO requests (`io_submit`) under way. Each ends exactly once, with its result, in
//! `aio_complete_rw`: in the call that submitted it, in an interrupt, or in a worker.

use iotrace_common::{FileId, Hook, Loss};

use crate::{
    count::{self, Op},
    file::{self, Inode, OpenFile},
    filter,
    kernel::{Ptr, Read, Task},
    maps::REQUESTS,
    who::Submitter,
};

/// A request under way. (No padding, which the verifier would take for memory that
/// is not initialised.)
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Request {
    pub by: Submitter,
    pub id: FileId,
    /// `i_mode` of the file.
    pub mode: u32,
    /// 1 for a write.
    pub write: u32,
}

const _: () = assert!(size_of::<Request>() == 56);

/// A request begins at this address, whoever it is of: what stands there ended without a
/// result, for it was refused before it began.
#[inline(always)]
pub fn forget(request: u64) {
    // Looked up first: to remove costs a lock.
    if REQUESTS.get_ptr(&request).is_some() {
        let _ = REQUESTS.remove(&request);
    }
}

/// A request of `task`, the current thread, begins.
///
/// # Safety
/// `file` is a `struct file` that `R` can read; `request` is the address of its kiocb.
#[inline(always)]
pub unsafe fn begins<R: Read>(task: &Task, request: u64, file: Ptr, op: Op) -> Result<(), Loss> {
    if !filter::admits_op(op) {
        return Ok(());
    }
    // SAFETY: the caller vouches for the file.
    let Inode { id, mode } = unsafe { file::inode::<R>(file) }?;
    if !filter::admits_type(mode) {
        return Ok(());
    }
    let begun = Request {
        by: Submitter::current(task),
        id,
        mode,
        write: u32::from(op == Op::Write),
    };
    REQUESTS
        .insert(&request, &begun, 0)
        .map_err(|_| Loss::CallsFull)
}

/// A request ends.
#[inline(always)]
pub fn ends(request: u64, file: Ptr, result: i64) -> Result<(), Loss> {
    let Some(begun) = REQUESTS.get_ptr(&request) else {
        return Ok(());
    };
    // SAFETY: a live element, which nobody else uses before the request has ended.
    let begun = unsafe { *begun };
    // It was there a moment ago.
    let _ = REQUESTS.remove(&request);
    if result < 0 {
        return Ok(());
    }
    let file = OpenFile {
        address: file,
        inode: Inode {
            id: begun.id,
            mode: begun.mode,
        },
        // The request lets go of it only afterwards.
        held: true,
        below: false,
    };
    let op = if begun.write == 0 {
        Op::Read
    } else {
        Op::Write
    };
    count::transfer(Hook::AioDone, &begun.by, &file, op, result as u64)
}
