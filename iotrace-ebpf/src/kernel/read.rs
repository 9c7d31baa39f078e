//! Two ways to read kernel memory.

use core::{marker::PhantomData, mem::MaybeUninit};

use aya_ebpf::helpers::{bpf_probe_read_kernel, generated};
use iotrace_common::Loss;

use super::Task;

/// A pointer into kernel memory.
pub type Ptr = *const u8;

/// A way to read kernel memory.
pub trait Read {
    /// Reads a `T` at `base + offset`.
    ///
    /// # Safety
    /// `base` points to a kernel object that has a `T` there.
    unsafe fn load<T: Copy>(base: Ptr, offset: u32) -> Result<T, Loss>;

    /// Gets hold of several members of one object: those that lie in the `words` from `first` on
    /// are read at once, where each read costs a call.
    ///
    /// # Safety
    /// As for [`Read::load`]; the object goes on for that many words.
    unsafe fn members<const N: usize>(
        words: &mut Words<N>,
        base: Ptr,
        first: u32,
    ) -> Result<Members<'_, Self, N>, Loss>;

    /// The calling thread: no matter by which way, [`super::Current`] knows the best.
    #[inline(always)]
    fn current() -> Task {
        Task::current()
    }

    /// Reads one of them.
    ///
    /// # Safety
    /// As for [`Read::load`].
    unsafe fn member<T: Copy, const N: usize>(
        members: &Members<'_, Self, N>,
        offset: u32,
    ) -> Result<T, Loss>;
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
    first: u32,
    words: &'a Words<N>,
    by: PhantomData<R>,
}

impl<R: Read, const N: usize> Members<'_, R, N> {
    /// Reads a `T` at this offset of the object.
    ///
    /// # Safety
    /// The object has a `T` there.
    #[inline(always)]
    pub unsafe fn get<T: Copy>(&self, offset: u32) -> Result<T, Loss> {
        // SAFETY: the caller vouches for it.
        unsafe { R::member(self, offset) }
    }
}

/// Loads through a pointer that the verifier knows by BTF: of fentry and fexit, and `current`.
pub struct Direct;

/// Loads with `bpf_probe_read_kernel`, from any address.
pub struct Probe;

impl Read for Direct {
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
        first: u32,
    ) -> Result<Members<'_, Self, N>, Loss> {
        Ok(Members {
            base,
            first,
            words,
            by: PhantomData,
        })
    }

    #[inline(always)]
    unsafe fn member<T: Copy, const N: usize>(
        members: &Members<'_, Self, N>,
        offset: u32,
    ) -> Result<T, Loss> {
        // SAFETY: the caller vouches for the object.
        unsafe { Self::load(members.base, offset) }
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
    unsafe fn members<const N: usize>(
        words: &mut Words<N>,
        base: Ptr,
        first: u32,
    ) -> Result<Members<'_, Self, N>, Loss> {
        let source = base.wrapping_add(first as usize);
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
            first,
            words,
            by: PhantomData,
        })
    }

    /// What lies elsewhere in this kernel has a call of its own. Offsets are constants to the
    /// verifier, which removes the way that is not gone.
    #[inline(always)]
    unsafe fn member<T: Copy, const N: usize>(
        members: &Members<'_, Self, N>,
        offset: u32,
    ) -> Result<T, Loss> {
        let at = offset.wrapping_sub(members.first) as usize;
        // Of the stack only what is aligned may be read.
        if at > size_of::<[u64; N]>() - size_of::<T>() || at & (align_of::<T>() - 1) != 0 {
            // SAFETY: the caller vouches for the object.
            return unsafe { Self::load(members.base, offset) };
        }
        let words: Ptr = members.words.0.as_ptr().cast();
        // SAFETY: within what was read.
        Ok(unsafe { words.add(at).cast::<T>().read() })
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
