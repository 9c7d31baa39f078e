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
    mapped::{UNDONE, mapped_file, user_inode},
};
use crate::{
    descriptor, emit,
    file::{self, Inode},
    filter,
    kernel::{self, Direct, Probe, Ptr, Read, Task, offset},
    storage::{self, Share},
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
                if let Some(task) = filter::caller::<Direct>() {
                    $ended(&ctx, Hook::$hook, &task);
                }
                0
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
    if kernel::syscall_kind(ctx.arg::<u64>(1) as u32) == 0 {
        return 0;
    }
    end(&ctx, Hook::Mark, begins::<Probe>())
}

/// `TP_PROTO(struct pt_regs *regs, long ret)`
#[raw_tracepoint(tracepoint = "sys_exit")]
pub fn call_settle(ctx: RawTracePointContext) -> u32 {
    end(&ctx, Hook::Mark, call_ends(&ctx))
}

#[inline(always)]
fn begins<R: Read>() -> Result<(), Loss> {
    match filter::caller::<R>() {
        Some(task) => storage::begins(&task),
        None => Ok(()),
    }
}

#[inline(always)]
fn call_ends(ctx: &RawTracePointContext) -> Result<(), Loss> {
    let registers: Ptr = ctx.arg(0);
    // SAFETY: the first argument of the tracepoint is the saved registers.
    let kind = unsafe { kernel::call_kind(registers) }?;
    let is_one = kind == Syscall::Read as u8 || kind == Syscall::Write as u8;
    if !is_one && !descriptor::is_between(kind) || kernel::is_compat()? {
        return Ok(());
    }
    let Some(task) = filter::caller::<Probe>() else {
        return Ok(());
    };
    if is_one {
        // SAFETY: registers at offsets from BTF.
        let fd = unsafe { Probe::load(registers, offset!(regs_arg[0])) }?;
        of_descriptor(Hook::Read, &task, fd, Share::All);
        return Ok(());
    }
    // SAFETY: as above.
    let (input, output) = unsafe { descriptor::ends(kind, registers) }?;
    of_descriptor(Hook::Read, &task, input, Share::Fetched);
    of_descriptor(Hook::Read, &task, output, Share::Dirtied);
    Ok(())
}

/// The first argument is the file.
#[inline(always)]
fn one_file(ctx: &FExitContext, hook: Hook, task: &Task) {
    // SAFETY: the traced function holds it.
    let inode = unsafe { file::inode::<Direct>(ctx.arg(0)) };
    of_inode(hook, task, inode, Share::All);
}

/// The first argument is the source, the third the destination.
#[inline(always)]
fn two_files(ctx: &FExitContext, hook: Hook, task: &Task) {
    // SAFETY: the traced function holds both. (For the file below an overlay, whose share is that
    // of the overlay, nothing is left: it comes first, and then has had none.)
    let (input, output) = unsafe {
        if file::is_lower::<Direct>(ctx.arg(0)) != Ok(false) {
            return;
        }
        (
            file::inode::<Direct>(ctx.arg(0)),
            file::inode::<Direct>(ctx.arg(2)),
        )
    };
    of_inode(hook, task, input, Share::Fetched);
    of_inode(hook, task, output, Share::Dirtied);
}

/// The first argument is the destination, the second the source, as descriptors.
#[inline(always)]
fn two_descriptors(ctx: &FExitContext, hook: Hook, task: &Task) {
    of_descriptor(hook, task, ctx.arg::<i64>(1) as u32, Share::Fetched);
    of_descriptor(hook, task, ctx.arg::<i64>(0) as u32, Share::Dirtied);
}

/// The first argument tells of a fault in a mapping, which has been let go of if it comes again.
#[inline(always)]
fn fault(ctx: &FExitContext, hook: Hook, task: &Task) {
    if ctx.arg::<u64>(1) as u32 & UNDONE == 0 {
        mapping(ctx, hook, task);
    }
}

/// The first argument tells of a fault in a mapping.
#[inline(always)]
fn mapping(ctx: &FExitContext, hook: Hook, task: &Task) {
    match mapped_file(ctx.arg(0)) {
        Ok(address) if address.is_null() => {}
        Ok(address) => of_inode(hook, task, user_inode(address).1, Share::All),
        Err(loss) => emit::lost(Hook::Mark, loss),
    }
}

#[inline(always)]
fn of_descriptor(hook: Hook, task: &Task, fd: u32, share: Share) {
    // SAFETY: probe reads check the address.
    match unsafe { descriptor::address(fd) } {
        // SAFETY: likewise.
        Ok(address) => of_inode(hook, task, unsafe { file::inode::<Probe>(address) }, share),
        // The hook that counts tells it.
        Err(_) => {}
    }
}

#[inline(always)]
fn of_inode(hook: Hook, task: &Task, inode: Result<Inode, Loss>, share: Share) {
    let ended = match inode {
        Ok(inode) if !filter::admits_type(inode.mode) => Ok(()),
        Ok(inode) => storage::ended(hook, task, inode, share),
        Err(loss) => Err(loss),
    };
    if let Err(loss) = ended {
        emit::lost(Hook::Mark, loss);
    }
}
