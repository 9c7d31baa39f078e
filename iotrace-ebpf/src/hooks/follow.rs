//! Birth and death of processes, for a followed command. Raw tracepoints, which
//! every backend's kernel has.

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};

use iotrace_common::Hook;

use super::end;
use crate::follow;

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
