//! The running kernel: constants that the loader fills in, who runs on it ([`current`]), and
//! two ways to read its memory ([`read`]).
//!
//! Loads from `.rodata` are volatile so that the compiler keeps them; the map
//! behind it is frozen before the programs load, so to the verifier they are
//! constants: offsets are fixed and a branch on a switch that is off is removed.

mod current;
mod parameter;
mod read;

pub use current::{Current, Registers, Task, name, task_id, user_id};
pub use parameter::parameter;
pub use read::{Direct, Members, Probe, Ptr, Read, Words};

use iotrace_common::{
    ABSENT, CALL_PLACED, CALL_SIZED, Layout, Loss, PATH_CAP, SYSCALL_TABLE, Settings,
};

#[unsafe(no_mangle)]
pub static LAYOUT: Layout = Layout::UNKNOWN;

#[unsafe(no_mangle)]
pub static SETTINGS: Settings = Settings {
    wake_bytes: u64::MAX,
    self_tgid: 0,
    tgid: 0,
    tid: 0,
    uid: 0,
    by_uid: 0,
    follow: 0,
    file_types: 0,
    failed_only: 0,
    task_btf: 0,
    compat_mask: 0,
    changes: 0,
    each: 0,
    reads: 0,
    writes: 0,
    uring_cqe: 0,
    task_regs: 0,
};

#[unsafe(no_mangle)]
static SYSCALLS: [u8; SYSCALL_TABLE] = [0; SYSCALL_TABLE];

/// Not overridden: a mask that LLVM can not see through, so that it stays where
/// the verifier of 5.10 needs it, right before the access that it bounds.
#[unsafe(no_mangle)]
static PATH_MASK: u32 = PATH_CAP as u32 - 1;

/// Reads a constant that the loader fills in.
#[inline(always)]
pub fn constant<T: Copy>(field: &'static T) -> T {
    // SAFETY: a reference is valid; volatile because the loader changes it.
    unsafe { core::ptr::read_volatile(field) }
}

/// An offset of [`Layout`].
macro_rules! offset {
    ($($field:tt)+) => {
        $crate::kernel::constant(&$crate::kernel::LAYOUT.$($field)+)
    };
}
pub(crate) use offset;

/// A field of [`Settings`].
macro_rules! setting {
    ($field:ident) => {
        $crate::kernel::constant(&$crate::kernel::SETTINGS.$field)
    };
}
pub(crate) use setting;

/// What the syscall `nr` is to us (`iotrace_common::Syscall`), 0 for nothing, with what its
/// arguments are.
#[inline(always)]
fn syscall_entry(nr: u32) -> u8 {
    let index = nr as usize & (SYSCALL_TABLE - 1);
    let kind = constant(&SYSCALLS[index]);
    if (nr as usize) < SYSCALL_TABLE {
        kind
    } else {
        0
    }
}

/// What the syscall `nr` is to us (`iotrace_common::Syscall`), 0 for nothing.
#[inline(always)]
pub fn syscall_kind(nr: u32) -> u8 {
    syscall_entry(nr) & !(CALL_SIZED | CALL_PLACED)
}

/// What the system call of these registers is to us (`iotrace_common::Syscall`), 0 for nothing;
/// for a 64-bit program.
#[inline(always)]
pub fn call_kind(registers: Registers) -> Result<u8, Loss> {
    Ok(syscall_kind(registers.number()?))
}

/// The same, with what its arguments are.
#[inline(always)]
pub fn call_entry(registers: Registers) -> Result<u8, Loss> {
    Ok(syscall_entry(registers.number()?))
}

/// Whether a 32-bit program calls, whose numbers mean other calls.
#[inline(always)]
pub fn is_compat() -> Result<bool, Loss> {
    let at = offset!(compat);
    if at == ABSENT {
        return Ok(false);
    }
    // SAFETY: a word of the task at an offset from BTF.
    let word: u32 = unsafe { Current::get().load(at) }?;
    Ok(word & setting!(compat_mask) != 0)
}

/// Bounds a position in a path buffer, visibly for the verifier.
#[inline(always)]
pub fn path_bound(position: u32) -> usize {
    (position & constant(&PATH_MASK)) as usize
}

/// Not overridden: likewise, for the two directions.
#[unsafe(no_mangle)]
static DIRECTION_MASK: u32 = 1;

/// Bounds a direction (`crate::count::Op`), visibly for the verifier.
#[inline(always)]
pub fn direction_bound(direction: u32) -> usize {
    (direction & constant(&DIRECTION_MASK)) as usize
}
