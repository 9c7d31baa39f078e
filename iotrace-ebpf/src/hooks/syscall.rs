//! Backend `syscall`: one raw tracepoint on the exit of every system call, for
//! kernels that refuse programs on functions. Sees a descriptor instead of a
//! file, so a file is looked up as the call returns.

use aya_ebpf::{
    helpers::bpf_probe_read_user, macros::raw_tracepoint, programs::RawTracePointContext,
};
use iotrace_common::{Hook, Loss, Syscall, Via};

use super::{end, exec::by_handle, getevents::getevents};
use crate::{
    batch::Batch,
    count::{Op, Ops},
    descriptor, filter,
    kernel::{self, Probe, Ptr, Read, Task, offset},
    open::{self, AT_FDCWD, File, Name, Request},
    pending,
};

/// `O_CREAT | O_WRONLY | O_TRUNC`, which `creat` stands for; the same numbers on
/// x86_64 and aarch64 (include/uapi/asm-generic/fcntl.h).
const CREAT_FLAGS: u64 = 0o100 | 0o1 | 0o1000;

/// `TP_PROTO(struct pt_regs *regs, long ret)`
#[raw_tracepoint(tracepoint = "sys_exit")]
pub fn sys_exit(ctx: RawTracePointContext) -> u32 {
    // SAFETY: the first argument is the saved registers, the second the result.
    end(&ctx, Hook::Read, unsafe {
        transferred(ctx.arg(0), ctx.arg(1))
    })
}

/// The same.
#[raw_tracepoint(tracepoint = "sys_exit")]
pub fn sys_exit_open(ctx: RawTracePointContext) -> u32 {
    // SAFETY: likewise.
    end(&ctx, Hook::Open, unsafe { opened(ctx.arg(0), ctx.arg(1)) })
}

#[inline(always)]
unsafe fn transferred(regs: Ptr, result: i64) -> Result<(), Loss> {
    // SAFETY: registers at offsets from BTF.
    unsafe {
        let kind = kernel::call_kind(regs)?;
        // What 32-bit programs call is not seen; docs/limitations.md says so.
        if !Syscall::is_transfer(kind) || kernel::is_compat()? {
            return Ok(());
        }
        match filter::caller::<Probe>() {
            Some(task) => transfer(&task, regs, kind, result),
            None => Ok(()),
        }
    }
}

#[inline(always)]
unsafe fn opened(regs: Ptr, result: i64) -> Result<(), Loss> {
    // SAFETY: registers at offsets from BTF.
    unsafe {
        let kind = kernel::call_kind(regs)?;
        if !Syscall::is_open(kind) || kernel::is_compat()? {
            return Ok(());
        }
        match filter::caller::<Probe>() {
            Some(task) => open(&task, regs, kind, result),
            None => Ok(()),
        }
    }
}

#[inline(always)]
unsafe fn transfer(task: &Task, regs: Ptr, kind: u8, result: i64) -> Result<(), Loss> {
    if result < 0 {
        return Ok(());
    }
    let moved = result as u64;
    if kind == Syscall::Read as u8 || kind == Syscall::Write as u8 {
        // SAFETY: registers at offsets from BTF.
        let fd: u32 = unsafe { Probe::load(regs, offset!(regs_arg[0])) }?;
        let op = if kind == Syscall::Read as u8 {
            Op::Read
        } else {
            Op::Write
        };
        pending::begin(Hook::Read);
        descriptor::transfer(Hook::Read, task, fd, Ops::one_told(op, moved));
    } else if let Some(batch) = Batch::begin() {
        // SAFETY: the caller vouches for the registers.
        unsafe { gather(batch, regs, kind, moved) }?;
        batch.count(task);
    }
    pending::name_all(Hook::Read);
    Ok(())
}

/// Takes in what a call did with more than one descriptor.
#[inline(always)]
unsafe fn gather(batch: &mut Batch, regs: Ptr, kind: u8, moved: u64) -> Result<(), Loss> {
    // SAFETY: registers at offsets from BTF.
    unsafe {
        if descriptor::is_between(kind) {
            let (input, output) = descriptor::ends(kind, regs)?;
            batch.put(input, Op::Read as u32, moved);
            batch.put(output, Op::Write as u32, moved);
        } else {
            getevents(batch, regs, moved)?;
        }
    }
    Ok(())
}

#[inline(always)]
unsafe fn open(task: &Task, regs: Ptr, kind: u8, result: i64) -> Result<(), Loss> {
    // SAFETY: registers; user memory is checked by the helper.
    unsafe {
        if kind == Syscall::OpenByHandle as u8 {
            let flags = Probe::load(regs, offset!(regs_arg[2]))?;
            return open::report(Hook::HandleOpen, task, &by_handle(flags, result as i32));
        }
        let first: u64 = Probe::load(regs, offset!(regs_arg[0]))?;
        let second: u64 = Probe::load(regs, offset!(regs_arg[1]))?;
        let third: u64 = Probe::load(regs, offset!(regs_arg[2]))?;
        let fourth: u64 = Probe::load(regs, offset!(regs_arg[3]))?;
        let mut request = Request {
            via: Via::Call,
            dirfd: first as i32,
            name: Name::User(second as Ptr),
            flags: third,
            mode: fourth as u32,
            result: result as i32,
            file: File::Descriptor,
        };
        if kind == Syscall::Openat2 as u8 {
            // `struct open_how` is part of the interface: flags, then mode.
            let how = third as *const [u64; 2];
            let [flags, mode] = bpf_probe_read_user(how).unwrap_or([0; 2]);
            request.flags = flags;
            request.mode = mode as u32;
        } else if kind == Syscall::Open as u8 || kind == Syscall::Creat as u8 {
            request.dirfd = AT_FDCWD;
            request.name = Name::User(first as Ptr);
            request.flags = second;
            request.mode = third as u32;
            if kind == Syscall::Creat as u8 {
                request.flags = CREAT_FLAGS;
                request.mode = second as u32;
            }
        }
        open::report(Hook::Open, task, &request)
    }
}
