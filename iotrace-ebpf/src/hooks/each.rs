//! Begins of reads and writes, for those who want to know each (`events --each`).

use aya_ebpf::{
    EbpfContext as _,
    macros::{fentry, raw_tracepoint},
    programs::{FEntryContext, RawTracePointContext},
};
use iotrace_common::{CALL_PLACED, CALL_SIZED, Hook, Loss, Syscall, UNKNOWN};

use super::end;
use crate::{
    descriptor, each, filter,
    kernel::{self, Direct, Probe, Ptr, Read, Registers, offset},
};

/// One program for each function: the kernel ties each to one.
macro_rules! functions {
    ($($program:ident = $function:literal, $hook:ident, $size:expr;)*) => {
        $(
            #[doc = concat!("`", $function, "` begins; its fourth argument is the place.")]
            #[fentry(function = $function)]
            pub fn $program(ctx: FEntryContext) -> u32 {
                let size: fn(&FEntryContext) -> u64 = $size;
                end(&ctx, Hook::EachBegin, begins(&ctx, Hook::$hook, size(&ctx)))
            }
        )*
    };
}

functions! {
    vfs_read_begin = "vfs_read", Read, |ctx| ctx.arg(2);
    vfs_write_begin = "vfs_write", Write, |ctx| ctx.arg(2);
    vfs_readv_begin = "vfs_readv", Readv, |_| UNKNOWN;
    vfs_writev_begin = "vfs_writev", Writev, |_| UNKNOWN;
}

#[inline(always)]
fn begins(ctx: &FEntryContext, hook: Hook, size: u64) -> Result<(), Loss> {
    let Some(task) = filter::caller() else {
        return Ok(());
    };
    let file: Ptr = ctx.arg(0);
    // Read so, because 5.10's verifier refuses arguments that point to a number.
    // SAFETY: arguments are words, one behind the other.
    let place: Ptr = unsafe { Probe::load(ctx.as_ptr().cast(), 3 * 8) }?;
    let appends = matches!(hook, Hook::Write | Hook::Writev) && appends::<Direct>(file)?;
    // What has no place, such as a pipe, has a pointer to none.
    // SAFETY: the kernel's copy of the place.
    let offset = unsafe { Probe::load(place, 0) }.unwrap_or(UNKNOWN);
    each::begin(hook, &task, if appends { UNKNOWN } else { offset }, size)
}

/// `O_APPEND` (include/uapi/asm-generic/fcntl.h).
const O_APPEND: u32 = 0o2000;

/// Whether writes go to the end of the file, wherever that is when they do (`generic_write_checks`,
/// fs/read_write.c).
#[inline(always)]
fn appends<R: Read>(file: Ptr) -> Result<bool, Loss> {
    // SAFETY: a member of file.
    let flags: u32 = unsafe { R::load(file, offset!(file_flags)) }?;
    Ok(flags & O_APPEND != 0)
}

/// `TP_PROTO(struct pt_regs *regs, long id)`: backend `syscall`
#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn call_begin(ctx: RawTracePointContext) -> u32 {
    // SAFETY: the first argument is the saved registers.
    end(&ctx, Hook::EachBegin, unsafe {
        call_begins(Hook::Read, ctx.arg(0))
    })
}

/// The same: backend `kprobe`
#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn call_begin_kprobe(ctx: RawTracePointContext) -> u32 {
    // SAFETY: likewise.
    end(&ctx, Hook::EachBegin, unsafe {
        call_begins(Hook::Return, ctx.arg(0))
    })
}

#[inline(always)]
unsafe fn call_begins(hook: Hook, regs: Ptr) -> Result<(), Loss> {
    // SAFETY: the caller vouches for the registers.
    let regs = unsafe { Registers::of_call(regs) };
    let entry = kernel::call_entry(regs)?;
    let kind = entry & !(CALL_SIZED | CALL_PLACED);
    if !Syscall::is_transfer(kind) || kernel::is_compat()? {
        return Ok(());
    }
    let Some(task) = filter::caller() else {
        return Ok(());
    };
    let is_write = kind == Syscall::Write as u8;
    if !is_write && kind != Syscall::Read as u8 {
        // What others move began earlier, or has two places.
        each::forget(&task);
        return Ok(());
    }
    let (mut offset, mut size) = (UNKNOWN, UNKNOWN);
    // SAFETY: a file that is checked.
    unsafe {
        if entry & CALL_SIZED != 0 {
            size = regs.argument(offset!(regs_arg[2]))?;
        }
        if let Ok(file) = descriptor::address(regs.argument(offset!(regs_arg[0]))? as u32)
            && !(is_write && appends::<Probe>(file)?)
        {
            offset = if entry & CALL_PLACED != 0 {
                regs.argument(offset!(regs_arg[3]))?
            } else {
                Probe::load(file, offset!(file_pos))?
            };
        }
    }
    each::begin(hook, &task, offset, size)
}
