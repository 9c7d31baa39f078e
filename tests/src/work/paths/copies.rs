//! Calls that move data from one file to another without passing it to the caller. Each is one
//! read of the one and one write of the other, also at the end of the source.

use std::io::{self, Read};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::ptr;

use anyhow::{Result, ensure};
use nix::errno::Errno;

use super::LENGTH;
use super::aligned::result;
use super::ledger::Ledger;
use super::place::{Place, Subject};
use crate::counts::Extra;

/// Less than a pipe or a socket holds, and no multiple of a page.
const CHUNK: usize = 60_001;

/// From a file to a file, a pipe and a socket.
pub fn sendfile(place: &Place, ledger: &mut Ledger) -> Result<()> {
    let source = place.source()?;
    let target = place.create("target", 0)?;
    loop {
        let moved = send(&source, target.fd(), ptr::null_mut())?;
        ledger.read(&source.path, moved);
        ledger.write(&target.path, moved);
        if moved == 0 {
            break;
        }
    }
    let (mut reader, writer) = io::pipe()?;
    send_all(&source, writer.as_raw_fd(), &mut reader, ledger)?;
    let (writer, mut reader) = UnixStream::pair()?;
    send_all(&source, writer.as_raw_fd(), &mut reader, ledger)?;
    ensure!(
        send(&target, writer.as_raw_fd(), ptr::null_mut()).is_err(),
        "not open to be read"
    );
    Ok(())
}

fn send(source: &Subject, to: RawFd, offset: *mut i64) -> io::Result<u64> {
    // SAFETY: the offset is none or the caller's own.
    result(unsafe { libc::sendfile(to, source.fd(), offset, CHUNK) })
}

/// At offsets of our own; what comes out at the other end is thrown away.
fn send_all(
    source: &Subject,
    to: RawFd,
    reader: &mut impl Read,
    ledger: &mut Ledger,
) -> Result<()> {
    let mut offset = 0;
    let mut buffer = vec![0; CHUNK];
    loop {
        let moved = send(source, to, &raw mut offset)?;
        ledger.read(&source.path, moved);
        if moved == 0 {
            return Ok(());
        }
        reader.read_exact(&mut buffer[..usize::try_from(moved)?])?;
    }
}

/// From a file through a pipe to a file, once at the files' positions and once at offsets.
pub fn splice(place: &Place, ledger: &mut Ledger) -> Result<()> {
    let source = place.source()?;
    let target = place.create("target", 0)?;
    let (reader, writer) = io::pipe()?;
    let (from, into) = (reader.as_raw_fd(), writer.as_raw_fd());
    for at_offsets in [false, true] {
        let (mut read_at, mut write_at) = (0_i64, 13_i64);
        let pointer = |offset: *mut i64| if at_offsets { offset } else { ptr::null_mut() };
        loop {
            let offset = pointer(&raw mut read_at);
            // SAFETY: the offset is none or our own.
            let moved =
                unsafe { libc::splice(source.fd(), offset, into, ptr::null_mut(), CHUNK, 0) };
            let mut moved = result(moved)?;
            ledger.read(&source.path, moved);
            if moved == 0 {
                break;
            }
            while moved > 0 {
                let offset = pointer(&raw mut write_at);
                let most = usize::try_from(moved)?;
                // SAFETY: as above.
                let put =
                    unsafe { libc::splice(from, ptr::null_mut(), target.fd(), offset, most, 0) };
                let put = result(put)?;
                ensure!(put > 0, "nothing came out of the pipe");
                ledger.write(&target.path, put);
                moved -= put;
            }
        }
    }
    Ok(())
}

/// From file to file, at positions and at offsets.
pub fn copy_file_range(place: &Place, ledger: &mut Ledger) -> Result<()> {
    let source = place.source()?;
    let target = place.create("target", 0)?;
    for at_offsets in [false, true] {
        let (mut read_at, mut write_at) = (0_i64, 17_i64);
        let pointer = |offset: *mut i64| if at_offsets { offset } else { ptr::null_mut() };
        loop {
            let (from, to) = (pointer(&raw mut read_at), pointer(&raw mut write_at));
            // SAFETY: the offsets are none or our own.
            let moved = unsafe {
                let number = libc::SYS_copy_file_range;
                libc::syscall(number, source.fd(), from, target.fd(), to, CHUNK, 0)
            };
            let moved = match result(moved as isize) {
                Err(error) if error.raw_os_error() == Some(libc::EXDEV) => {
                    ledger.untried("the file system has no copy_file_range");
                    return Ok(());
                }
                moved => moved?,
            };
            ledger.read(&source.path, moved);
            ledger.write(&target.path, moved);
            if moved == 0 {
                break;
            }
        }
    }
    Ok(())
}

/// `FICLONE` and `FICLONERANGE` (linux/fs.h).
const CLONE: libc::c_ulong = 0x4004_9409;
const CLONE_RANGE: libc::c_ulong = 0x4020_940d;

/// `struct file_clone_range`.
#[repr(C)]
struct Range {
    source: i64,
    offset: u64,
    length: u64,
    to: u64,
}

/// Shares all blocks of a file, and then some.
pub fn reflink(place: &Place, ledger: &mut Ledger) -> Result<()> {
    const PART: u64 = 65_536;
    let source = place.source()?;
    let target = place.create("target", 0)?;
    // SAFETY: takes a descriptor.
    let cloned = unsafe { libc::ioctl(target.fd(), CLONE as _, source.fd()) };
    if let Err(error) = Errno::result(cloned) {
        return ledger.refused("the file system shares no blocks", &error.into());
    }
    let cloned = |cloned_bytes| Extra {
        cloned_bytes,
        ..Extra::default()
    };
    ledger.extra(&target.path, cloned(LENGTH as u64));
    let part = place.create("part", 0)?;
    let range = Range {
        source: source.fd().into(),
        offset: PART,
        length: 2 * PART,
        to: 0,
    };
    // SAFETY: the kernel reads the struct, which is there.
    Errno::result(unsafe { libc::ioctl(part.fd(), CLONE_RANGE as _, &raw const range) })?;
    ledger.extra(&part.path, cloned(2 * PART));
    Ok(())
}
