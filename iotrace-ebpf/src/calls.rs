//! Calls under way: what a hook at the entry of a function knows and the hook at
//! the return of the system call needs. One per thread, for a thread is in one
//! system call at a time.
//!
//! A return may be missed (the kernel does not run a program that it preempted on
//! this CPU). So what waits is only given the return of a call of its own kind; each
//! call of that kind begins with a hook that replaces or forgets what waits; and
//! should that have been missed too, the kernel's own count of the thread's reads
//! and writes has gone on by more than one.
//!
//! The return is taken from the tracepoint `sys_exit`, not from a kretprobe. The
//! kernel gives a kretprobe as many slots as there are CPUs (at the least 10 when
//! it is preemptible), and each call that sleeps holds one: with 12 readers asleep
//! in pipes, a kretprobe on `vfs_read` missed 10,007 of 10,009 calls on Debian's
//! 5.10 to 7.2. More slots are had only through tracefs, where a definition
//! stays behind a tracer that is killed.

use aya_ebpf::{bindings::BPF_NOEXIST, maps::HashMap};
use iotrace_common::{ABSENT, FileId, Hook, Loss};

use crate::{
    count::Op,
    emit,
    kernel::{self, Probe, Read, Task, offset},
};

/// A call of a thread, with what its entry knew.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Call<T> {
    /// How deep in the thread's stack the entry was.
    frame: u64,
    pub args: T,
}

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

const _: () = assert!(size_of::<Call<TransferArgs>>() == 48);

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
    unsafe { Probe::load(kernel::task(), at) }
}

/// Whether the call that began after `before` calls is the last one that ended.
#[inline(always)]
pub fn is_last(op: Op, before: u64) -> Result<bool, Loss> {
    let now = calls_done(op)?;
    Ok(now == 0 || now == before + 1)
}

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

const _: () = assert!(size_of::<Call<OpenArgs>>() == 32);

/// Bytes of stack that a function and a file system take at the least before they
/// could call the function again. The system calls that lead to a function differ by
/// less (`ksys_read` and `ksys_pread64` by tens).
const NESTED: u64 = 256;

/// Remembers a call of `task`, the current thread. `frame` is the address of the
/// registers that the kernel saved for the hook, on the thread's own stack.
#[inline(always)]
pub fn begin<T: Copy>(
    calls: &HashMap<u32, Call<T>>,
    hook: Hook,
    task: &Task,
    frame: u64,
    args: T,
) -> Result<(), Loss> {
    let call = Call { frame, args };
    if calls.insert(task.tid, call, u64::from(BPF_NOEXIST)).is_ok() {
        return Ok(());
    }
    let Some(before) = calls.get_ptr_mut(task.tid) else {
        return Err(Loss::CallsFull);
    };
    // SAFETY: a live element, which only this thread uses.
    unsafe {
        // Much deeper in the stack: the function has been called inside itself, and
        // the outermost call counts, once. Otherwise the return of the call before
        // was never seen.
        if frame + NESTED < (*before).frame {
            return Ok(());
        }
        emit::lost(hook, Loss::ReturnMissed);
        *before = call;
    }
    Ok(())
}

/// A call of the same kind begins that is of no interest: what waits for a return
/// has missed it, and must not take this one's.
#[inline(always)]
pub fn forget<T: Copy>(calls: &HashMap<u32, Call<T>>, hook: Hook, task: &Task) {
    if calls.get_ptr(task.tid).is_some() {
        emit::lost(hook, Loss::ReturnMissed);
        // It was there a moment ago, and nobody else removes it.
        let _ = calls.remove(task.tid);
    }
}
