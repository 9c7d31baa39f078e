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
    kernel::{self, Ptr, Registers, Task, offset},
    open::{self, AT_FDCWD, File, Name, Request},
    pending,
};

/// `O_CREAT | O_WRONLY | O_TRUNC`, which `creat` stands for; the same numbers on
/// x86_64 and aarch64 (include/uapi/asm-generic/fcntl.h).
const CREAT_FLAGS: u64 = 0o100 | 0o1 | 0o1000;

/// `TP_PROTO(struct pt_regs *regs, long ret)`
#[raw_tracepoint(tracepoint = "sys_exit")]
#[inline(always)]
pub fn sys_exit(ctx: RawTracePointContext) -> u32 {
    // SAFETY: the first argument is the saved registers, the second the result.
    end(&ctx, Hook::Read, unsafe {
        transferred(Registers::of_call(ctx.arg(0)), ctx.arg(1))
    })
}

/// The same.
#[raw_tracepoint(tracepoint = "sys_exit")]
#[inline(always)]
pub fn sys_exit_open(ctx: RawTracePointContext) -> u32 {
    // SAFETY: likewise.
    end(&ctx, Hook::Open, unsafe {
        opened(Registers::of_call(ctx.arg(0)), ctx.arg(1))
    })
}

#[inline(always)]
fn transferred(regs: Registers, result: i64) -> Result<(), Loss> {
    let kind = kernel::call_kind(regs)?;
    // What 32-bit programs call is not seen; docs/limitations.md says so.
    if !Syscall::is_transfer(kind) || result < 0 || kernel::is_compat()? {
        return Ok(());
    }
    match filter::caller() {
        Some(task) => transfer(&task, regs, kind, result as u64),
        None => Ok(()),
    }
}

#[inline(always)]
fn opened(regs: Registers, result: i64) -> Result<(), Loss> {
    let kind = kernel::call_kind(regs)?;
    if !Syscall::is_open(kind) || kernel::is_compat()? {
        return Ok(());
    }
    match filter::caller() {
        Some(task) => open(&task, regs, kind, result),
        None => Ok(()),
    }
}

#[inline(always)]
fn transfer(task: &Task, regs: Registers, kind: u8, moved: u64) -> Result<(), Loss> {
    if kind == Syscall::Read as u8 || kind == Syscall::Write as u8 {
        let fd = regs.argument(offset!(regs_arg[0]))? as u32;
        let op = if kind == Syscall::Read as u8 {
            Op::Read
        } else {
            Op::Write
        };
        pending::begin(Hook::Read);
        descriptor::transfer(Hook::Read, task, fd, Ops::one_told(op, moved));
    } else if let Some(batch) = Batch::begin() {
        gather(batch, regs, kind, moved)?;
        batch.count(task);
    }
    pending::name_all(Hook::Read);
    Ok(())
}

/// Takes in what a call did with more than one descriptor.
#[inline(always)]
fn gather(batch: &mut Batch, regs: Registers, kind: u8, moved: u64) -> Result<(), Loss> {
    if descriptor::is_between(kind) {
        let (input, output) = descriptor::ends(kind, regs)?;
        batch.put(input, Op::Read as u32, moved);
        batch.put(output, Op::Write as u32, moved);
        return Ok(());
    }
    getevents(batch, regs, moved)
}

#[inline(always)]
fn open(task: &Task, regs: Registers, kind: u8, result: i64) -> Result<(), Loss> {
    if kind == Syscall::OpenByHandle as u8 {
        let flags = regs.argument(offset!(regs_arg[2]))? as u32;
        return open::report(Hook::HandleOpen, task, &by_handle(flags, result as i32));
    }
    let first = regs.argument(offset!(regs_arg[0]))?;
    let second = regs.argument(offset!(regs_arg[1]))?;
    let third = regs.argument(offset!(regs_arg[2]))?;
    let fourth = regs.argument(offset!(regs_arg[3]))?;
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
        // SAFETY: the helper checks the address.
        let [flags, mode] = unsafe { bpf_probe_read_user(how) }.unwrap_or([0; 2]);
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
