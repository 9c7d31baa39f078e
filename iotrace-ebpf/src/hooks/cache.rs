//! Use of the page cache (`--cache`): begins and ends of operations. Programs of their own, so that
//! they cost nothing when they are not wanted. Backend `fentry` has them at the functions themselves,
//! the others at the entry and exit of system calls.

use aya_ebpf::{
    macros::{fentry, fexit, raw_tracepoint},
    programs::{FEntryContext, FExitContext, RawTracePointContext},
};
use iotrace_common::{Hook, Loss, Syscall};

use super::{
    end,
    mapped::{RETRY, mapped_file, user_inode},
};
use crate::{
    descriptor, emit,
    file::{self, Inode},
    filter,
    kernel::{self, Direct, Probe, Read, Registers, Task, offset},
    storage::{self, Account, Share},
};

/// Two programs for each function: the kernel ties each to one.
macro_rules! functions {
    ($($begin:ident, $end:ident = $function:literal, $hook:ident, $ended:ident;)*) => {
        $(
            #[doc = concat!("`", $function, "` begins.")]
            #[fentry(function = $function)]
            pub fn $begin(ctx: FEntryContext) -> u32 {
                end(&ctx, Hook::Mark, begins::<Direct>())
            }

            #[doc = concat!("`", $function, "` ends.")]
            #[fexit(function = $function)]
            pub fn $end(ctx: FExitContext) -> u32 {
                let ended = match filter::caller() {
                    Some(task) => $ended(&ctx, Hook::$hook, &task),
                    None => Ok(()),
                };
                end(&ctx, Hook::Mark, ended)
            }
        )*
    };
}

functions! {
    vfs_read_mark, vfs_read_settle = "vfs_read", Read, one_file;
    vfs_write_mark, vfs_write_settle = "vfs_write", Write, one_file;
    vfs_readv_mark, vfs_readv_settle = "vfs_readv", Readv, one_file;
    vfs_writev_mark, vfs_writev_settle = "vfs_writev", Writev, one_file;
    kernel_read_mark, kernel_read_settle = "kernel_read", KernelRead, one_file;
    do_sendfile_mark, do_sendfile_settle = "do_sendfile", Sendfile, two_descriptors;
    do_splice_mark, do_splice_settle = "do_splice", Splice, two_files;
    copy_file_range_mark, copy_file_range_settle = "vfs_copy_file_range", Copy, two_files;
    do_fault_mark, do_fault_settle = "do_fault", Fault, fault;
    do_page_mkwrite_mark, do_page_mkwrite_settle = "do_page_mkwrite", MkWrite, mapping;
}

/// `TP_PROTO(struct pt_regs *regs, long id)`
#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn call_mark(ctx: RawTracePointContext) -> u32 {
    end(&ctx, Hook::Mark, call_begins(&ctx))
}

/// `TP_PROTO(struct pt_regs *regs, long ret)`
#[raw_tracepoint(tracepoint = "sys_exit")]
#[inline(always)]
pub fn call_settle(ctx: RawTracePointContext) -> u32 {
    end(&ctx, Hook::Mark, call_ends(&ctx))
}

#[inline(always)]
fn begins<R: Read>() -> Result<(), Loss> {
    match filter::caller() {
        Some(task) => storage::begins(&task),
        None => Ok(()),
    }
}

#[inline(always)]
fn call_begins(ctx: &RawTracePointContext) -> Result<(), Loss> {
    let kind = kernel::syscall_kind(ctx.arg::<u64>(1) as u32);
    if !is_followed(kind) || kernel::is_compat()? {
        return Ok(());
    }
    begins::<Probe>()
}

#[inline(always)]
fn call_ends(ctx: &RawTracePointContext) -> Result<(), Loss> {
    // SAFETY: the first argument of the tracepoint is the saved registers.
    let registers = unsafe { Registers::of_call(ctx.arg(0)) };
    let kind = kernel::call_kind(registers)?;
    if !is_followed(kind) || kernel::is_compat()? {
        return Ok(());
    }
    let Some(task) = filter::caller() else {
        return Ok(());
    };
    let (input, output) = if descriptor::is_between(kind) {
        descriptor::ends(kind, registers)?
    } else {
        let fd = registers.argument(offset!(regs_arg[0]))? as u32;
        (fd, fd)
    };
    let used = Used::of(&task);
    of_descriptor(Hook::Read, &task, input, &used, Share::Fetched);
    of_descriptor(Hook::Read, &task, output, &used, Share::Dirtied);
    Ok(())
}

/// Whether a call reads or writes, between its begin and its end.
#[inline(always)]
fn is_followed(kind: u8) -> bool {
    kind == Syscall::Read as u8 || kind == Syscall::Write as u8 || descriptor::is_between(kind)
}

/// The first argument is the file.
#[inline(always)]
fn one_file(ctx: &FExitContext, hook: Hook, task: &Task) -> Result<(), Loss> {
    let used = Used::of(task);
    // SAFETY: the traced function holds it.
    let inode = unsafe { file::inode::<Direct>(ctx.arg(0)) }?;
    of_inode(hook, task, inode, &used, Share::All);
    Ok(())
}

/// The first argument is the source, the third the destination.
#[inline(always)]
fn two_files(ctx: &FExitContext, hook: Hook, task: &Task) -> Result<(), Loss> {
    let used = Used::of(task);
    // SAFETY: the traced function holds both.
    let (input, output) = unsafe {
        (
            file::inode::<Direct>(ctx.arg(0))?,
            file::inode::<Direct>(ctx.arg(2))?,
        )
    };
    of_inode(hook, task, input, &used, Share::Fetched);
    of_inode(hook, task, output, &used, Share::Dirtied);
    Ok(())
}

/// The first argument is the destination, the second the source, as descriptors.
#[inline(always)]
fn two_descriptors(ctx: &FExitContext, hook: Hook, task: &Task) -> Result<(), Loss> {
    let used = Used::of(task);
    let (output, input) = (ctx.arg::<i64>(0) as u32, ctx.arg::<i64>(1) as u32);
    of_descriptor(hook, task, input, &used, Share::Fetched);
    of_descriptor(hook, task, output, &used, Share::Dirtied);
    Ok(())
}

/// The first argument tells of a fault in a mapping. A fault that has to wait for storage lets go of
/// the mapping, and comes again.
#[inline(always)]
fn fault(ctx: &FExitContext, hook: Hook, task: &Task) -> Result<(), Loss> {
    if ctx.arg::<u64>(1) as u32 & RETRY != 0 {
        storage::begins_again(task);
        return Ok(());
    }
    mapping(ctx, hook, task)
}

/// The first argument tells of a fault in a mapping.
#[inline(always)]
fn mapping(ctx: &FExitContext, hook: Hook, task: &Task) -> Result<(), Loss> {
    let used = Used::of(task);
    let address = mapped_file(ctx.arg(0))?;
    if !address.is_null() {
        let inode = user_inode(address).1?;
        of_inode(hook, task, inode, &used, Share::All);
    }
    Ok(())
}

#[inline(always)]
fn of_descriptor(hook: Hook, task: &Task, fd: u32, used: &Used, share: Share) {
    // SAFETY: probe reads check the address.
    if let Ok(address) = unsafe { descriptor::address(fd) }
        // That it is gone is told by the hook that counts.
        && let Ok(inode) = unsafe { file::inode::<Probe>(address) }
    {
        of_inode(hook, task, inode, used, share);
    }
}

#[inline(always)]
fn of_inode(hook: Hook, task: &Task, inode: Inode, used: &Used, share: Share) {
    if !filter::admits_type(inode.mode) {
        return;
    }
    if used.known {
        storage::give(hook, task, inode, &used.account, share);
    } else {
        emit::lost(Hook::Mark, Loss::StorageUnknown);
    }
}

/// What an operation used, if its begin was seen. That it was not is a loss only where the file is
/// one that is counted: others may have waited since before tracing began.
struct Used {
    known: bool,
    account: Account,
}

impl Used {
    #[inline(always)]
    fn of(task: &Task) -> Self {
        match storage::ends(task) {
            Ok(account) => Self {
                known: true,
                account,
            },
            Err(_) => Self {
                known: false,
                account: Account::NONE,
            },
        }
    }
}
