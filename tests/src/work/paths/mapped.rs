//! Files that are mapped: pages, counted as page faults.

use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::ptr::NonNull;

use anyhow::{Result, ensure};
use nix::errno::Errno;

use super::LENGTH;
use super::ledger::Ledger;
use super::place::Place;
use crate::counts::Extra;

const PAGE: usize = 4096;
/// Of a source.
const PAGES: u64 = LENGTH.div_ceil(PAGE) as u64;
/// Reads all pages of a file that is in the page cache: far less faults than pages.
pub fn reads(place: &Place, ledger: &mut Ledger) -> Result<()> {
    let path = place.own("source");
    let mapping = Mapping::of(&File::open(&path)?, libc::PROT_READ)?;
    read_all(&mapping, &path, ledger)
}

/// Reads every page of a file that is not in the page cache, none of which brings another.
pub fn cold(place: &Place, ledger: &mut Ledger) -> Result<()> {
    let path = place.own("source");
    let file = File::open(&path)?;
    let mapping = Mapping::of(&file, libc::PROT_READ)?;
    mapping.advise(libc::MADV_RANDOM)?;
    // SAFETY: takes integers alone.
    unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
    if mapping.resident()? > 0 {
        ledger.untried("the file system keeps its pages");
        return Ok(());
    }
    let faults = faults_of(|| (0..LENGTH).step_by(PAGE).for_each(|at| mapping.read(at)))?;
    ensure!(faults == PAGES, "{PAGES} pages took {faults} faults");
    ledger.extra(
        &path,
        Extra {
            map_reads: PAGES,
            ..Extra::default()
        },
    );
    Ok(())
}

/// Reads a byte in each page, and then writes one, twice. (Of a page that was not mapped, one fault
/// would be both a read and a write, and newer kernels let its neighbours be written too.)
pub fn writes(place: &Place, ledger: &mut Ledger) -> Result<()> {
    let path = place.own("source");
    let file = OpenOptions::new().read(true).write(true).open(&path)?;
    let mapping = Mapping::of(&file, libc::PROT_READ | libc::PROT_WRITE)?;
    read_all(&mapping, &path, ledger)?;
    for expected in [PAGES, 0] {
        let faults = faults_of(|| (0..LENGTH).step_by(PAGE).for_each(|at| mapping.write(at)))?;
        if faults == 0 && expected > 0 {
            ledger.untried("the file system lets pages be written without a fault");
            return Ok(());
        }
        ensure!(faults == expected, "{expected} pages took {faults} faults");
        let extra = Extra {
            map_writes: expected,
            ..Extra::default()
        };
        ledger.extra(&path, extra);
    }
    Ok(())
}

/// How many faults it takes is the kernel's choice, which it tells: it maps what is in the page
/// cache around a page too.
fn read_all(mapping: &Mapping, path: &Path, ledger: &mut Ledger) -> Result<()> {
    ensure!(
        mapping.resident()? as u64 == PAGES,
        "pages are not in the page cache"
    );
    let map_reads = faults_of(|| (0..LENGTH).step_by(PAGE).for_each(|at| mapping.read(at)))?;
    ensure!(
        (1..=PAGES).contains(&map_reads),
        "{map_reads} faults for {PAGES} pages"
    );
    let extra = Extra {
        map_reads,
        ..Extra::default()
    };
    ledger.extra(path, extra);
    Ok(())
}

/// How many faults of this thread the kernel counts meanwhile.
fn faults_of(touch: impl Fn()) -> Result<u64> {
    let before = faults()?;
    touch();
    Ok(faults()? - before)
}

/// Faults of this thread so far.
fn faults() -> Result<u64> {
    use nix::sys::resource::{UsageWho, getrusage};
    let usage = getrusage(UsageWho::RUSAGE_THREAD)?;
    let faults = usage.minor_page_faults() + usage.major_page_faults();
    Ok(u64::try_from(faults)?)
}

/// All of a file, shared.
pub struct Mapping {
    at: NonNull<u8>,
    length: usize,
}

impl Mapping {
    /// Of a source.
    fn of(file: &File, protection: i32) -> Result<Self> {
        Self::of_length(file, protection, LENGTH)
    }

    /// Of a file of this length.
    pub fn of_length(file: &File, protection: i32, length: usize) -> Result<Self> {
        // SAFETY: a new mapping at a place of the kernel's choice.
        let at = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                protection,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        ensure!(at != libc::MAP_FAILED, "mmap: {}", Errno::last());
        let at = NonNull::new(at.cast()).ok_or(Errno::EFAULT)?;
        Ok(Self { at, length })
    }

    fn advise(&self, advice: i32) -> Result<()> {
        // SAFETY: the whole mapping, and an advice that changes no data.
        Errno::result(unsafe { libc::madvise(self.at.as_ptr().cast(), self.length, advice) })?;
        Ok(())
    }

    /// Number of pages that are in the page cache.
    pub fn resident(&self) -> Result<usize> {
        let mut pages = vec![0; self.length.div_ceil(PAGE)];
        // SAFETY: the whole mapping, and a byte for each of its pages.
        let told =
            unsafe { libc::mincore(self.at.as_ptr().cast(), self.length, pages.as_mut_ptr()) };
        Errno::result(told)?;
        Ok(pages.iter().filter(|page| **page & 1 != 0).count())
    }

    /// Looks at one byte.
    pub fn read(&self, at: usize) {
        assert!(at < self.length, "outside");
        // SAFETY: within the mapping, and any byte is a byte.
        unsafe { self.at.add(at).read_volatile() };
    }

    fn write(&self, at: usize) {
        assert!(at < self.length, "outside");
        // SAFETY: within the mapping; nobody else has this file.
        unsafe { self.at.add(at).write_volatile(b'm') };
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the whole mapping, of which nobody has a pointer any more.
        unsafe { libc::munmap(self.at.as_ptr().cast(), self.length) };
    }
}
