//! Backend `kprobe`: programs on the entry of the same functions as `fentry`,
//! for kernels that have no programs on their exit. What the entry knows waits in
//! a map for the return of the system call ([`crate::calls`] tells why that and
//! not the return of the function).

use aya_ebpf::{
    macros::{kprobe, raw_tracepoint},
    programs::{ProbeContext, RawTracePointContext},
};
use iotrace_common::{FileId, Hook, Loss, Syscall, Via};

use super::end;
use crate::{
    calls::{self, OpenArgs, TransferArgs},
    count::{self, Op},
    descriptor,
    file::{self, Inode, OpenFile},
    filter,
    hooks::exec::by_handle,
    kernel::{self, Probe, Ptr, Read, Registers, Task, offset, parameter, task_id},
    maps::{OPENS, TRANSFERS},
    open::{self, File, Name, Request},
    pending,
};

/// `ssize_t vfs_read(struct file *file, char *buf, size_t count, loff_t *pos)`
#[kprobe]
pub fn vfs_read_entry(ctx: ProbeContext) -> u32 {
    end(
        &ctx,
        Hook::Read,
        transfer_begins(&ctx, Hook::Read, Op::Read),
    )
}

/// `ssize_t vfs_write(struct file *file, const char *buf, size_t count, loff_t *pos)`
#[kprobe]
pub fn vfs_write_entry(ctx: ProbeContext) -> u32 {
    end(
        &ctx,
        Hook::Write,
        transfer_begins(&ctx, Hook::Write, Op::Write),
    )
}

/// `ssize_t vfs_readv(struct file *file, const struct iovec *vec, unsigned long vlen, loff_t *pos,
/// rwf_t flags)`
#[kprobe]
pub fn vfs_readv_entry(ctx: ProbeContext) -> u32 {
    end(
        &ctx,
        Hook::Readv,
        transfer_begins(&ctx, Hook::Readv, Op::Read),
    )
}

/// `ssize_t vfs_writev(struct file *file, const struct iovec *vec, unsigned long vlen, loff_t *pos,
/// rwf_t flags)`
#[kprobe]
pub fn vfs_writev_entry(ctx: ProbeContext) -> u32 {
    end(
        &ctx,
        Hook::Writev,
        transfer_begins(&ctx, Hook::Writev, Op::Write),
    )
}

#[inline(always)]
fn transfer_begins(ctx: &ProbeContext, hook: Hook, op: Op) -> Result<(), Loss> {
    let Some(task) = filter::caller() else {
        return Ok(());
    };
    let address = parameter!(ctx, 0) as Ptr;
    // SAFETY: the first argument is the file.
    let inode = unsafe { file::inode::<Probe>(address) }?;
    if !filter::admits_type(inode.mode) {
        calls::forget(&TRANSFERS, hook, &task);
        return Ok(());
    }
    let args = TransferArgs {
        file: address as u64,
        id: inode.id,
        mode: inode.mode,
        write: u32::from(op == Op::Write),
        done: calls::calls_done(op)?,
    };
    calls::begin(&TRANSFERS, hook, &task, args)
}

/// `TP_PROTO(struct pt_regs *regs, long ret)`
#[raw_tracepoint(tracepoint = "sys_exit")]
#[inline(always)]
pub fn transfer_return(ctx: RawTracePointContext) -> u32 {
    end(&ctx, Hook::Return, transfer_returns(&ctx))
}

#[inline(always)]
fn transfer_returns(ctx: &RawTracePointContext) -> Result<(), Loss> {
    // SAFETY: the first argument of the tracepoint is the saved registers.
    let registers = unsafe { Registers::of_call(ctx.arg(0)) };
    let kind = kernel::call_kind(registers)?;
    // Most calls are of no interest; only the numbers of 32-bit programs are not known.
    if !Syscall::is_transfer(kind) && !kernel::is_compat()? {
        return Ok(());
    }
    if descriptor::is_between(kind) && !kernel::is_compat()? {
        return between_files(ctx, kind, registers);
    }
    let task = Task::current();
    match calls::take(&TRANSFERS, &task) {
        Some(args) => transfer_ends(ctx, kind, &task, args),
        None => Ok(()),
    }
}

#[inline(always)]
fn transfer_ends(
    ctx: &RawTracePointContext,
    kind: u8,
    task: &Task,
    args: &TransferArgs,
) -> Result<(), Loss> {
    let (op, begun) = if args.write == 0 {
        (Op::Read, Syscall::Read)
    } else {
        (Op::Write, Syscall::Write)
    };
    if kind != begun as u8 && !kernel::is_compat()? {
        return Err(Loss::ReturnMissed);
    }
    let moved: i64 = ctx.arg(1);
    if moved < 0 {
        return Ok(());
    }
    if !calls::is_last(op, args.done)? {
        return Err(Loss::ReturnMissed);
    }
    let file = OpenFile {
        address: args.file as Ptr,
        inode: Inode {
            // By parts: for all of it the compiler calls its `memmove`, which goes byte by byte.
            id: FileId {
                ino: args.id.ino,
                dev: args.id.dev,
                generation: args.id.generation,
            },
            mode: args.mode,
        },
        // The system call has let go of it.
        held: false,
        below: false,
    };
    count::transfer(Hook::Return, task, &file, op, moved as u64)
}

/// Calls that name both of their files by descriptors need no hook at their entry.
#[inline(always)]
fn between_files(ctx: &RawTracePointContext, kind: u8, registers: Registers) -> Result<(), Loss> {
    let Some(task) = filter::caller() else {
        return Ok(());
    };
    let moved: i64 = ctx.arg(1);
    if moved < 0 {
        return Ok(());
    }
    let (input, output) = descriptor::ends(kind, registers)?;
    pending::begin(Hook::Return);
    descriptor::between(Hook::Return, &task, input, output, moved as u64);
    pending::name_all(Hook::Return);
    Ok(())
}

/// `long do_sys_openat2(int dfd, const char *filename, struct open_how *how)`
#[kprobe]
pub fn do_sys_openat2_entry(ctx: ProbeContext) -> u32 {
    end(&ctx, Hook::Open, open_begins(&ctx))
}

#[inline(always)]
fn open_begins(ctx: &ProbeContext) -> Result<(), Loss> {
    let Some(task) = filter::caller() else {
        return Ok(());
    };
    let how = parameter!(ctx, 2) as Ptr;
    // SAFETY: `how` is the kernel's copy of a part of the interface: flags, then mode.
    let [flags, mode]: [u64; 2] = unsafe { Probe::load(how, offset!(how_flags)) }?;
    let args = OpenArgs {
        name: parameter!(ctx, 1),
        flags,
        dirfd: parameter!(ctx, 0) as i32,
        mode: mode as u32,
    };
    calls::begin(&OPENS, Hook::Open, &task, args)
}

/// `TP_PROTO(struct pt_regs *regs, long ret)`
#[raw_tracepoint(tracepoint = "sys_exit")]
#[inline(always)]
pub fn open_return(ctx: RawTracePointContext) -> u32 {
    end(&ctx, Hook::Open, open_returns(&ctx))
}

#[inline(always)]
fn open_returns(ctx: &RawTracePointContext) -> Result<(), Loss> {
    // SAFETY: the first argument of the tracepoint is the saved registers.
    let registers = unsafe { Registers::of_call(ctx.arg(0)) };
    let kind = kernel::call_kind(registers)?;
    if !Syscall::is_open(kind) && !kernel::is_compat()? {
        return Ok(());
    }
    if kind == Syscall::OpenByHandle as u8 && !kernel::is_compat()? {
        return handle_open(ctx, registers);
    }
    let task = Task::current();
    let Some(args) = calls::take(&OPENS, &task) else {
        return Ok(());
    };
    open::report(
        Hook::Open,
        &task,
        &Request {
            via: Via::Call,
            dirfd: args.dirfd,
            name: Name::User(args.name as Ptr),
            flags: args.flags,
            mode: args.mode,
            result: ctx.arg::<i64>(1) as i32,
            file: File::Descriptor,
        },
    )
}

/// An open by handle is told as it returns.
#[inline(always)]
fn handle_open(ctx: &RawTracePointContext, registers: Registers) -> Result<(), Loss> {
    let Some(task) = filter::caller() else {
        return Ok(());
    };
    let flags = registers.argument(offset!(regs_arg[2]))? as u32;
    open::report(
        Hook::HandleOpen,
        &task,
        &by_handle(flags, ctx.arg::<i64>(1) as i32),
    )
}

/// `TP_PROTO(struct task_struct *p, ...)`: what a thread that ends has waiting has
/// missed its return.
#[raw_tracepoint(tracepoint = "sched_process_exit")]
pub fn calls_end(_: RawTracePointContext) -> u32 {
    let tid = task_id();
    calls::end(&TRANSFERS, Hook::ThreadExit, tid);
    calls::end(&OPENS, Hook::ThreadExit, tid);
    0
}
