//! Calls under way: what a hook at the entry of a function knows and the hook at
//! the return of the system call needs. One per thread, for a thread is in one
//! system call at a time. A thread has its place from its first call to its end: to make and to
//! remove one for each call would cost more than all else.
//!
//! A return may be missed (the kernel does not run a program that it preempted on
//! this CPU). So what waits is only given the return of a call of its own kind, as far as
//! the numbers tell; each call of that kind begins with a hook that replaces or forgets
//! what waits; and should that have been missed too, the kernel's own count of the thread's reads
//! and writes has gone on by more than one.
//!
//! The return is taken from the tracepoint `sys_exit`, not from a kretprobe. The
//! kernel gives a kretprobe as many slots as there are CPUs (at the least 10 when
//! it is preemptible), and each call that sleeps holds one: with 12 readers asleep
//! in pipes, a kretprobe on `vfs_read` missed 10,007 of 10,009 calls on Debian's
//! 5.10 to 7.2. More slots are had only through tracefs, where a definition
//! stays behind a tracer that is killed.

use aya_ebpf::maps::HashMap;
use iotrace_common::{ABSENT, FileId, Hook, Loss};

use crate::{
    count::Op,
    emit,
    kernel::{Current, Task, offset},
};

/// A read or write under way. (No padding, which the verifier would take for
/// memory that is not initialised.)
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TransferArgs {
    /// Its address.
    pub file: u64,
    pub id: FileId,
    /// `i_mode` of the file.
    pub mode: u32,
    /// 1 for a write.
    pub write: u32,
    /// What [`calls_done`] told.
    pub done: u64,
}

const _: () = assert!(size_of::<TransferArgs>() == 40);

/// An open under way.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct OpenArgs {
    /// In user memory.
    pub name: u64,
    pub flags: u64,
    pub dirfd: i32,
    pub mode: u32,
}

const _: () = assert!(size_of::<OpenArgs>() == 24);

/// The place of a thread.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Call<T> {
    args: T,
    /// [`Task::birth`] of the thread: its number may go to another before its end was seen.
    birth: u32,
    /// 1 between begin and return.
    under_way: u32,
}

// No padding, as above.
const _: () = assert!(size_of::<Call<TransferArgs>>() == 48);
const _: () = assert!(size_of::<Call<OpenArgs>>() == 32);

/// Remembers a call of `task`, the current thread.
#[inline(always)]
pub fn begin<T: Copy>(
    calls: &HashMap<u32, Call<T>>,
    hook: Hook,
    task: &Task,
    args: T,
) -> Result<(), Loss> {
    if let Some(call) = calls.get_ptr_mut(task.tid) {
        // SAFETY: a live element, which only this thread uses.
        let call = unsafe { &mut *call };
        if call.under_way != 0 {
            emit::lost(hook, Loss::ReturnMissed);
        }
        call.args = args;
        call.birth = task.birth;
        call.under_way = 1;
        return Ok(());
    }
    let call = Call {
        args,
        birth: task.birth,
        under_way: 1,
    };
    calls.insert(task.tid, call, 0).map_err(|_| Loss::CallsFull)
}

/// The call of `task`, the current thread, that returns, if its begin was seen.
#[inline(always)]
pub fn take<T>(calls: &HashMap<u32, Call<T>>, task: &Task) -> Option<&'static T> {
    let call = calls.get_ptr_mut(task.tid)?;
    // SAFETY: as above; it stays until the thread ends.
    let call = unsafe { &mut *call };
    // What a thread of the same number left behind is lost as the next call begins.
    if call.under_way == 0 || call.birth != task.birth {
        return None;
    }
    call.under_way = 0;
    Some(&call.args)
}

/// A call of the same kind begins that is of no interest: what waits for a return
/// has missed it, and must not take this one's.
#[inline(always)]
pub fn forget<T>(calls: &HashMap<u32, Call<T>>, hook: Hook, task: &Task) {
    if let Some(call) = calls.get_ptr_mut(task.tid) {
        // SAFETY: as above.
        missed(hook, unsafe { &mut *call });
    }
}

/// The current thread ends. What it has under way has missed its return.
#[inline(always)]
pub fn end<T>(calls: &HashMap<u32, Call<T>>, hook: Hook, tid: u32) {
    // Looked up first: to remove costs a lock.
    if let Some(call) = calls.get_ptr_mut(tid) {
        // SAFETY: as above.
        missed(hook, unsafe { &mut *call });
        // It was there a moment ago, and nobody else removes it.
        let _ = calls.remove(tid);
    }
}

#[inline(always)]
fn missed<T>(hook: Hook, call: &mut Call<T>) {
    if call.under_way != 0 {
        emit::lost(hook, Loss::ReturnMissed);
        call.under_way = 0;
    }
}

/// How many reads or writes the thread has done: one more after the call that is
/// under way, if it did not fail early (`inc_syscr` in `vfs_read`, 5.10 to 7.2). 0
/// where the kernel does not count.
#[inline(always)]
pub fn calls_done(op: Op) -> Result<u64, Loss> {
    let at = match op {
        Op::Read => offset!(task_syscr),
        Op::Write => offset!(task_syscw),
    };
    if at == ABSENT {
        return Ok(0);
    }
    // SAFETY: a member of task_struct.
    unsafe { Current::get().load(at) }
}

/// Whether the call that began after `before` calls is the last one that ended, as
/// far as the kernel counts.
#[inline(always)]
pub fn is_last(op: Op, before: u64) -> Result<bool, Loss> {
    if offset!(task_syscr) == ABSENT || offset!(task_syscw) == ABSENT {
        return Ok(true);
    }
    Ok(calls_done(op)? == before + 1)
}
