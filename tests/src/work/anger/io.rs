//! The calls themselves: of any size, at any place, and some that must fail.

use std::os::fd::RawFd;
use std::ptr;

use anyhow::{Result, ensure};
use nix::errno::Errno;

use super::ledger::{Ledger, Shared};
use super::report::FileId;
use crate::counts::Counts;
use crate::work::random::Random;

/// The largest size of a call.
const LARGEST: u64 = 64 << 10;

/// Files are about that long.
const REACH: u64 = 200 << 10;

/// Memory that every call reads and writes, with a page behind it that no call may touch. The
/// bytes mean nothing, so all threads use the same, and nobody in Rust ever looks at them.
#[derive(Clone, Copy)]
pub struct Arena(usize);

impl Arena {
    /// Never unmapped.
    pub fn new() -> Result<Self> {
        let (usable, guard) = (LARGEST as usize, 4096);
        // SAFETY: asks for new memory, and takes the rights to its last page away.
        let memory = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let rights = libc::PROT_READ | libc::PROT_WRITE;
            let memory = libc::mmap(ptr::null_mut(), usable + guard, rights, flags, -1, 0);
            ensure!(memory != libc::MAP_FAILED, "mmap: {}", Errno::last());
            let end = memory.byte_add(usable);
            ensure!(libc::mprotect(end, guard, libc::PROT_NONE) == 0, "mprotect");
            memory
        };
        Ok(Self(memory as usize))
    }

    /// Where a call of that size begins: mostly all of it is there, sometimes only the first part,
    /// and sometimes nothing.
    fn place(self, size: u64, random: &mut Random) -> usize {
        match random.below(40) {
            0 => 0,
            1 | 2 => self.0 + (LARGEST - random.below(size + 1)) as usize,
            _ => self.0,
        }
    }
}

/// A descriptor, and what the thread that has it did through it. Written down when dropped.
pub struct Held {
    /// The descriptor.
    pub fd: RawFd,
    /// Its file.
    pub file: FileId,
    ledger: Ledger,
    owned: bool,
    counts: Counts,
}

impl Held {
    /// A descriptor that this thread alone uses, and closes when this is dropped.
    pub fn own(fd: RawFd, ledger: Ledger) -> Result<Self> {
        let file = FileId::of(fd)?;
        Ok(Self {
            owned: true,
            ..Self::borrow(fd, file, ledger)
        })
    }

    /// A descriptor that others use too, and nobody closes while this thread lives.
    pub fn borrow(fd: RawFd, file: FileId, ledger: Ledger) -> Self {
        Self {
            fd,
            file,
            ledger,
            owned: false,
            counts: Counts::ZERO,
        }
    }

    /// One call.
    pub fn call(&mut self, arena: Arena, random: &mut Random) {
        let size = match random.below(20) {
            0 | 1 => 0,
            2 | 3 => 1,
            4..=10 => random.below(200),
            11..=18 => random.below(5000),
            _ => random.below(LARGEST + 1),
        };
        let place = arena.place(size, random);
        let offset = match random.below(30) {
            0 => -1,
            1 => 1 << 40,
            _ => random.below(REACH) as libc::off_t,
        };
        // Past the first bytes, a write there would not fail but make the largest of files.
        let write_at = offset.min(REACH as libc::off_t);
        let (read, write) = (place as *mut libc::c_void, place as *const libc::c_void);
        let size = size as usize;
        let is_read = random.once_in(2);
        // SAFETY: `place` and the next `size` bytes are the arena's, or the kernel refuses them;
        // either way no memory of Rust's is touched.
        let result = unsafe {
            match (is_read, random.once_in(2)) {
                (true, true) => libc::read(self.fd, read, size),
                (true, false) => libc::pread(self.fd, read, size, offset),
                (false, true) => libc::write(self.fd, write, size),
                (false, false) => libc::pwrite(self.fd, write, size, write_at),
            }
        };
        match (u64::try_from(result), is_read) {
            (Err(_negative), _) => {
                self.ledger.add(Shared::Failed, 1);
            }
            (Ok(bytes), true) => {
                self.counts.reads += 1;
                self.counts.read_bytes += bytes;
            }
            (Ok(bytes), false) => {
                self.counts.writes += 1;
                self.counts.write_bytes += bytes;
            }
        }
    }

    /// Writes these bytes at once; whether it may is not known.
    pub fn write(&mut self, bytes: &[u8]) {
        // SAFETY: live bytes of that length.
        let result = unsafe { libc::write(self.fd, bytes.as_ptr().cast(), bytes.len()) };
        if let Ok(written) = u64::try_from(result) {
            self.counts.writes += 1;
            self.counts.write_bytes += written;
        }
    }

    /// Moves the place of the next read or write.
    pub fn seek(&self, random: &mut Random) {
        let to = random.below(REACH) as libc::off_t;
        // SAFETY: takes three numbers. That it fails for a directory or so does not matter.
        unsafe { libc::lseek(self.fd, to, libc::SEEK_SET) };
    }

    /// Cuts or stretches the file.
    pub fn truncate(&self, random: &mut Random) {
        let length = random.below(REACH) as libc::off_t;
        // SAFETY: takes two numbers. It may fail: not every descriptor can be written.
        unsafe { libc::ftruncate(self.fd, length) };
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.ledger.enter(self.file, self.counts);
        if self.owned {
            // SAFETY: this thread's own, and used by nobody after this.
            unsafe { libc::close(self.fd) };
        }
    }
}
