//! The running kernel: constants that the loader fills in, and two ways to read
//! its memory.
//!
//! To the verifier they are constants: offsets are fixed, and a branch on a switch that is off is
//! removed.

use aya_ebpf::helpers::{
    bpf_get_current_pid_tgid, bpf_get_current_task, bpf_probe_read_kernel,
    generated::bpf_get_current_task_btf,
};
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
pub const fn place_of<T>(member: &T) -> Constant {
    // SAFETY: both are inside the same value.
    let offset = unsafe {
        (&raw const *member)
            .cast::<u8>()
            .offset_from((&raw const *ANY).cast())
    };
    Constant {
        offset: offset as usize,
        size: size_of::<T>(),
        folds: false,
    }
}

/// A number as the type of a member: one of 32 bits has nothing above them.
#[inline(always)]
pub fn typed<T: Copy>(number: u64, _: &T) -> T {
    // SAFETY: so the loader fills it in (`iotrace::kernel::patch`), and both targets begin numbers with
    // their lowest byte.
    unsafe {
        core::hint::assert_unchecked(size_of::<T>() == 8 || number <= u32::MAX.into());
        core::mem::transmute_copy(&number)
    }
}

/// A member of [`Constants`].
macro_rules! wanted {
    ($($member:tt)+) => {
        $crate::kernel::typed(
            $crate::kernel::immediate::<
                { $crate::kernel::place_of(&$crate::kernel::ANY.$($member)+).placeholder() },
            >(),
            &$crate::kernel::ANY.$($member)+,
        )
    };
}
pub(crate) use wanted;

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

/// What the system call that returns with these registers is to us
/// (`iotrace_common::Syscall`), 0 for nothing; for a 64-bit program.
///
/// # Safety
/// `regs` is the address of the saved registers.
#[inline(always)]
pub unsafe fn call_kind(regs: Ptr) -> Result<u8, Loss> {
    // SAFETY: a register at an offset from BTF. The low half of the number:
    // `orig_ax` is 64 bits wide, `syscallno` of aarch64 32.
    Ok(syscall_kind(unsafe {
        Probe::load(regs, offset!(regs_nr))
    }?))
}

/// The same, with what its arguments are.
///
/// # Safety
/// Likewise.
#[inline(always)]
pub unsafe fn call_entry(regs: Ptr) -> Result<u8, Loss> {
    // SAFETY: likewise.
    Ok(syscall_entry(unsafe {
        Probe::load(regs, offset!(regs_nr))
    }?))
}

/// Whether a 32-bit program calls, whose numbers mean other calls.
#[inline(always)]
pub fn is_compat() -> Result<bool, Loss> {
    let at = offset!(compat);
    if at == ABSENT {
        return Ok(false);
    }
    // SAFETY: a word of the task at an offset from BTF.
    let word: u32 = unsafe { Probe::load(task(), at) }?;
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

/// A pointer into kernel memory.
pub type Ptr = *const u8;

/// A thread.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Task {
    pub tgid: u32,
    pub tid: u32,
    /// See `iotrace_common::RowKey::birth`.
    pub birth: u32,
}

/// A way to read kernel memory.
pub trait Read {
    /// Reads a `T` at `base + offset`.
    ///
    /// # Safety
    /// `base` points to a kernel object that has a `T` there.
    unsafe fn load<T: Copy>(base: Ptr, offset: u32) -> Result<T, Loss>;

    /// The calling thread.
    fn current() -> Task;
}

/// Loads through a pointer that the verifier knows by BTF (fentry, fexit).
pub struct Direct;

/// Loads with `bpf_probe_read_kernel`, from any address.
pub struct Probe;

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
}

/// Reads a `T` through a pointer that the verifier knows by BTF.
///
/// # Safety
/// As for [`Read::load`].
#[inline(always)]
pub unsafe fn known<T: Copy>(base: Ptr, offset: u32) -> T {
    // SAFETY: the verifier checks the access against the object's BTF; a
    // fault reads as zero (BPF_PROBE_MEM).
    unsafe { base.add(offset as usize).cast::<T>().read() }
}

/// Reads a member (`object`, `offset in Layout: type`) like [`known`], in one instruction.
///
/// Safety: as for [`Read::load`].
macro_rules! member {
    ($base:expr, $field:ident: $type:ty) => {
        $crate::kernel::member_at::<
            $type,
            {
                iotrace_common::Constant {
                    folds: true,
                    ..$crate::kernel::place_of(&$crate::kernel::ANY.layout.$field)
                }
                .placeholder()
            },
        >($base)
    };
}
pub(crate) use member;

/// Reads a `T` of 8 or 4 bytes at `base` and the offset that a placeholder stands for: three
/// instructions, which the loader folds (`iotrace_common::Constant::folds`).
///
/// # Safety
/// As for [`Read::load`].
#[inline(always)]
pub unsafe fn member_at<T: Copy, const PLACEHOLDER: u64>(base: Ptr) -> T {
    let value: u64;
    // SAFETY: as for [`known`]; the size of `T` is that of the load.
    unsafe {
        if size_of::<T>() == 8 {
            core::arch::asm!(
                "{value} = {offset} ll",
                "{value} += {base}",
                "{value} = *(u64 *)({value} + 0)",
                value = out(reg) value, base = in(reg) base, offset = const PLACEHOLDER,
                options(readonly, nostack, preserves_flags),
            );
        } else {
            core::arch::asm!(
                "{value} = {offset} ll",
                "{value} += {base}",
                "{value} = *(u32 *)({value} + 0)",
                value = out(reg) value, base = in(reg) base, offset = const PLACEHOLDER,
                options(readonly, nostack, preserves_flags),
            );
            core::hint::assert_unchecked(value <= u32::MAX.into());
        }
        core::mem::transmute_copy(&value)
    }
}

/// The current task as such a pointer, where the kernel gives one (`Settings::task_btf`).
#[inline(always)]
pub fn current() -> Ptr {
    // SAFETY: no preconditions; the current task is never NULL.
    unsafe { bpf_get_current_task_btf() }.cast()
}

impl Read for Direct {
    #[inline(always)]
    unsafe fn load<T: Copy>(base: Ptr, offset: u32) -> Result<T, Loss> {
        // SAFETY: the caller vouches for the object.
        Ok(unsafe { known(base, offset) })
    }

    #[inline(always)]
    fn current() -> Task {
        if setting!(task_btf) == 0 {
            return Probe::current();
        }
        let task = current();
        // SAFETY: members of task_struct at offsets from the kernel's BTF.
        unsafe {
            Task::new(
                known(task, offset!(task_tgid)),
                known(task, offset!(task_pid)),
                known(task, offset!(task_start_time)),
            )
        }
    }
}

impl Probe {
    /// Reads three pointers of an object, at once where they stand side by side: so
    /// they do in the kernels of distributions, and a call costs most.
    ///
    /// # Safety
    /// As for [`Read::load`].
    #[inline(always)]
    pub unsafe fn load_three(base: Ptr, offsets: [u32; 3]) -> Result<[Ptr; 3], Loss> {
        let [first, second, third] = offsets;
        // SAFETY: the caller vouches for the object.
        unsafe {
            if second == first.wrapping_add(8) && third == first.wrapping_add(16) {
                return Self::load(base, first);
            }
            Ok([
                Self::load(base, first)?,
                Self::load(base, second)?,
                Self::load(base, third)?,
            ])
        }
    }
}

impl Read for Probe {
    #[inline(always)]
    unsafe fn load<T: Copy>(base: Ptr, offset: u32) -> Result<T, Loss> {
        let source = base.wrapping_add(offset as usize).cast::<T>();
        // SAFETY: the helper checks the address.
        unsafe { bpf_probe_read_kernel(source) }.map_err(|_| Loss::ReadFailed)
    }

    #[inline(always)]
    fn current() -> Task {
        let pid_tgid = bpf_get_current_pid_tgid();
        // SAFETY: the current task has a start time; 0 would only merge two
        // threads that had the same id within one tick.
        let start = unsafe { Self::load::<u64>(task(), offset!(task_start_time)) }.unwrap_or(0);
        Task::new((pid_tgid >> 32) as u32, pid_tgid as u32, start)
    }
}

/// `current`, as an address for [`Probe`].
#[inline(always)]
pub fn task() -> Ptr {
    // SAFETY: no preconditions.
    unsafe { bpf_get_current_task() as Ptr }
}

/// Thread id of the caller.
#[inline(always)]
pub fn task_id() -> u32 {
    bpf_get_current_pid_tgid() as u32
}
