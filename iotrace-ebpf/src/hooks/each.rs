//! Begins of reads and writes, for those who want to know each (`events --each`).

use aya_ebpf::{
    macros::{fentry, raw_tracepoint},
    programs::{FEntryContext, RawTracePointContext},
};
use iotrace_common::{CALL_PLACED, CALL_SIZED, Hook, Loss, Syscall, UNKNOWN};

use super::end;
use crate::{
    descriptor, each, filter,
    kernel::{self, Direct, Probe, Ptr, Read, offset},
};

/// One program for each function: the kernel ties each to one.
macro_rules! functions {
    ($($program:ident = $function:literal, $hook:ident, $size:expr;)*) => {
        $(
            #[doc = concat!("`", $function, "` begins; its fourth argument is the place.")]
            #[fentry(function = $function)]
            pub fn $program(ctx: FEntryContext) -> u32 {
                let size: fn(&FEntryContext) -> u64 = $size;
                end(&ctx, Hook::EachBegin, begins(Hook::$hook, ctx.arg(3), size(&ctx)))
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
fn begins(hook: Hook, place: Ptr, size: u64) -> Result<(), Loss> {
    let Some(task) = filter::caller::<Direct>() else {
        return Ok(());
    };
    // What has no place, such as a pipe, has a pointer to none.
    // SAFETY: the kernel's copy of the place.
    let offset = unsafe { Probe::load(place, 0) }.unwrap_or(UNKNOWN);
    each::begin(hook, &task, offset, size)
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
    // SAFETY: registers at offsets from BTF.
    let entry = unsafe { kernel::call_entry(regs) }?;
    if !Syscall::is_transfer(entry & !(CALL_SIZED | CALL_PLACED)) || kernel::is_compat()? {
        return Ok(());
    }
    let Some(task) = filter::caller::<Probe>() else {
        return Ok(());
    };
    let (mut offset, mut size) = (UNKNOWN, UNKNOWN);
    // SAFETY: likewise; a place in a file that is checked.
    unsafe {
        if entry & CALL_SIZED != 0 {
            size = Probe::load(regs, offset!(regs_arg[2]))?;
        }
        if entry & CALL_PLACED != 0 {
            offset = Probe::load(regs, offset!(regs_arg[3]))?;
        } else if entry & !CALL_SIZED == Syscall::Read as u8
            || entry & !CALL_SIZED == Syscall::Write as u8
        {
            let file = descriptor::address(Probe::load(regs, offset!(regs_arg[0]))?);
            if let Ok(file) = file {
                offset = Probe::load(file, offset!(file_pos))?;
            }
        }
    }
    each::begin(hook, &task, offset, size)
}
