//! The thread that runs, and what it has saved.
//!
//! Where the kernel offers a typed pointer to it (`bpf_get_current_task_btf`, 5.11), programs of all
//! kinds load through that directly; elsewhere with probe reads. The objects with `bpf_loop` (5.17) are
//! only loaded where it does, and have no other way. They likewise load the registers that the thread
//! saved as it entered the kernel, through a typed pointer (`bpf_task_pt_regs`, 5.15) or a cast.

use core::arch::asm;

use aya_ebpf::bindings::bpf_func_id::BPF_FUNC_get_current_task_btf;
use aya_ebpf::helpers::{
    bpf_get_current_comm, bpf_get_current_pid_tgid, bpf_get_current_task, bpf_get_current_uid_gid,
    generated::bpf_task_pt_regs,
};
use iotrace_common::{ABSENT, COMM_LEN, Loss};

use super::{CASTS, Direct, Probe, Ptr, Read, offset, read::cast, setting};
use crate::rounds;

/// Whether the current task is a typed pointer.
#[inline(always)]
fn is_typed() -> bool {
    rounds::FOLDED || setting!(task_btf) != 0
}

/// A thread.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Task {
    pub tgid: u32,
    pub tid: u32,
    /// See `iotrace_common::RowKey::birth`.
    pub birth: u32,
}

impl Task {
    /// The thread of these ids that began then.
    #[inline(always)]
    pub fn new(tgid: u32, tid: u32, start_time: u64) -> Self {
        Self {
            tgid,
            tid,
            birth: start_time as u32,
        }
    }

    /// The calling thread.
    #[inline(always)]
    pub fn current() -> Self {
        let current = Current::get();
        // SAFETY: members of task_struct at offsets from BTF. 0 as the start time would only merge
        // two threads that had the same id within one tick.
        unsafe {
            let start = current.load(offset!(task_start_time)).unwrap_or(0);
            if !is_typed() {
                let pid_tgid = bpf_get_current_pid_tgid();
                return Self::new((pid_tgid >> 32) as u32, pid_tgid as u32, start);
            }
            // Direct loads do not fail.
            Self::new(
                current.load(offset!(task_tgid)).unwrap_or(0),
                current.load(offset!(task_pid)).unwrap_or(0),
                start,
            )
        }
    }
}

/// `task_struct` of the calling thread, or a structure that it points to: typed pointers, where the
/// kernel offers the first one.
#[derive(Clone, Copy)]
pub struct Current(Ptr);

impl Current {
    /// The calling thread.
    #[inline(always)]
    pub fn get() -> Self {
        if !is_typed() {
            // SAFETY: no preconditions; the current task is never NULL.
            return Self(unsafe { bpf_get_current_task() } as Ptr);
        }
        let task: u64;
        // SAFETY: a call of `bpf_get_current_task_btf()`. `pure`, so that a program calls it once.
        unsafe {
            asm!(
                "call {number}",
                number = const BPF_FUNC_get_current_task_btf,
                lateout("r0") task,
                lateout("r1") _, lateout("r2") _, lateout("r3") _, lateout("r4") _, lateout("r5") _,
                options(pure, nomem, nostack),
            );
        }
        Self(task as Ptr)
    }

    /// Reads a member.
    ///
    /// # Safety
    /// There is a `T` at this offset.
    #[inline(always)]
    pub unsafe fn load<T: Copy>(self, offset: u32) -> Result<T, Loss> {
        // SAFETY: the caller vouches for it.
        unsafe {
            if !is_typed() {
                Probe::load(self.0, offset)
            } else {
                Direct::load(self.0, offset)
            }
        }
    }

    /// Reads a member as [`Current::load`] does, without types where there are casts. At each typed load that
    /// the verifier comes by, again on each way to it, it looks for names in all types of the kernel, one by
    /// one (`btf_nested_type_is_trusted`, seen in 6.18); for what is read only once in a while, all that
    /// would make up a third of a start.
    ///
    /// # Safety
    /// There is a `T` of at most eight bytes at this offset.
    #[inline(always)]
    unsafe fn peek<T: Copy>(self, offset: u32) -> Result<T, Loss> {
        // SAFETY: the caller vouches for it.
        unsafe {
            if CASTS {
                let member = cast(self.0.wrapping_add(offset as usize));
                return Ok(member.cast::<T>().read_volatile());
            }
            self.load(offset)
        }
    }

    /// The structure that a member points to. (Of what is not declared as a pointer to a structure
    /// the verifier knows nothing: that is loaded, and probed.) NULL is ruled out for the verifier, where
    /// types tell it that the pointer is one of RCU.
    ///
    /// # Safety
    /// There is such a pointer at this offset.
    #[inline(always)]
    pub unsafe fn follow(self, offset: u32) -> Result<Self, Loss> {
        // SAFETY: the caller vouches for it.
        let pointer: Ptr = unsafe { self.load(offset) }?;
        if pointer.is_null() {
            return Err(Loss::ReadFailed);
        }
        Ok(Self(pointer))
    }

    /// Its address.
    #[inline(always)]
    pub fn address(self) -> Ptr {
        self.0
    }
}

/// Thread id of the caller.
#[inline(always)]
pub fn task_id() -> u32 {
    bpf_get_current_pid_tgid() as u32
}

/// Real user id of the caller.
#[inline(always)]
pub fn user_id() -> u32 {
    if !is_typed() {
        return bpf_get_current_uid_gid() as u32;
    }
    // SAFETY: members of task_struct and cred. A `kuid_t` is the id in the initial user namespace.
    let uid = unsafe {
        let (task, at) = (Current::get(), offset!(task_cred));
        let cred = if CASTS {
            task.peek(at).map(Current)
        } else {
            task.follow(at)
        };
        cred.and_then(|cred| cred.peek(offset!(cred_uid)))
    };
    uid.unwrap_or(ABSENT)
}

/// Name of the caller.
#[inline(always)]
pub fn name() -> [u8; COMM_LEN] {
    if !is_typed() {
        // Fails never with a buffer of this size.
        return bpf_get_current_comm().unwrap_or([0; COMM_LEN]);
    }
    let current = Current::get();
    // SAFETY: a member of task_struct of two words. By words, because a copy of bytes is one by
    // bytes.
    let words: [u64; 2] = unsafe {
        let at = offset!(task_comm);
        [
            current.peek(at).unwrap_or(0),
            current.peek(at + 8).unwrap_or(0),
        ]
    };
    // SAFETY: as many bytes, all of which are valid.
    unsafe { core::mem::transmute(words) }
}

/// The registers that the caller saved as it made a system call.
#[derive(Clone, Copy)]
pub struct Registers(Ptr);

impl Registers {
    /// Those of a system call.
    ///
    /// # Safety
    /// `address` is theirs, as the tracepoints `sys_enter` and `sys_exit` tell it.
    #[inline(always)]
    pub unsafe fn of_call(address: Ptr) -> Self {
        if CASTS {
            return Self(cast(address));
        }
        if !rounds::FOLDED {
            return Self(address);
        }
        // SAFETY: the helpers have no preconditions. What the tracepoints tell is
        // `task_pt_regs(current)` (kernel/entry/common.c, arch/arm64/kernel/ptrace.c).
        Self(unsafe { bpf_task_pt_regs(Current::get().0.cast_mut().cast()) as Ptr })
    }

    /// The number of the call: the low half of `orig_ax`, which is 64 bits wide, or all of
    /// `syscallno` of aarch64.
    #[inline(always)]
    pub fn number(self) -> Result<u32, Loss> {
        self.load(offset!(regs_nr))
    }

    /// Its argument at an offset ([`iotrace_common::Layout::regs_arg`]).
    #[inline(always)]
    pub fn argument(self, offset: u32) -> Result<u64, Loss> {
        self.load(offset)
    }

    #[inline(always)]
    fn load<T: Copy>(self, offset: u32) -> Result<T, Loss> {
        // SAFETY: registers at offsets from BTF.
        unsafe {
            if rounds::FOLDED {
                Direct::load(self.0, offset)
            } else {
                Probe::load(self.0, offset)
            }
        }
    }
}
