//! The running kernel: constants that the loader fills in, who runs on it ([`current`]), and
//! two ways to read its memory ([`read`]).
//!
//! To the verifier they are constants: offsets are fixed, and a branch on a switch that is off is
//! removed.

mod current;
mod read;

pub use current::{Current, Registers, Task, name, task_id, user_id};
pub use read::{CASTS, Direct, Members, Probe, Ptr, Read, Words, member_at};

use iotrace_common::{
    ABSENT, CALL_PLACED, CALL_SIZED, Constant, Constants, Layout, Loss, PATH_CAP, SYSCALL_TABLE,
};

/// The layout once more, for members that are chosen at run time: see [`offset_of_call`].
#[unsafe(no_mangle)]
pub static LAYOUT: Layout = Layout::UNKNOWN;

#[unsafe(no_mangle)]
static SYSCALLS: [u8; SYSCALL_TABLE] = [0; SYSCALL_TABLE];

/// Reads a constant in `.rodata` that the loader fills in.
#[inline(always)]
pub fn constant<T: Copy>(field: &'static T) -> T {
    // SAFETY: a reference is valid; volatile because the loader changes it.
    unsafe { core::ptr::read_volatile(field) }
}

/// A number that LLVM can not see through: a placeholder (`iotrace_common::Constant`), or one that
/// the verifier is to see right where it is used. Not `pure`: then numbers would be kept in registers
/// and on the stack, which costs more than to load them anew.
#[inline(always)]
pub fn immediate<const NUMBER: u64>() -> u64 {
    let value: u64;
    // SAFETY: one instruction, which loads a number.
    unsafe {
        core::arch::asm!(
            "{} = {} ll", out(reg) value, const NUMBER,
            options(nomem, nostack, preserves_flags),
        );
    }
    value
}

/// A value to take the places of members from.
pub const ANY: &Constants = {
    // SAFETY: integers only.
    &unsafe { core::mem::zeroed() }
};

/// Where a member of [`ANY`] stands.
pub const fn place_of(member: &u32) -> Constant {
    // SAFETY: both are inside the same value.
    let offset = unsafe {
        (&raw const *member)
            .cast::<u8>()
            .offset_from((&raw const *ANY).cast())
    };
    Constant {
        offset: offset as usize,
        folds: false,
    }
}

/// The value of a placeholder: nothing stands above its 32 bits.
#[inline(always)]
pub fn filled_in<const PLACEHOLDER: u64>() -> u32 {
    let value = immediate::<PLACEHOLDER>();
    // SAFETY: so the loader fills it in (`iotrace::kernel::patch`).
    unsafe { core::hint::assert_unchecked(value <= u32::MAX.into()) };
    value as u32
}

/// A member of [`Constants`].
macro_rules! wanted {
    ($($member:tt)+) => {
        $crate::kernel::filled_in::<
            { $crate::kernel::place_of(&$crate::kernel::ANY.$($member)+).placeholder() },
        >()
    };
}
pub(crate) use wanted;

/// Reads a member through a pointer that the verifier knows (`object`, `member of Layout: type`), in one
/// instruction.
///
/// Safety: as for [`Read::load`].
macro_rules! member {
    ($base:expr, $($field:tt)+) => {
        $crate::kernel::member!(@ $base, [] $($field)+)
    };
    (@ $base:expr, [$($field:tt)+] : $type:ty) => {
        $crate::kernel::member!(@ $base, [$($field)+] beyond 0 : $type)
    };
    (@ $base:expr, [$($field:tt)+] beyond $beyond:literal : $type:ty) => {
        $crate::kernel::member_at::<
            $type,
            {
                iotrace_common::Constant {
                    folds: true,
                    ..$crate::kernel::place_of(&$crate::kernel::ANY.layout.$($field)+)
                }
                .placeholder()
            },
            $beyond,
        >($base)
    };
    (@ $base:expr, [$($field:tt)*] $next:tt $($rest:tt)+) => {
        $crate::kernel::member!(@ $base, [$($field)* $next] $($rest)+)
    };
}
pub(crate) use member;

/// Reads a member of an object at an address (`R, object, member of Layout: type`). For those of which the
/// loader has made sure that they lie within a cast (`last_cast`); others by [`Read::load`].
///
/// Safety: as for [`Read::load`].
macro_rules! load {
    ($by:ty, $base:expr, $field:ident : $type:ty) => {
        if <$by as $crate::kernel::Read>::TYPED {
            match <$by as $crate::kernel::Read>::typed($base) {
                Ok(base) => Ok($crate::kernel::member!(base, $field: $type)),
                Err(loss) => Err(loss),
            }
        } else {
            <$by as $crate::kernel::Read>::load::<$type>($base, $crate::kernel::offset!($field))
        }
    };
}
pub(crate) use load;

/// Reads one of several members (`members, member of Near, member of Layout: type`), or what stands
/// `beyond` it by so many bytes: then the place in `Near` is to be known.
///
/// Safety: as for [`Members::get`].
macro_rules! get {
    ($members:expr, $near:ident, $field:ident : $type:ty) => {
        $crate::kernel::get!($members, $near, $field beyond 0 : $type)
    };
    ($members:expr, $near:ident, $field:ident beyond $beyond:literal : $type:ty) => {
        if $members.is_typed() {
            Ok($crate::kernel::member!(@ $members.base(), [$field] beyond $beyond : $type))
        } else {
            $members.get::<$type>(
                $crate::kernel::offset!(near.$near) + $beyond,
                $crate::kernel::offset!($field) + $beyond,
            )
        }
    };
}
pub(crate) use get;

/// An argument of the function at whose entry a program runs: registers are its context.
macro_rules! parameter {
    ($ctx:expr, $number:literal) => {{
        let registers: $crate::kernel::Ptr = aya_ebpf::EbpfContext::as_ptr($ctx).cast();
        // SAFETY: a register at an offset from BTF; the verifier checks the access.
        unsafe { $crate::kernel::member!(registers, regs_param[$number]: u64) }
    }};
}
pub(crate) use parameter;

/// An offset of [`Layout`].
macro_rules! offset {
    ($($field:tt)+) => {
        $crate::kernel::wanted!(layout.$($field)+)
    };
}
pub(crate) use offset;

/// An offset of a call that is chosen at run time.
macro_rules! offset_of_call {
    ($field:ident, $call:expr) => {
        $crate::kernel::constant(&$crate::kernel::LAYOUT.$field[$call as usize])
    };
}
pub(crate) use offset_of_call;

/// A field of `iotrace_common::Settings`.
macro_rules! setting {
    ($field:ident) => {
        $crate::kernel::wanted!(settings.$field)
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

/// Bounds a position in a path buffer, visibly for the verifier: that of 5.10 needs the mask right
/// before the access that it bounds.
#[inline(always)]
pub fn path_bound(position: u32) -> usize {
    position as usize & immediate::<{ PATH_CAP as u64 - 1 }>() as usize
}

/// Bounds a direction (`crate::count::Op`), visibly for the verifier.
#[inline(always)]
pub fn direction_bound(direction: u32) -> usize {
    direction as usize & immediate::<1>() as usize
}
