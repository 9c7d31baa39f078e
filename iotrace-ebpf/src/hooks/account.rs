//! What a thread did in its life, told at its end.

use aya_ebpf::{
    helpers::bpf_get_current_uid_gid, macros::raw_tracepoint, programs::RawTracePointContext,
};
use iotrace_common::{ExitRecord, Hook, Loss, RECORD_EXIT};

use super::end;
use crate::{
    emit,
    kernel::{Probe, Ptr, Read, Task, offset, setting},
    who::Who as _,
};

/// `TP_PROTO(struct task_struct *p, ...)`: once for each thread.
#[raw_tracepoint(tracepoint = "sched_process_exit")]
pub fn thread_account(ctx: RawTracePointContext) -> u32 {
    // SAFETY: the argument is the current task.
    end(&ctx, Hook::Account, unsafe { account(ctx.arg(0)) })
}

/// Not of threads that are filtered: user space has to know of all, for a process that it shows may
/// have ended threads of another user or name.
#[inline(always)]
unsafe fn account(task: Ptr) -> Result<(), Loss> {
    let current = Task::current();
    let own = setting!(self_tgid);
    if own != 0 && current.tgid == own {
        return Ok(());
    }
    // SAFETY: members of the current task, of what its threads share, of its leader and parent, who
    // all stay as long as it does. `do_exit` lowers `live` before the tracepoint (kernel/exit.c,
    // 5.10 to 7.2).
    let record = unsafe {
        let signal: Ptr = Probe::load(task, offset!(task_signal))?;
        let leader: Ptr = Probe::load(task, offset!(task_leader))?;
        let parent: Ptr = Probe::load(task, offset!(task_parent))?;
        ExitRecord {
            kind: RECORD_EXIT,
            tgid: current.tgid,
            process_start_ns: Probe::load(leader, offset!(task_start_boottime))?,
            start_ns: Probe::load(task, offset!(task_start_boottime))?,
            // Of this thread alone: those before it have told theirs, and of children the account
            // is with `signal`.
            usage: Probe::load(task, offset!(task_usage))?,
            tid: current.tid,
            parent: Probe::load(parent, offset!(task_tgid))?,
            uid: bpf_get_current_uid_gid() as u32,
            last: u32::from(Probe::load::<i32>(signal, offset!(signal_live))? == 0),
            comm: current.comm(),
        }
    };
    // SAFETY: the whole record, without a path.
    unsafe { emit::output((&raw const record).cast(), size_of::<ExitRecord>(), 0) }
}
