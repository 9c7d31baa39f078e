//! The plain calls, with and without the page cache, on files and on a block device.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};

use anyhow::{Context as _, Result, ensure};

use super::aligned::Aligned;
use super::ledger::Ledger;
use super::place::{Place, Subject};

const CHUNK: usize = 40_961;
const DIRECT_CHUNK: usize = 40_960;
/// Bytes of the device for each thread.
const SHARE: u64 = 300_000;

/// read, write, pread and pwrite, each up to the end; and one that fails.
pub fn plain(place: &Place, ledger: &mut Ledger) -> Result<()> {
    let source = place.source()?;
    let target = place.create("target", 0)?;
    let mut buffer = vec![0; CHUNK];
    loop {
        let got = (&source.file).read(&mut buffer)?;
        ledger.read(&source.path, got as u64);
        if got == 0 {
            break;
        }
        let put = (&target.file).write(&buffer[..got])?;
        ledger.write(&target.path, put as u64);
    }
    at_offsets(&source, &target, &mut buffer, ledger)?;
    ensure!(
        (&target.file).read(&mut buffer).is_err(),
        "it was not open to be read"
    );
    ensure!(
        (&source.file).write(&buffer).is_err(),
        "it was not open to be written"
    );
    Ok(())
}

/// Writes into a file that lies below an overlay, which has the kernel copy it up first, and reads it.
pub fn copied_up(place: &Place, ledger: &mut Ledger) -> Result<()> {
    let path = place.own("below");
    let file = OpenOptions::new().read(true).write(true).open(&path)?;
    let put = file.write_at(&[b'c'; 1003], 5)? as u64;
    ledger.write(&path, put);
    let got = file.read_at(&mut vec![0; CHUNK], 3)? as u64;
    ledger.read(&path, got);
    Ok(())
}

/// pread and pwrite with O_DIRECT; the last read is cut by the end of the file.
pub fn direct(place: &Place, ledger: &mut Ledger) -> Result<()> {
    let mut buffer = Aligned::of(b'd', DIRECT_CHUNK);
    let Some((source, target)) = open_direct(place, ledger)? else {
        return Ok(());
    };
    let mut offset = 0;
    loop {
        let got = source.file.read_at(&mut buffer, offset)? as u64;
        ledger.read(&source.path, got);
        if got < buffer.len() as u64 {
            break;
        }
        let put = target.file.write_at(&buffer, offset)? as u64;
        ledger.write(&target.path, put);
        offset += got;
    }
    // At no multiple of anything: fails, or goes through the page cache.
    if let Ok(got) = source.file.read_at(&mut buffer[1..102], 3) {
        ledger.read(&source.path, got as u64);
    }
    Ok(())
}

/// The source and a target without the page cache, where the file system can.
pub fn open_direct(place: &Place, ledger: &mut Ledger) -> Result<Option<(Subject, Subject)>> {
    let source = place.open(place.shared("source"), libc::O_DIRECT);
    let opened = source.and_then(|source| Ok((source, place.create("target", libc::O_DIRECT)?)));
    match opened {
        Ok(both) => Ok(Some(both)),
        Err(error) => {
            let cause = error.downcast_ref::<std::io::Error>();
            ensure!(
                cause.is_some_and(|cause| cause.kind() == ErrorKind::InvalidInput),
                error
            );
            ledger.untried("the file system has no O_DIRECT");
            Ok(None)
        }
    }
}

/// Reads and writes a disk as a file, in a part of this thread's own, through the page cache and
/// without it, and down to the disk.
pub fn block_device(place: &Place, ledger: &mut Ledger) -> Result<()> {
    let path = place.device.clone().context("no device was given")?;
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    let device = Subject {
        file: options.open(&path)?,
        path: path.clone(),
    };
    let start = place.thread as u64 * SHARE;
    let mut buffer = vec![b'b'; CHUNK];
    for offset in [start + 1, start + 50_000, start + 123_457] {
        let put = device.file.write_at(&buffer, offset)? as u64;
        ledger.write(&path, put);
        let got = device.file.read_at(&mut buffer, offset)? as u64;
        ledger.read(&path, got);
    }
    device.file.sync_all()?;
    let direct = options.custom_flags(libc::O_DIRECT).open(&path)?;
    let mut buffer = Aligned::of(0, DIRECT_CHUNK);
    let aligned = start.next_multiple_of(DIRECT_CHUNK as u64);
    let got = direct.read_at(&mut buffer, aligned)? as u64;
    ledger.read(&path, got);
    Ok(())
}

fn at_offsets(
    source: &Subject,
    target: &Subject,
    buffer: &mut [u8],
    ledger: &mut Ledger,
) -> Result<()> {
    let mut offset = 0;
    loop {
        let got = source.file.read_at(buffer, offset)?;
        ledger.read(&source.path, got as u64);
        if got == 0 {
            return Ok(());
        }
        let put = target.file.write_at(&buffer[..got], offset + 7)?;
        ledger.write(&target.path, put as u64);
        offset += got as u64;
    }
}
