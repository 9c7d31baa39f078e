//! The processes of a followed command: it, and all that it starts.

use iotrace_common::Loss;

use crate::{
    kernel::{Probe, Ptr, Read, offset},
    maps::FOLLOWED,
};

/// A task was made: it is followed if its parent is.
///
/// # Safety
/// Both are addresses of `task_struct`s.
#[inline(always)]
pub unsafe fn forked(parent: Ptr, child: Ptr) -> Result<(), Loss> {
    // SAFETY: the caller vouches for the tasks.
    unsafe {
        let parent: u32 = Probe::load(parent, offset!(task_tgid))?;
        if FOLLOWED.get_ptr(parent).is_none() {
            return Ok(());
        }
        let child: u32 = Probe::load(child, offset!(task_tgid))?;
        FOLLOWED.insert(child, 1, 0).map_err(|_| Loss::FollowFull)
    }
}

/// A task ends: with its last thread a process leaves the set, so that its
/// number can go to a stranger.
///
/// # Safety
/// `task` is the address of a `task_struct`.
#[inline(always)]
pub unsafe fn exited(task: Ptr) -> Result<(), Loss> {
    // SAFETY: the caller vouches for the task. `do_exit` lowers `live` before
    // the tracepoint (kernel/exit.c, 5.10 to 7.2).
    unsafe {
        let signal: Ptr = Probe::load(task, offset!(task_signal))?;
        let live: i32 = Probe::load(signal, offset!(signal_live))?;
        if live == 0 {
            let tgid: u32 = Probe::load(task, offset!(task_tgid))?;
            // Most tasks were never in the set.
            let _ = FOLLOWED.remove(tgid);
        }
    }
    Ok(())
}
