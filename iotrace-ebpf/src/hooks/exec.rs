//! Opens that are no calls of the open family: by exec, and by handle.

use aya_ebpf::{
    EbpfContext as _,
    macros::{fexit, raw_tracepoint},
    programs::{FExitContext, RawTracePointContext},
};
use iotrace_common::{Hook, Loss, Via};

use super::end;
use crate::{
    filter,
    kernel::{Direct, Probe, Ptr, Read, offset},
    open::{self, AT_FDCWD, File, Name, Request},
};

/// Largest error number (`MAX_ERRNO`, include/linux/err.h): pointers above its negative are errors.
const MAX_ERRNO: i64 = 4095;

/// `struct file *do_open_execat(int fd, struct filename *name, int flags)`: the program that is
/// executed, its interpreter, its loader.
#[fexit(function = "do_open_execat")]
pub fn do_open_execat_exit(ctx: FExitContext) -> u32 {
    end(&ctx, Hook::Exec, opened(&ctx))
}

#[inline(always)]
fn opened(ctx: &FExitContext) -> Result<(), Loss> {
    let Some(task) = filter::caller() else {
        return Ok(());
    };
    // SAFETY: the second argument is a filename. The result, behind the third, is a pointer to
    // the verifier, which must not be looked at as a number; read so, it is one.
    let (name, opened) = unsafe {
        let name = Direct::load(ctx.arg(1), offset!(filename_name))?;
        (name, Probe::load::<i64>(ctx.as_ptr().cast(), 3 * 8)?)
    };
    let failed = (-MAX_ERRNO..0).contains(&opened);
    open::report(
        Hook::Exec,
        &task,
        &Request {
            via: Via::Exec,
            dirfd: ctx.arg::<i64>(0) as i32,
            name: Name::Kernel(name),
            flags: 0,
            mode: 0,
            result: if failed { opened as i32 } else { 0 },
            file: File::At(opened as Ptr),
        },
    )
}

/// `TP_PROTO(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)`, for the backends
/// that do not see the function above: the program that is executed now.
#[raw_tracepoint(tracepoint = "sched_process_exec")]
pub fn process_exec(ctx: RawTracePointContext) -> u32 {
    end(&ctx, Hook::Exec, executed(&ctx))
}

#[inline(always)]
fn executed(ctx: &RawTracePointContext) -> Result<(), Loss> {
    let Some(task) = filter::caller() else {
        return Ok(());
    };
    // SAFETY: the third argument is a linux_binprm.
    let file = unsafe { Probe::load(ctx.arg(2), offset!(binprm_file)) }?;
    open::report(
        Hook::Exec,
        &task,
        &Request {
            via: Via::Exec,
            dirfd: AT_FDCWD,
            name: Name::Gone,
            flags: 0,
            mode: 0,
            result: 0,
            file: File::At(file),
        },
    )
}

/// `long do_handle_open(int mountdirfd, struct file_handle *ufh, int open_flag)`
#[fexit(function = "do_handle_open")]
pub fn do_handle_open_exit(ctx: FExitContext) -> u32 {
    let Some(task) = filter::caller() else {
        return 0;
    };
    let request = by_handle(ctx.arg::<i64>(2) as u32, ctx.arg::<i64>(3) as i32);
    let reported = open::report(Hook::HandleOpen, &task, &request);
    end(&ctx, Hook::HandleOpen, reported)
}

/// What `open_by_handle_at` was asked for. A handle has no name.
#[inline(always)]
pub fn by_handle(flags: u32, result: i32) -> Request {
    Request {
        via: Via::Handle,
        dirfd: AT_FDCWD,
        name: Name::Gone,
        flags: flags.into(),
        mode: 0,
        result,
        file: File::Descriptor,
    }
}
