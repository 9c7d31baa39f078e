//! Backend `fentry`: calls that move data from one file to another. Each is a read
//! of the one and a write of the other, of the bytes that it returns.
//!
//! The kernel does them with the functions of plain reads and writes below, but not
//! with those that are hooked, so nothing is counted twice.

use aya_ebpf::{macros::fexit, programs::FExitContext};
use iotrace_common::{Hook, RowKind};

use super::{end, fentry::on_held};
use crate::{
    count::{Op, Ops},
    descriptor, emit,
    file::{self, OpenFile},
    filter,
    kernel::{Direct, Ptr, Task},
    pending,
};

/// `ssize_t do_sendfile(int out_fd, int in_fd, loff_t *ppos, size_t count, loff_t max)`
#[fexit(function = "do_sendfile")]
pub fn do_sendfile_exit(ctx: FExitContext) -> u32 {
    let Some((task, moved)) = moved(ctx.arg(5)) else {
        return 0;
    };
    let (output, input) = (ctx.arg::<i64>(0) as u32, ctx.arg::<i64>(1) as u32);
    pending::begin(Hook::Sendfile);
    descriptor::between(Hook::Sendfile, &task, input, output, moved);
    pending::name_all(Hook::Sendfile);
    0
}

/// `ssize_t do_splice(struct file *in, loff_t *off_in, struct file *out, loff_t *off_out, size_t
/// len, unsigned int flags)`: also what io_uring's splice calls, in a thread of its own.
#[fexit(function = "do_splice")]
pub fn do_splice_exit(ctx: FExitContext) -> u32 {
    let Some((task, moved)) = moved(ctx.arg(6)) else {
        return 0;
    };
    pending::begin(Hook::Splice);
    transfer(Hook::Splice, &task, ctx.arg(0), Op::Read, moved);
    transfer(Hook::Splice, &task, ctx.arg(2), Op::Write, moved);
    pending::name_all(Hook::Splice);
    0
}

/// `ssize_t vfs_copy_file_range(struct file *file_in, loff_t pos_in, struct file *file_out, loff_t
/// pos_out, size_t len, unsigned int flags)`
#[fexit(function = "vfs_copy_file_range")]
pub fn vfs_copy_file_range_exit(ctx: FExitContext) -> u32 {
    let Some((task, moved)) = moved(ctx.arg(6)) else {
        return 0;
    };
    let (input, output): (Ptr, Ptr) = (ctx.arg(0), ctx.arg(2));
    // An overlay calls it once more, with the files below.
    // SAFETY: the first argument is a file.
    if unsafe { file::is_lower::<Direct>(input) } != Ok(false) {
        return 0;
    }
    pending::begin(Hook::Copy);
    transfer(Hook::Copy, &task, input, Op::Read, moved);
    transfer(Hook::Copy, &task, output, Op::Write, moved);
    pending::name_all(Hook::Copy);
    0
}

/// `loff_t vfs_clone_file_range(struct file *file_in, loff_t pos_in, struct file *file_out, loff_t
/// pos_out, loff_t len, unsigned int remap_flags)`: no byte moves.
#[fexit(function = "vfs_clone_file_range")]
pub fn vfs_clone_file_range_exit(ctx: FExitContext) -> u32 {
    let Some((task, shared)) = moved(ctx.arg(6)) else {
        return 0;
    };
    let address: Ptr = ctx.arg(2);
    // SAFETY: the third argument is a file.
    if unsafe { file::is_lower::<Direct>(address) } != Ok(false) {
        return 0;
    }
    let ops = Ops::one(Op::Write, shared);
    let counted = on_held(Hook::Clone, RowKind::Cloned, &task, address, ops);
    end(&ctx, Hook::Clone, counted)
}

/// The caller, if it is reported, and the bytes of a call that did not fail.
#[inline(always)]
fn moved(result: i64) -> Option<(Task, u64)> {
    if result < 0 {
        return None;
    }
    Some((filter::caller()?, result as u64))
}

#[inline(always)]
fn transfer(hook: Hook, task: &Task, address: Ptr, op: Op, moved: u64) {
    if !filter::admits_op(op) {
        return;
    }
    // SAFETY: the traced function holds the file.
    match unsafe { file::inode::<Direct>(address) } {
        Ok(inode) => {
            let file = OpenFile {
                address,
                inode,
                held: true,
                below: false,
            };
            pending::transfer(hook, task, &file, Ops::one(op, moved));
        }
        Err(loss) => emit::lost(hook, loss),
    }
}
