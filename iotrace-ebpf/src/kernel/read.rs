//! Two ways to read kernel memory: through pointers that the verifier knows, and from any address.

use core::{arch::asm, marker::PhantomData, mem::MaybeUninit};

use aya_ebpf::helpers::{bpf_probe_read_kernel, generated};
use iotrace_common::{CAST_HELPER, Loss};

use super::setting;

/// A pointer into kernel memory.
pub type Ptr = *const u8;

/// A way to read kernel memory.
pub trait Read {
    /// Whether it makes pointers of addresses that the verifier lets programs load from: then
    /// `load!` and `get!` do that, in one instruction.
    const TYPED: bool;

    /// Such a pointer.
    ///
    /// # Safety
    /// As for [`Read::load`].
    unsafe fn typed(base: Ptr) -> Result<Ptr, Loss>;

    /// Reads a `T` at `base + offset`.
    ///
    /// # Safety
    /// `base` points to a kernel object that has a `T` there.
    unsafe fn load<T: Copy>(base: Ptr, offset: u32) -> Result<T, Loss>;

    /// Gets hold of several members of one object: those that lie in the `words` from `start` on
    /// ([`iotrace_common::Near`]) are read at once, where each read costs a call.
    ///
    /// # Safety
    /// As for [`Read::load`]; the object goes on for that many words.
    unsafe fn members<const N: usize>(
        words: &mut Words<N>,
        base: Ptr,
        start: u32,
    ) -> Result<Members<'_, Self, N>, Loss>;
}

/// Room for a part of an object. Not a part of [`Members`], which is then no more than registers.
pub struct Words<const N: usize>(MaybeUninit<[u64; N]>);

impl<const N: usize> Words<N> {
    /// Nothing.
    #[inline(always)]
    pub fn new() -> Self {
        Self(MaybeUninit::uninit())
    }
}

/// Several members of one object.
pub struct Members<'a, R: Read + ?Sized, const N: usize> {
    base: Ptr,
    words: &'a Words<N>,
    by: PhantomData<R>,
}

impl<R: Read, const N: usize> Members<'_, R, N> {
    /// See [`Read::TYPED`].
    #[inline(always)]
    pub const fn is_typed(&self) -> bool {
        R::TYPED
    }

    /// The object.
    #[inline(always)]
    pub fn base(&self) -> Ptr {
        self.base
    }

    /// Reads a `T` at this offset of the object, which lies at `near` in the words. What lies elsewhere
    /// in this kernel has a call of its own: places are constants to the verifier, which removes the
    /// way that is not gone.
    ///
    /// # Safety
    /// The object has a `T` there; `near` is 0 or from [`iotrace_common::Near`].
    #[inline(always)]
    pub unsafe fn get<T: Copy>(&self, near: u32, offset: u32) -> Result<T, Loss> {
        if near as usize >= size_of::<[u64; N]>() {
            // SAFETY: the caller vouches for the object.
            return unsafe { R::load(self.base, offset) };
        }
        let words: Ptr = self.words.0.as_ptr().cast();
        // SAFETY: within what was read.
        Ok(unsafe { words.add(near as usize).cast::<T>().read() })
    }
}

/// Loads through a pointer that the verifier knows by BTF: of fentry and fexit, and `current`.
pub struct Direct;

/// Loads from any address: with `bpf_probe_read_kernel`, or where [`CASTS`] directly.
pub struct Probe;

/// Reads a `T` of 8, 4 or 2 bytes at `base`, the offset that a placeholder stands for, and `BEYOND`:
/// three instructions, which the loader folds (`iotrace_common::Constant::folds`). Not `pure`: what is
/// read once more, to see whether it has changed, is to be read again, and in order.
///
/// # Safety
/// As for [`Read::load`], through a pointer that the verifier knows.
#[inline(always)]
pub unsafe fn member_at<T: Copy, const PLACEHOLDER: u64, const BEYOND: u32>(base: Ptr) -> T {
    macro_rules! folded {
        ($type:literal) => {{
            let value: u64;
            asm!(
                "{value} = {offset} ll",
                "{value} += {base}",
                concat!("{value} = *(", $type, " *)({value} + {beyond})"),
                value = out(reg) value, base = in(reg) base, offset = const PLACEHOLDER,
                beyond = const BEYOND,
                options(readonly, nostack, preserves_flags),
            );
            value
        }};
    }
    const { assert!(matches!(size_of::<T>(), 2 | 4 | 8)) };
    // SAFETY: the verifier checks the access; the size of `T` is that of the load.
    unsafe {
        let value = match size_of::<T>() {
            8 => folded!("u64"),
            4 => {
                let value = folded!("u32");
                core::hint::assert_unchecked(value <= u32::MAX.into());
                value
            }
            _ => {
                let value = folded!("u16");
                core::hint::assert_unchecked(value <= u16::MAX.into());
                value
            }
        };
        core::mem::transmute_copy(&value)
    }
}

impl Read for Direct {
    const TYPED: bool = true;

    #[inline(always)]
    unsafe fn typed(base: Ptr) -> Result<Ptr, Loss> {
        Ok(base)
    }

    #[inline(always)]
    unsafe fn load<T: Copy>(base: Ptr, offset: u32) -> Result<T, Loss> {
        // SAFETY: the verifier checks the access against the object's BTF; a
        // fault reads as zero (BPF_PROBE_MEM).
        Ok(unsafe { base.add(offset as usize).cast::<T>().read() })
    }

    #[inline(always)]
    unsafe fn members<const N: usize>(
        words: &mut Words<N>,
        base: Ptr,
        _: u32,
    ) -> Result<Members<'_, Self, N>, Loss> {
        Ok(Members {
            base,
            words,
            by: PhantomData,
        })
    }
}

/// Whether addresses are loaded from directly (6.2).
pub const CASTS: bool = cfg!(feature = "rdonly_cast");

/// An address as a pointer that may be loaded from, where [`CASTS`]: below `Settings::cast_end`. What
/// can not be read there is 0. The verifier makes a move of the call.
#[inline(always)]
pub fn cast(address: Ptr) -> Ptr {
    let pointer: u64;
    // SAFETY: a call of `bpf_rdonly_cast(address, type)` (kernel/bpf/helpers.c), once the loader has
    // put it there.
    unsafe {
        asm!(
            "call {number}",
            number = const CAST_HELPER,
            in("r1") address,
            in("r2") u64::from(setting!(cast_to)),
            lateout("r0") pointer,
            lateout("r1") _, lateout("r2") _, lateout("r3") _, lateout("r4") _, lateout("r5") _,
            options(pure, nomem, nostack),
        );
    }
    pointer as Ptr
}

impl Read for Probe {
    const TYPED: bool = CASTS;

    #[inline(always)]
    unsafe fn typed(base: Ptr) -> Result<Ptr, Loss> {
        // What led here could not be read.
        if base.is_null() {
            return Err(Loss::ReadFailed);
        }
        Ok(cast(base))
    }

    #[inline(always)]
    unsafe fn load<T: Copy>(base: Ptr, offset: u32) -> Result<T, Loss> {
        // Both sides are constants to the verifier.
        if CASTS && size_of::<T>() <= 8 && offset < setting!(cast_end) {
            // SAFETY: the verifier checks the access; a fault reads as zero.
            return Ok(unsafe {
                let base = Self::typed(base)?;
                // Volatile, for what is read once more to see whether it has changed.
                base.wrapping_add(offset as usize)
                    .cast::<T>()
                    .read_volatile()
            });
        }
        let source = base.wrapping_add(offset as usize);
        // SAFETY: the helper checks the address.
        unsafe { bpf_probe_read_kernel(source.cast::<T>()) }.map_err(|_| Loss::ReadFailed)
    }

    #[inline(always)]
    unsafe fn members<const N: usize>(
        words: &mut Words<N>,
        base: Ptr,
        start: u32,
    ) -> Result<Members<'_, Self, N>, Loss> {
        if CASTS {
            return Ok(Members {
                // SAFETY: the caller vouches for the object.
                base: unsafe { Self::typed(base) }?,
                words,
                by: PhantomData,
            });
        }
        let source = base.wrapping_add(start as usize);
        // SAFETY: there is room for so much; the helper checks the address.
        let failed = unsafe {
            generated::bpf_probe_read_kernel(
                words.0.as_mut_ptr().cast(),
                size_of::<[u64; N]>() as u32,
                source.cast(),
            )
        };
        if failed != 0 {
            return Err(Loss::ReadFailed);
        }
        Ok(Members {
            base,
            words,
            by: PhantomData,
        })
    }
}
