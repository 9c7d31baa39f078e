//! Backend `fentry`: programs on the exit of VFS functions, where arguments and
//! result are at hand. The loader checks the positions against the kernel's BTF
//! (`iotrace::kernel::layout`). The result stands behind the last argument, also
//! where `bpf_get_func_ret` does not exist yet (before 5.17).

use aya_ebpf::{macros::fexit, programs::FExitContext};

use iotrace_common::Hook;

use super::end;
use crate::{
    count::{self, Op},
    file::{self, OpenFile},
    filter,
    kernel::{Direct, Ptr, Read, offset},
    open::{self, Request},
};

/// `ssize_t vfs_read(struct file *file, char *buf, size_t count, loff_t *pos)`
#[fexit(function = "vfs_read")]
pub fn vfs_read_exit(ctx: FExitContext) -> u32 {
    transfer(&ctx, Op::Read)
}

/// `ssize_t vfs_write(struct file *file, const char *buf, size_t count, loff_t *pos)`
#[fexit(function = "vfs_write")]
pub fn vfs_write_exit(ctx: FExitContext) -> u32 {
    transfer(&ctx, Op::Write)
}

#[inline(always)]
fn transfer(ctx: &FExitContext, op: Op) -> u32 {
    let moved: i64 = ctx.arg(4);
    if moved < 0 {
        return 0;
    }
    let Some(task) = filter::caller::<Direct>() else {
        return 0;
    };
    let address: Ptr = ctx.arg(0);
    // SAFETY: the first argument of both functions is their file.
    let inode = unsafe { file::inode::<Direct>(address) };
    let counted = inode.and_then(|inode| {
        let file = OpenFile {
            address,
            inode,
            held: true,
        };
        count::transfer(&task, &file, op, moved as u64)
    });
    end(ctx, op.hook(), counted)
}

/// `long do_sys_openat2(int dfd, const char *filename, struct open_how *how)`
#[fexit(function = "do_sys_openat2")]
pub fn do_sys_openat2_exit(ctx: FExitContext) -> u32 {
    let Some(task) = filter::caller::<Direct>() else {
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
            &task,
            &Request {
                dirfd: ctx.arg::<i64>(0) as i32,
                name: ctx.arg(1),
                flags,
                mode: mode as u32,
                // `int` in 7.2, `long` before: the low half is right in both.
                result: ctx.arg::<i64>(3) as i32,
            },
        ),
    )
}
