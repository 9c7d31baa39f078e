//! Memory as O_DIRECT wants it, and what calls of libc return.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::io;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// What any disk is content with.
pub const ALIGNMENT: usize = 4096;

/// Bytes at a multiple of [`ALIGNMENT`].
pub struct Aligned {
    at: NonNull<u8>,
    layout: Layout,
}

impl Aligned {
    /// So many of them, all the same.
    pub fn of(byte: u8, length: usize) -> Self {
        let layout = Layout::from_size_align(length.max(1), ALIGNMENT).expect("a small buffer");
        // SAFETY: the layout is not empty.
        let at = unsafe { alloc_zeroed(layout) };
        let Some(at) = NonNull::new(at) else {
            handle_alloc_error(layout)
        };
        let mut aligned = Self { at, layout };
        aligned.fill(byte);
        aligned
    }
}

impl Deref for Aligned {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: allocated with this size, initialized, and owned.
        unsafe { std::slice::from_raw_parts(self.at.as_ptr(), self.layout.size()) }
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.at.as_ptr(), self.layout.size()) }
    }
}

impl Drop for Aligned {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.at.as_ptr(), self.layout) };
    }
}

/// What a call returned, or the error that it left.
pub fn result(returned: isize) -> io::Result<u64> {
    u64::try_from(returned).map_err(|_negative| io::Error::last_os_error())
}
