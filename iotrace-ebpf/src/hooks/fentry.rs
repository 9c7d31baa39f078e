//! Backend `fentry`: programs on the exit of VFS functions, where arguments and
//! result are at hand. The loader checks the positions against the kernel's BTF
//! (`iotrace::kernel::layout`). The result stands behind the last argument, also
//! where `bpf_get_func_ret` does not exist yet (before 5.17).

use core::ffi::c_void;

use aya_ebpf::{EbpfContext as _, macros::fexit, programs::FExitContext};

use iotrace_common::{Hook, Loss, RowKind, Via};

use super::end;
use crate::{
    count::{self, Op, Ops},
    file::{self, OpenFile},
    filter,
    kernel::{Current, Direct, Ptr, Read, Task, member, offset},
    open::{self, File, Name, Request},
};

/// `ssize_t vfs_read(struct file *file, char *buf, size_t count, loff_t *pos)`
#[fexit(function = "vfs_read")]
pub fn vfs_read_exit(ctx: FExitContext) -> u32 {
    transfer(&ctx, Hook::Read, Op::Read, 4)
}

/// `ssize_t vfs_write(struct file *file, const char *buf, size_t count, loff_t *pos)`
#[fexit(function = "vfs_write")]
pub fn vfs_write_exit(ctx: FExitContext) -> u32 {
    transfer(&ctx, Hook::Write, Op::Write, 4)
}

/// `ssize_t vfs_readv(struct file *file, const struct iovec *vec, unsigned long vlen, loff_t *pos,
/// rwf_t flags)`
#[fexit(function = "vfs_readv")]
pub fn vfs_readv_exit(ctx: FExitContext) -> u32 {
    transfer(&ctx, Hook::Readv, Op::Read, 5)
}

/// `ssize_t vfs_writev(struct file *file, const struct iovec *vec, unsigned long vlen, loff_t *pos,
/// rwf_t flags)`
#[fexit(function = "vfs_writev")]
pub fn vfs_writev_exit(ctx: FExitContext) -> u32 {
    transfer(&ctx, Hook::Writev, Op::Write, 5)
}

/// `ssize_t kernel_read(struct file *file, void *buf, size_t count, loff_t *pos)`: for exec, for
/// modules.
#[fexit(function = "kernel_read")]
pub fn kernel_read_exit(ctx: FExitContext) -> u32 {
    transfer(&ctx, Hook::KernelRead, Op::Read, 4)
}

/// A repeated operation is counted here; all else in a function of its own, for which nothing is kept
/// in registers before. `result` tells where the function's result is.
#[inline(always)]
fn transfer(ctx: &FExitContext, hook: Hook, op: Op, result: usize) -> u32 {
    if moved(ctx, result) < 0 || is_again(ctx, hook, op, result) {
        return 0;
    }
    transfer_anew(ctx.as_ptr(), hook, op, moved(ctx, result) as u64)
}

/// The result, read where it is used: to keep it in a register would cost two instructions more.
#[inline(always)]
fn moved(ctx: &FExitContext, result: usize) -> i64 {
    // SAFETY: the context is an array of arguments, with the result behind them.
    unsafe { ctx.as_ptr().cast::<i64>().add(result).read_volatile() }
}

/// Whether an operation is of the same thread on the same file as the last one that this hook counted:
/// the way that most of them go. Each member is compared as soon as it is read: there are few registers.
#[inline(always)]
fn is_again(ctx: &FExitContext, hook: Hook, op: Op, result: usize) -> bool {
    let Some(slot) = count::slot(hook) else {
        return false;
    };
    // SAFETY: members of the current task and of the traced function's file, its first argument; the
    // element of this CPU and this hook.
    unsafe {
        let key = &raw const (*slot).key;
        let task = Current::get().address();
        if (*slot).task != task as u64 || (*key).birth != member!(task, task_start_time: u64) as u32
        {
            return false;
        }
        let inode = member!(ctx.arg(0), file_inode: Ptr);
        if (*key).file.ino != member!(inode, inode_ino: u64)
            || (*key).file.generation != member!(inode, inode_generation: u32)
        {
            return false;
        }
        let superblock = member!(inode, inode_sb: Ptr);
        if (*key).file.dev != member!(superblock, sb_dev: u32) {
            return false;
        }
        count::add_to_slot(slot, Ops::one(op, moved(ctx, result) as u64));
    }
    true
}

#[inline(never)]
fn transfer_anew(ctx: *mut c_void, hook: Hook, op: Op, moved: u64) -> u32 {
    let ctx = FExitContext::new(ctx);
    let Some(task) = filter::caller() else {
        return 0;
    };
    let counted = on_held(hook, RowKind::Own, &task, ctx.arg(0), Ops::one(op, moved));
    end(&ctx, hook, counted)
}

/// Counts operations on a file that the traced function holds, and names it. (Nothing here is a
/// closure: the compiler would not inline it, and the verifier not see what is constant.)
#[inline(always)]
pub fn on_held(hook: Hook, kind: RowKind, task: &Task, address: Ptr, ops: Ops) -> Result<(), Loss> {
    // SAFETY: the caller vouches for the file.
    let inode = unsafe { file::inode::<Direct>(address) }?;
    let file = OpenFile {
        address,
        inode,
        held: true,
        below: false,
    };
    count::of_kind(hook, kind, task, &file, ops)
}

/// `long do_sys_openat2(int dfd, const char *filename, struct open_how *how)`
#[fexit(function = "do_sys_openat2")]
pub fn do_sys_openat2_exit(ctx: FExitContext) -> u32 {
    let Some(task) = filter::caller() else {
        return 0;
    };
    let how: Ptr = ctx.arg(2);
    // SAFETY: `how` is the kernel's copy; loads by BTF do not fail.
    let (flags, mode) = unsafe {
        (
            Direct::load::<u64>(how, offset!(how_flags)).unwrap_or(0),
            Direct::load::<u64>(how, offset!(how_mode)).unwrap_or(0),
        )
    };
    end(
        &ctx,
        Hook::Open,
        open::report(
            Hook::Open,
            &task,
            &Request {
                via: Via::Call,
                dirfd: ctx.arg::<i64>(0) as i32,
                name: Name::User(ctx.arg(1)),
                flags,
                mode: mode as u32,
                // `int` in 7.2, `long` before: the low half is right in both.
                result: ctx.arg::<i64>(3) as i32,
                file: File::Descriptor,
            },
        ),
    )
}
