//! Begins of operations, for `--cache`: backend `fentry` at the functions themselves, the others at
//! the entry of system calls.

use aya_ebpf::{
    macros::{fentry, raw_tracepoint},
    programs::{FEntryContext, RawTracePointContext},
};
use iotrace_common::{Hook, Loss};

use super::end;
use crate::{
    filter,
    kernel::{self, Direct, Probe, Read},
    storage,
};

/// One program for each function: the kernel ties it to one.
macro_rules! marks {
    ($($program:ident = $function:literal;)*) => {
        $(
            #[doc = concat!("`", $function, "` begins.")]
            #[fentry(function = $function)]
            pub fn $program(ctx: FEntryContext) -> u32 {
                end(&ctx, Hook::Mark, begins::<Direct>())
            }
        )*
    };
}

marks! {
    vfs_read_mark = "vfs_read";
    vfs_write_mark = "vfs_write";
    vfs_readv_mark = "vfs_readv";
    vfs_writev_mark = "vfs_writev";
    do_sendfile_mark = "do_sendfile";
    do_splice_mark = "do_splice";
    vfs_copy_file_range_mark = "vfs_copy_file_range";
    kernel_read_mark = "kernel_read";
    do_fault_mark = "do_fault";
    do_page_mkwrite_mark = "do_page_mkwrite";
}

/// `TP_PROTO(struct pt_regs *regs, long id)`
#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn call_mark(ctx: RawTracePointContext) -> u32 {
    if kernel::syscall_kind(ctx.arg::<u64>(1) as u32) == 0 {
        return 0;
    }
    end(&ctx, Hook::Mark, begins::<Probe>())
}

#[inline(always)]
fn begins<R: Read>() -> Result<(), Loss> {
    match filter::caller::<R>() {
        Some(task) => storage::begins(&task),
        None => Ok(()),
    }
}
