//! All backends: io_uring, at the tracepoint where a request's completion is
//! delivered. Its result is that of the whole request, however often the kernel tried and
//! whoever did the work.

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};
use iotrace_common::{ABSENT, Hook, Loss, Via};

use super::end;
use crate::{
    count::{self, Op},
    emit,
    file::{self, OpenFile},
    filter,
    kernel::{Probe, Ptr, Read, offset, setting},
    open::{self, AT_FDCWD, Name},
    who::Other,
};

// What a request asks for (`enum io_uring_op`, include/uapi/linux/io_uring.h).
const READV: u8 = 1;
const WRITEV: u8 = 2;
const READ_FIXED: u8 = 4;
const WRITE_FIXED: u8 = 5;
const OPENAT: u8 = 18;
const READ: u8 = 22;
const WRITE: u8 = 23;
const OPENAT2: u8 = 28;
const READV_FIXED: u8 = 60;
const WRITEV_FIXED: u8 = 61;

/// `TP_PROTO(struct io_ring_ctx *ctx, void *req, u64 user_data, int res, ...)` in 6.1 and
/// 6.12, `(ctx, req, struct io_uring_cqe *cqe)` in 6.18 and 7.2
#[raw_tracepoint(tracepoint = "io_uring_complete")]
pub fn uring_transfer(ctx: RawTracePointContext) -> u32 {
    end(&ctx, Hook::Uring, transfer(&ctx))
}

/// The same.
#[raw_tracepoint(tracepoint = "io_uring_complete")]
pub fn uring_open(ctx: RawTracePointContext) -> u32 {
    end(&ctx, Hook::UringOpen, opened(&ctx))
}

/// A completion that finds no room is delivered later, without the tracepoint above.
#[raw_tracepoint(tracepoint = "io_uring_cqe_overflow")]
pub fn uring_overflow(_: RawTracePointContext) -> u32 {
    // Of the process in whose context it happens, for the request is not told.
    if filter::caller().is_some() {
        emit::lost(Hook::UringOverflow, Loss::UringOverflow);
    }
    0
}

#[inline(always)]
fn transfer(ctx: &RawTracePointContext) -> Result<(), Loss> {
    let Some((request, opcode)) = request(ctx)? else {
        return Ok(());
    };
    let op = match opcode {
        READ | READV | READ_FIXED | READV_FIXED => Op::Read,
        WRITE | WRITEV | WRITE_FIXED | WRITEV_FIXED => Op::Write,
        _ => return Ok(()),
    };
    let moved = result(ctx)?;
    if moved < 0 || !filter::admits_op(op) {
        return Ok(());
    }
    let by = submitter(request)?;
    if !filter::admits(&by) {
        return Ok(());
    }
    // SAFETY: the request holds its file until its completion has been delivered.
    let file = unsafe {
        let address = Probe::load(request, offset!(uring_file))?;
        OpenFile {
            address,
            inode: file::inode::<Probe>(address)?,
            held: true,
            below: false,
        }
    };
    count::transfer(Hook::Uring, &by, &file, op, moved as u64)
}

#[inline(always)]
fn opened(ctx: &RawTracePointContext) -> Result<(), Loss> {
    let Some((request, opcode)) = request(ctx)? else {
        return Ok(());
    };
    if opcode != OPENAT && opcode != OPENAT2 {
        return Ok(());
    }
    let by = submitter(request)?;
    if !filter::admits(&by) {
        return Ok(());
    }
    // SAFETY: the request is an open, and keeps what was asked for.
    let (flags, mode, slot) = unsafe {
        (
            Probe::load(request, offset!(uring_how_flags))?,
            Probe::load::<u64>(request, offset!(uring_how_mode))?,
            Probe::load::<u32>(request, offset!(uring_slot))?,
        )
    };
    let result = result(ctx)?;
    let request = open::Request {
        via: Via::Uring,
        dirfd: AT_FDCWD,
        // The kernel has let go of its copy, and the caller may have of its own.
        name: Name::Gone,
        flags,
        mode: mode as u32,
        result,
        // A file that goes into a table of the ring has no descriptor, and is not found.
        file: if slot == 0 {
            open::File::Descriptor
        } else {
            open::File::Unknown
        },
    };
    open::report(Hook::UringOpen, &by, &request)
}

/// The request that is completed and what it asks for; none for a further event of
/// a request that goes on.
#[inline(always)]
fn request(ctx: &RawTracePointContext) -> Result<Option<(Ptr, u8)>, Loss> {
    let request: Ptr = ctx.arg(1);
    if request.is_null() {
        return Ok(None);
    }
    // SAFETY: the second argument of the tracepoint is an io_kiocb.
    let opcode = unsafe { Probe::load(request, offset!(uring_opcode)) }?;
    Ok(Some((request, opcode)))
}

/// What it returns.
#[inline(always)]
fn result(ctx: &RawTracePointContext) -> Result<i32, Loss> {
    if setting!(uring_cqe) == 0 {
        return Ok(ctx.arg::<i64>(3) as i32);
    }
    // SAFETY: the third argument is a completion.
    unsafe { Probe::load(ctx.arg(2), offset!(cqe_result)) }
}

/// The thread that submitted a request.
#[inline(always)]
fn submitter(request: Ptr) -> Result<Other, Loss> {
    // SAFETY: members of io_kiocb and io_uring_task. A request holds on to its thread.
    unsafe {
        let task = if offset!(uring_task) == ABSENT {
            let context: Ptr = Probe::load(request, offset!(uring_context))?;
            Probe::load(context, offset!(uring_context_task))?
        } else {
            Probe::load(request, offset!(uring_task))?
        };
        Other::at(task)
    }
}
