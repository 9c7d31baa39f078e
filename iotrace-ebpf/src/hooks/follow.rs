//! Birth and death of processes, for a followed command. Raw tracepoints, which
//! every backend's kernel has.

use aya_ebpf::{
    helpers::bpf_get_current_pid_tgid, macros::raw_tracepoint, programs::RawTracePointContext,
};

use iotrace_common::Hook;

use super::end;
use crate::{follow, maps::CONTROL};

/// `TP_PROTO(struct task_struct *parent, struct task_struct *child)`
#[raw_tracepoint(tracepoint = "sched_process_fork")]
pub fn process_fork(ctx: RawTracePointContext) -> u32 {
    // SAFETY: both arguments are tasks.
    end(&ctx, Hook::Fork, unsafe {
        follow::forked(ctx.arg(0), ctx.arg(1))
    })
}

/// `TP_PROTO(struct task_struct *p, ...)`
#[raw_tracepoint(tracepoint = "sched_process_exit")]
pub fn process_exit(ctx: RawTracePointContext) -> u32 {
    // SAFETY: the argument is a task.
    end(&ctx, Hook::Exit, unsafe { follow::exited(ctx.arg(0)) })
}

/// Never attached, only run by hand (`BPF_PROG_TEST_RUN`): leaves the caller's
/// process id as the kernel counts, which it can not see from inside a PID
/// namespace.
#[raw_tracepoint(tracepoint = "sys_exit")]
pub fn own_process(_: RawTracePointContext) -> u32 {
    if let Some(control) = CONTROL.get_ptr_mut(0) {
        // SAFETY: nothing else runs yet that uses the map.
        unsafe { (*control).own_tgid = (bpf_get_current_pid_tgid() >> 32) as u32 };
    }
    0
}
