//! Figures above what 32 bits hold.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use anyhow::{Result, ensure};

use super::aligned::{Aligned, result};
use super::ledger::Ledger;
use super::place::Place;
use crate::machine;

/// Bytes of a file without any data.
pub const LENGTH: u64 = 10_000_000_007;
const CHUNK: usize = 1 << 20;
/// What an emulated CPU can read.
const MOST_EMULATED: u64 = 200_000_003;
/// More than one call takes (`MAX_RW_COUNT`).
const MOST_OF_A_CALL: usize = 1 << 31;

/// Reads and writes at offsets that need more than 32 bits.
pub fn above(place: &Place, ledger: &mut Ledger) -> Result<()> {
    let path = place.own("sparse");
    let file = OpenOptions::new().read(true).write(true).open(&path)?;
    let mut buffer = vec![b'l'; 70_001];
    for offset in [(1 << 32) - 1, (1 << 32) + 4097, 5 << 30, LENGTH - 1] {
        let put = file.write_at(&buffer, offset)? as u64;
        ledger.write(&path, put);
        let got = file.read_at(&mut buffer, offset + 100)? as u64;
        ledger.read(&path, got);
    }
    Ok(())
}

/// Reads 10 GB that are not there, without the page cache where that can be. Only one thread: it
/// is the figure of one row that must not wrap.
pub fn read(place: &Place, ledger: &mut Ledger) -> Result<()> {
    if place.round > 1 {
        return Ok(());
    }
    let subject = place.open(place.own("sparse"), libc::O_DIRECT);
    let subject = subject.or_else(|_| place.open(place.own("sparse"), 0))?;
    let length = match machine::is_emulated() {
        true => MOST_EMULATED,
        false => LENGTH,
    };
    let mut buffer = Aligned::of(0, CHUNK);
    let mut offset = 0;
    while offset < length {
        let got = subject.file.read_at(&mut buffer, offset)? as u64;
        ledger.read(&subject.path, got);
        ensure!(got > 0, "the end at {offset}");
        offset += got;
    }
    Ok(())
}

/// Writes as much to where nothing is kept: the kernel takes it without a look.
pub fn written(place: &Place, ledger: &mut Ledger) -> Result<()> {
    let nowhere = OpenOptions::new().write(true).open("/dev/null")?;
    let fd = std::os::fd::AsRawFd::as_raw_fd(&nowhere);
    // SAFETY: a new mapping, which no access will fill.
    let memory = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            MOST_OF_A_CALL,
            libc::PROT_READ,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    ensure!(memory != libc::MAP_FAILED, "no memory");
    for call in 0..5 {
        let length = MOST_OF_A_CALL - call - place.thread;
        // SAFETY: within the mapping.
        let put = result(unsafe { libc::write(fd, memory, length) })?;
        ledger.write("/dev/null".as_ref(), put);
    }
    // SAFETY: the mapping from above, which nobody has any more.
    unsafe { libc::munmap(memory, MOST_OF_A_CALL) };
    Ok(())
}
