//! Linux AIO: several operations at a time, each completed with its own result.

use anyhow::{Result, ensure};

use super::LENGTH;
use super::aio_queue::{DEPTH, PREAD, PREADV, PWRITE, PWRITEV, Queue, Reap};
use super::aligned::Aligned;
use super::calls::open_direct;
use super::ledger::Ledger;
use super::place::{Place, Subject};

const CHUNK: usize = 40_961;
const DIRECT_CHUNK: usize = 40_960;
/// Through the page cache: done when submitted, and reaped in order.
pub fn buffered(place: &Place, ledger: &mut Ledger) -> Result<()> {
    let files = (place.source()?, place.create("target", 0)?);
    go(&files, CHUNK, Queue::reap, ledger)
}

/// Without the page cache: completed by the disk.
pub fn direct(place: &Place, ledger: &mut Ledger) -> Result<()> {
    match open_direct(place, ledger)? {
        Some(files) => go(&files, DIRECT_CHUNK, Queue::reap, ledger),
        None => Ok(()),
    }
}

/// Taken from the ring in memory without a call, as QEMU does.
pub fn user_reaped(place: &Place, ledger: &mut Ledger) -> Result<()> {
    let files = (place.source()?, place.create("target", 0)?);
    go(&files, CHUNK, Queue::reap_in_memory, ledger)
}

/// Fetched by another thread than the one that submits.
pub fn other_reaper(place: &Place, ledger: &mut Ledger) -> Result<()> {
    let files = (place.source()?, place.create("target", 0)?);
    go(&files, CHUNK, Queue::reap_elsewhere, ledger)
}

fn go(
    (source, target): &(Subject, Subject),
    chunk: usize,
    reap: Reap,
    ledger: &mut Ledger,
) -> Result<()> {
    let Some(queue) = Queue::new(ledger)? else {
        return Ok(());
    };
    let mut buffers: Vec<_> = (0..DEPTH).map(|_| Aligned::of(b'a', chunk)).collect();
    for (read, write) in [(PREAD, PWRITE), (PREADV, PWRITEV)] {
        let offsets: Vec<usize> = (0..=LENGTH.div_ceil(chunk)).map(|at| at * chunk).collect();
        for offsets in offsets.chunks(DEPTH) {
            let reaped = queue.all(source, read, offsets, &mut buffers, reap)?;
            ledger.reaped_by(reaped.by);
            for event in reaped.events {
                let got = u64::try_from(event.result)?;
                ledger.read(&source.path, got);
            }
            let reaped = queue.all(target, write, offsets, &mut buffers, reap)?;
            ledger.reaped_by(reaped.by);
            for event in reaped.events {
                let put = u64::try_from(event.result)?;
                ledger.write(&target.path, put);
            }
        }
    }
    // At no multiple of anything: fails without the page cache, mostly as it completes.
    let mut odd: Vec<_> = (0..1).map(|_| Aligned::of(0, 101)).collect();
    if let Ok(reaped) = queue.all(source, PREAD, &[3], &mut odd, reap) {
        ledger.reaped_by(reaped.by);
        let results = reaped.events.iter().map(|event| event.result);
        for got in results.filter_map(|result| u64::try_from(result).ok()) {
            ledger.read(&source.path, got);
        }
    }
    let refused = queue.all(target, PREAD, &[0], &mut buffers, reap);
    ensure!(refused.is_err(), "it was not open to be read");
    Ok(())
}
