//! Backend `fentry`: what is done to files below others, for who asks for it.
//!
//! An overlay reads and writes the file below, which the kernel opened for itself, with these
//! functions; so did loop devices, in a thread of the kernel, before their driver went past them
//! (it does in Debian's 6.12 and 7.2). Other callers work on the very file that the user's process
//! named, and are counted there.

use aya_ebpf::{macros::fexit, programs::FExitContext};
use iotrace_common::{Hook, RowKind};

use super::{end, fentry::on_held};
use crate::{
    count::{Op, Ops},
    file, filter,
    kernel::{Current, Direct, Ptr, offset},
};

/// A thread of the kernel (`PF_KTHREAD`, include/linux/sched.h).
const PF_KTHREAD: u32 = 0x0020_0000;

/// `ssize_t vfs_iter_read(struct file *file, struct iov_iter *iter, loff_t *ppos, rwf_t flags)`
#[fexit(function = "vfs_iter_read")]
pub fn vfs_iter_read_exit(ctx: FExitContext) -> u32 {
    transfer(&ctx, Hook::LowerRead, Op::Read)
}

/// `ssize_t vfs_iter_write(struct file *file, struct iov_iter *iter, loff_t *ppos, rwf_t flags)`
#[fexit(function = "vfs_iter_write")]
pub fn vfs_iter_write_exit(ctx: FExitContext) -> u32 {
    transfer(&ctx, Hook::LowerWrite, Op::Write)
}

#[inline(always)]
fn transfer(ctx: &FExitContext, hook: Hook, op: Op) -> u32 {
    let moved: i64 = ctx.arg(4);
    if moved < 0 {
        return 0;
    }
    let Some(task) = filter::caller() else {
        return 0;
    };
    let address: Ptr = ctx.arg(0);
    // SAFETY: the first argument is a file; the other a member of task_struct.
    let (lower, flags) = unsafe {
        (
            file::is_lower::<Direct>(address),
            Current::get().load::<u32>(offset!(task_flags)),
        )
    };
    if lower != Ok(true) && flags.unwrap_or(0) & PF_KTHREAD == 0 {
        return 0;
    }
    let ops = Ops::one(op, moved as u64);
    let counted = on_held(hook, RowKind::Lower, &task, address, ops);
    end(ctx, hook, counted)
}
