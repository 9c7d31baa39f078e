//! Calls with many buffers.

use std::ffi::c_int;
use std::io::{Seek, SeekFrom};
use std::os::fd::RawFd;

use anyhow::{Result, ensure};
use libc::iovec;

use super::aligned::result;
use super::ledger::Ledger;
use super::place::Place;

/// A call on buffers, at an offset if it takes one.
type Call = unsafe fn(RawFd, *const iovec, c_int, i64) -> isize;

const READS: [Call; 4] = [
    // SAFETY: passed on to the caller of each.
    |fd, vectors, count, _| unsafe { libc::readv(fd, vectors, count) },
    // SAFETY: as above.
    |fd, vectors, count, offset| unsafe { libc::preadv(fd, vectors, count, offset) },
    // SAFETY: as above.
    |fd, vectors, count, offset| unsafe { second(libc::SYS_preadv2, fd, vectors, count, offset) },
    // SAFETY: as above.
    |fd, vectors, count, _| unsafe { second(libc::SYS_preadv2, fd, vectors, count, -1) },
];

const WRITES: [Call; 4] = [
    // SAFETY: passed on to the caller of each.
    |fd, vectors, count, _| unsafe { libc::writev(fd, vectors, count) },
    // SAFETY: as above.
    |fd, vectors, count, offset| unsafe { libc::pwritev(fd, vectors, count, offset) },
    // SAFETY: as above.
    |fd, vectors, count, offset| unsafe { second(libc::SYS_pwritev2, fd, vectors, count, offset) },
    // SAFETY: as above.
    |fd, vectors, count, _| unsafe { second(libc::SYS_pwritev2, fd, vectors, count, -1) },
];

/// The second versions, which take flags; an offset of -1 is the file's own position.
///
/// # Safety
///
/// The vectors must be live and fit for the call.
unsafe fn second(
    number: libc::c_long,
    fd: RawFd,
    vectors: *const iovec,
    count: c_int,
    offset: i64,
) -> isize {
    // SAFETY: the caller's. The upper half of the offset counts only on 32 bits.
    let returned = unsafe { libc::syscall(number, fd, vectors, count, offset, 0, 0) };
    returned as isize
}

/// The lengths of the buffers, an empty one among them.
const LENGTHS: [usize; 4] = [10_007, 0, 1, 21_001];

/// All calls, each to the end of the source, which is met in the middle of a buffer.
pub fn vectors(place: &Place, ledger: &mut Ledger) -> Result<()> {
    let mut buffers = LENGTHS.map(|length| vec![b'v'; length]);
    let vectors = buffers.each_mut().map(|buffer| iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    });
    let count = c_int::try_from(vectors.len())?;
    let source = place.source()?;
    let target = place.create("target", 0)?;
    for (read, write) in READS.iter().zip(&WRITES) {
        (&source.file).seek(SeekFrom::Start(0))?;
        (&target.file).seek(SeekFrom::Start(11))?;
        let mut offset = 0;
        loop {
            // SAFETY: the buffers live as long as the vectors, which name all of each.
            let got = result(unsafe { read(source.fd(), vectors.as_ptr(), count, offset) })?;
            ledger.read(&source.path, got);
            if got == 0 {
                break;
            }
            // SAFETY: as above.
            let put = result(unsafe { write(target.fd(), vectors.as_ptr(), count, offset) })?;
            ledger.write(&target.path, put);
            offset += i64::try_from(got)?;
        }
        // SAFETY: as above.
        let fails = result(unsafe { read(target.fd(), vectors.as_ptr(), count, 0) });
        ensure!(fails.is_err(), "it was not open to be read");
    }
    Ok(())
}
