//! What a process did in its life, told at its end.

use aya_ebpf::{
    helpers::{bpf_get_current_comm, bpf_get_current_uid_gid},
    macros::raw_tracepoint,
    programs::RawTracePointContext,
};
use iotrace_common::{ABSENT, ExitRecord, Hook, Loss, RECORD_EXIT, TaskUsage};

use super::end;
use crate::{
    emit, filter,
    kernel::{Probe, Ptr, Read, offset},
};

/// `TP_PROTO(struct task_struct *p, ...)`
#[raw_tracepoint(tracepoint = "sched_process_exit")]
pub fn process_account(ctx: RawTracePointContext) -> u32 {
    // SAFETY: the argument is the current task.
    end(&ctx, Hook::Account, unsafe { account(ctx.arg(0)) })
}

#[inline(always)]
unsafe fn account(task: Ptr) -> Result<(), Loss> {
    // SAFETY: members of the current task, of what its threads share, of its leader and parent, who
    // all stay as long as it does. `do_exit` lowers `live` before the tracepoint (kernel/exit.c,
    // 5.10 to 7.2).
    let record = unsafe {
        let signal: Ptr = Probe::load(task, offset!(task_signal))?;
        if Probe::load::<i32>(signal, offset!(signal_live))? != 0 {
            return Ok(());
        }
        let Some(current) = filter::caller::<Probe>() else {
            return Ok(());
        };
        let leader: Ptr = Probe::load(task, offset!(task_leader))?;
        // Of the threads before this one, whose accounts went to the process as they were released
        // (`__exit_signal`, kernel/exit.c): but for the leader, who is released last.
        let mut usage: TaskUsage = Probe::load(signal, offset!(signal_usage))?;
        add(&mut usage, &Probe::load(task, offset!(task_usage))?);
        if leader != task {
            add(&mut usage, &Probe::load(leader, offset!(task_usage))?);
        }
        let parent: Ptr = Probe::load(task, offset!(task_parent))?;
        let comm = if offset!(task_comm) == ABSENT {
            bpf_get_current_comm().unwrap_or_default()
        } else {
            Probe::load(leader, offset!(task_comm))?
        };
        ExitRecord {
            kind: RECORD_EXIT,
            tgid: current.tgid,
            start_ns: Probe::load(leader, offset!(task_start_boottime))?,
            usage,
            parent: Probe::load(parent, offset!(task_tgid))?,
            uid: bpf_get_current_uid_gid() as u32,
            comm,
        }
    };
    // SAFETY: the whole record, without a path.
    unsafe { emit::output((&raw const record).cast(), size_of::<ExitRecord>(), 0) }
}

#[inline(always)]
fn add(sum: &mut TaskUsage, more: &TaskUsage) {
    sum.rchar = sum.rchar.wrapping_add(more.rchar);
    sum.wchar = sum.wchar.wrapping_add(more.wchar);
    sum.syscr = sum.syscr.wrapping_add(more.syscr);
    sum.syscw = sum.syscw.wrapping_add(more.syscw);
    sum.read_bytes = sum.read_bytes.wrapping_add(more.read_bytes);
    sum.write_bytes = sum.write_bytes.wrapping_add(more.write_bytes);
    sum.cancelled_write_bytes = sum
        .cancelled_write_bytes
        .wrapping_add(more.cancelled_write_bytes);
}
