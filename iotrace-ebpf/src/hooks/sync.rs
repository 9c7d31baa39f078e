//! Files that are brought to storage, by those who wait for it.

use aya_ebpf::{
    macros::{fexit, kprobe, raw_tracepoint},
    programs::{FExitContext, ProbeContext, RawTracePointContext},
};
use iotrace_common::{DIRECTION_SYNC, EachRecord, Hook, Loss, RECORD_EACH, Syscall, UNKNOWN};

use super::end;
use crate::{
    change, descriptor, emit, file, filter,
    kernel::{self, Direct, Probe, Ptr, Read, Registers, offset, parameter},
    who::Who as _,
};

/// `int vfs_fsync_range(struct file *file, loff_t start, loff_t end, int datasync)`: what `O_SYNC`
/// and `RWF_SYNC` ask for (`generic_write_sync`, include/linux/fs.h), and `msync`.
#[fexit(function = "vfs_fsync_range")]
pub fn vfs_fsync_range_exit(ctx: FExitContext) -> u32 {
    let result: i32 = ctx.arg(4);
    if result != 0 || is_whole(ctx.arg(1), ctx.arg(2)) {
        return 0;
    }
    // SAFETY: the first argument is a file.
    end(&ctx, Hook::Sync, unsafe { tell::<Direct>(ctx.arg(0)) })
}

/// The same, as it begins: calls that fail are told too, and before their time.
#[kprobe]
pub fn vfs_fsync_range_entry(ctx: ProbeContext) -> u32 {
    end(&ctx, Hook::Sync, range_entry(&ctx))
}

#[inline(always)]
fn range_entry(ctx: &ProbeContext) -> Result<(), Loss> {
    let start = parameter!(ctx, 1) as i64;
    if is_whole(start, parameter!(ctx, 2) as i64) {
        return Ok(());
    }
    let file = parameter!(ctx, 0) as Ptr;
    // SAFETY: the first argument is a file.
    unsafe { tell::<Probe>(file) }
}

/// Whether all of a file is asked for, as `fsync` does. The compiler may make `vfs_fsync_range` a
/// part of that (so in Debian's 7.2): so the system calls are hooked, too, and tell of these.
#[inline(always)]
fn is_whole(start: i64, last: i64) -> bool {
    start == 0 && last == i64::MAX
}

/// `long __x64_sys_fsync(const struct pt_regs *regs)`, of other architectures likewise
#[fexit(function = "__x64_sys_fsync")]
pub fn fsync_exit(ctx: FExitContext) -> u32 {
    call_exit(&ctx)
}

/// `long __x64_sys_fdatasync(const struct pt_regs *regs)`
#[fexit(function = "__x64_sys_fdatasync")]
pub fn fdatasync_exit(ctx: FExitContext) -> u32 {
    call_exit(&ctx)
}

#[inline(always)]
fn call_exit(ctx: &FExitContext) -> u32 {
    let result: i64 = ctx.arg(1);
    if result != 0 {
        return 0;
    }
    // SAFETY: the first argument is the saved registers.
    end(ctx, Hook::Sync, unsafe { called(ctx.arg(0)) })
}

/// The same, as they begin.
#[kprobe]
pub fn fsync_entry(ctx: ProbeContext) -> u32 {
    call_entry(&ctx)
}

/// Likewise.
#[kprobe]
pub fn fdatasync_entry(ctx: ProbeContext) -> u32 {
    call_entry(&ctx)
}

#[inline(always)]
fn call_entry(ctx: &ProbeContext) -> u32 {
    let registers = parameter!(ctx, 0) as Ptr;
    // SAFETY: so the first argument is.
    let told = unsafe { called(registers) };
    end(ctx, Hook::Sync, told)
}

/// Tells of the file whose descriptor is the first argument of a system call.
#[inline(always)]
unsafe fn called(regs: Ptr) -> Result<(), Loss> {
    // SAFETY: registers at offsets from BTF; a file that is checked.
    unsafe {
        let file = descriptor::address(Probe::load(regs, offset!(regs_arg[0]))?)?;
        tell::<Probe>(file)
    }
}

/// `TP_PROTO(struct pt_regs *regs, long ret)`: backend `syscall`
#[raw_tracepoint(tracepoint = "sys_exit")]
#[inline(always)]
pub fn sync_return(ctx: RawTracePointContext) -> u32 {
    // SAFETY: the first argument is the saved registers, the second the result.
    end(&ctx, Hook::Sync, unsafe {
        returned(ctx.arg(0), ctx.arg(1))
    })
}

#[inline(always)]
unsafe fn returned(regs: Ptr, result: i64) -> Result<(), Loss> {
    // SAFETY: registers at offsets from BTF; a file that is checked.
    unsafe {
        if kernel::call_kind(Registers::of_call(regs))? != Syscall::Fsync as u8
            || result != 0
            || kernel::is_compat()?
        {
            return Ok(());
        }
        called(regs)
    }
}

#[inline(always)]
unsafe fn tell<R: Read>(address: Ptr) -> Result<(), Loss> {
    let Some(task) = filter::caller() else {
        return Ok(());
    };
    // SAFETY: the caller vouches for the file.
    let inode = unsafe {
        // An overlay does the same once more with the file below (fs/overlayfs/file.c, `ovl_fsync`).
        if file::is_lower::<R>(address)? {
            return Ok(());
        }
        file::inode::<R>(address)?
    };
    if !filter::admits_type(inode.mode) {
        return Ok(());
    }
    let record = EachRecord {
        kind: RECORD_EACH,
        direction: DIRECTION_SYNC,
        time_ns: change::now(),
        latency_ns: UNKNOWN,
        file: inode.id,
        offset: UNKNOWN,
        size: UNKNOWN,
        result: 0,
        count: 1,
        tgid: task.tgid,
        tid: task.tid,
        uid: task.uid(),
        file_mode: inode.mode,
        comm: task.comm(),
    };
    // SAFETY: the whole record, without a path.
    unsafe { emit::output((&raw const record).cast(), size_of::<EachRecord>(), 0) }
}
