//! Backends `fentry` and `kprobe`: AIO, on the entry of three functions.

use aya_ebpf::{
    macros::{fentry, kprobe},
    programs::{FEntryContext, ProbeContext},
};
use iotrace_common::{Hook, Loss};

use super::end;
use crate::{
    aio,
    count::Op,
    filter,
    kernel::{Direct, Probe, Ptr, Read, offset, parameter},
};

/// `int aio_read(struct kiocb *req, const struct iocb *iocb, bool vectored, bool compat)`
#[fentry(function = "aio_read")]
pub fn aio_read_begin(ctx: FEntryContext) -> u32 {
    end(&ctx, Hook::AioRead, begins(&ctx, Op::Read))
}

/// `int aio_write(struct kiocb *req, const struct iocb *iocb, bool vectored, bool compat)`
#[fentry(function = "aio_write")]
pub fn aio_write_begin(ctx: FEntryContext) -> u32 {
    end(&ctx, Hook::AioWrite, begins(&ctx, Op::Write))
}

/// `void aio_complete_rw(struct kiocb *kiocb, long res)`, with one more argument in 5.10
#[fentry(function = "aio_complete_rw")]
pub fn aio_done(ctx: FEntryContext) -> u32 {
    end(&ctx, Hook::AioDone, ends(&ctx))
}

#[inline(always)]
fn ends(ctx: &FEntryContext) -> Result<(), Loss> {
    let request: Ptr = ctx.arg(0);
    // SAFETY: the first argument is a kiocb.
    let file: Ptr = unsafe { Direct::load(request, offset!(kiocb_file)) }?;
    aio::ends(request as u64, file, ctx.arg(1))
}

#[inline(always)]
fn begins(ctx: &FEntryContext, op: Op) -> Result<(), Loss> {
    let request: Ptr = ctx.arg(0);
    aio::forget(request as u64);
    let Some(task) = filter::caller() else {
        return Ok(());
    };
    // SAFETY: the first argument is a kiocb.
    unsafe {
        let file: Ptr = Direct::load(request, offset!(kiocb_file))?;
        aio::begins::<Direct>(&task, request as u64, file, op)
    }
}

/// The same.
#[kprobe]
pub fn aio_read_entry(ctx: ProbeContext) -> u32 {
    end(&ctx, Hook::AioRead, probe_begins(&ctx, Op::Read))
}

/// The same.
#[kprobe]
pub fn aio_write_entry(ctx: ProbeContext) -> u32 {
    end(&ctx, Hook::AioWrite, probe_begins(&ctx, Op::Write))
}

/// The same.
#[kprobe]
pub fn aio_done_entry(ctx: ProbeContext) -> u32 {
    end(&ctx, Hook::AioDone, probe_ends(&ctx))
}

#[inline(always)]
fn probe_begins(ctx: &ProbeContext, op: Op) -> Result<(), Loss> {
    let request = parameter!(ctx, 0) as Ptr;
    // SAFETY: the first argument is a kiocb.
    unsafe {
        aio::forget(request as u64);
        let Some(task) = filter::caller() else {
            return Ok(());
        };
        let file: Ptr = Probe::load(request, offset!(kiocb_file))?;
        aio::begins::<Probe>(&task, request as u64, file, op)
    }
}

#[inline(always)]
fn probe_ends(ctx: &ProbeContext) -> Result<(), Loss> {
    let request = parameter!(ctx, 0);
    let result = parameter!(ctx, 1) as i64;
    // SAFETY: the first argument is a kiocb.
    let file: Ptr = unsafe { Probe::load(request as Ptr, offset!(kiocb_file)) }?;
    aio::ends(request, file, result)
}
