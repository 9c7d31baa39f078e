//! More at once than a tracer has room for: requests of AIO, completions of io_uring, calls.

use std::ffi::CStr;
use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, ensure};
use io_uring::types::Fd;
use io_uring::{IoUring, opcode};

use super::aio_queue::{PREAD, Queue};
use super::aligned::Aligned;
use crate::counts::Counts;
use crate::work::protocol::{Report, listen, on_threads, ready, say, this_tid};

/// Bytes of each request.
const SIZE: usize = 4096;

/// Requests of AIO that are submitted by one call, and fetched by one.
#[derive(Debug, clap::Args)]
pub struct AioOptions {
    /// Where the files are made.
    #[arg(long)]
    dir: PathBuf,
    /// Number of files.
    #[arg(long)]
    files: usize,
    /// Requests for each file.
    #[arg(long)]
    each: usize,
    /// Without the page cache: they are under way for a while.
    #[arg(long)]
    direct: bool,
}

/// Reads all at once; without any file if the file system has no O_DIRECT.
pub fn aio(options: &AioOptions) -> Result<()> {
    let mut files = Vec::new();
    for file in 0..options.files {
        let path = options.dir.join(format!("{file}"));
        make(&path, options.each * SIZE)?;
        let flags = if options.direct { libc::O_DIRECT } else { 0 };
        match OpenOptions::new().read(true).custom_flags(flags).open(path) {
            Ok(file) => files.push(file),
            Err(error) if error.kind() == ErrorKind::InvalidInput => {}
            Err(error) => return Err(error.into()),
        }
    }
    let offsets = |file: &File| {
        let fd = file.as_raw_fd();
        (0..options.each).map(move |at| (fd, at * SIZE))
    };
    let places: Vec<_> = files.iter().flat_map(offsets).collect();
    let mut buffers: Vec<_> = places.iter().map(|_| Aligned::of(b'c', SIZE)).collect();
    let queue = Queue::with_room(places.len().max(1)).context("io_setup")?;
    ready()?;
    let mut counts = Counts::ZERO;
    if !places.is_empty() {
        let reaped = queue.everywhere(&places, PREAD, &mut buffers, Queue::reap)?;
        for event in reaped.events {
            counts.reads += 1;
            counts.read_bytes += u64::try_from(event.result)?;
        }
    }
    say(&Report::of_this_thread(files.len() as u64, counts))
}

/// Completions of io_uring that nobody takes for a while.
#[derive(Debug, clap::Args)]
pub struct UringOptions {
    /// Where the file is made.
    #[arg(long)]
    dir: PathBuf,
    /// How many rings of requests.
    #[arg(long)]
    rounds: usize,
}

/// Entries of the ring, in both directions.
const ENTRIES: u32 = 8;

/// Reads, and takes no completion before all were submitted.
pub fn uring(options: &UringOptions) -> Result<()> {
    let path = options.dir.join("crowded");
    let total = options.rounds * ENTRIES as usize;
    make(&path, total * SIZE)?;
    let file = File::open(&path)?;
    let mut buffers: Vec<_> = (0..total).map(|_| Aligned::of(b'c', SIZE)).collect();
    let mut builder = IoUring::builder();
    let mut ring: IoUring = builder
        .setup_cqsize(ENTRIES)
        .build(ENTRIES)
        .context("no ring")?;
    ready()?;
    for (round, buffers) in buffers.chunks_mut(ENTRIES as usize).enumerate() {
        for (index, buffer) in buffers.iter_mut().enumerate() {
            let at = (round * ENTRIES as usize + index) * SIZE;
            let (fd, to) = (Fd(file.as_raw_fd()), buffer.as_mut_ptr());
            let read = opcode::Read::new(fd, to, SIZE as u32).offset(at as u64);
            // SAFETY: the buffer lives until all is completed below.
            unsafe { ring.submission().push(&read.build()) }.context("the queue is full")?;
        }
        let submitted = ring.submit()?;
        ensure!(
            submitted == buffers.len(),
            "{submitted} of {} were submitted",
            buffers.len()
        );
    }
    let mut counts = Counts::ZERO;
    while counts.reads < total as u64 {
        ring.submit_and_wait(1)?;
        for completion in ring.completion() {
            counts.reads += 1;
            counts.read_bytes += u64::try_from(completion.result()).context("a read failed")?;
        }
    }
    say(&Report::of_this_thread(1, counts))
}

/// Threads that read at the same time.
#[derive(Debug, clap::Args)]
pub struct ReadsOptions {
    /// Where the file is made.
    #[arg(long)]
    dir: PathBuf,
    /// How many of them.
    #[arg(long)]
    threads: usize,
}

/// Long enough that the threads meet.
const LONG: usize = 256 << 10;

/// Reads a file that is in the page cache until stdin ends.
pub fn reads(options: &ReadsOptions) -> Result<()> {
    let path = options.dir.join("read");
    make(&path, LONG)?;
    let file = File::open(&path)?;
    let over = AtomicBool::new(false);
    // The last one listens.
    let names: Vec<&CStr> = vec![c"reader"; options.threads + 1];
    let parts = on_threads(&names, |index| {
        let mut buffer = vec![0; LONG];
        let mut counts = Counts::ZERO;
        if index == options.threads {
            // An error of stdin is its end too.
            while listen().unwrap_or(false) {}
            over.store(true, Ordering::Relaxed);
        }
        while !over.load(Ordering::Relaxed) {
            counts.reads += 1;
            counts.read_bytes += file.read_at(&mut buffer, 0)? as u64;
        }
        Ok(counts)
    })?;
    say(&Report {
        pid: std::process::id(),
        tid: this_tid(),
        files: 1,
        counts: parts.into_iter().sum(),
    })
}

fn make(path: &Path, length: usize) -> Result<()> {
    fs::write(path, vec![b'x'; length])?;
    Ok(File::open(path)?.sync_all()?)
}
