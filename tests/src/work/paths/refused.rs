//! Requests of AIO that the kernel refuses, and then others, which it keeps where those were.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};

use super::aio_queue::{PREAD, PREADV, PWRITE, Queue};
use super::aligned::Aligned;
use crate::counts::Counts;
use crate::work::protocol::{Report, ready, say};

/// Options of what is refused.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where the files are made.
    #[arg(long)]
    dir: PathBuf,
    /// Another process writes.
    #[arg(long)]
    fork: bool,
}

/// At once.
const CROWD: usize = 32;
/// What is read in the end.
const BYTES: usize = 4096;

/// Reads in vain, writes, and reads.
pub fn run(options: &Options) -> Result<()> {
    let [source, victim] = ["source", "victim"].map(|name| options.dir.join(name));
    fs::write(&source, [b's'; BYTES])?;
    let source = File::open(&source)?;
    let victim = File::create(&victim)?;
    let queue = Queue::with_room(CROWD).context("io_setup")?;
    // The kernel gives memory that was let go of to the next one on this CPU.
    stay_here()?;
    ready()?;
    for _ in 0..CROWD {
        for (file, operation, code) in [
            (&victim, PREAD, libc::EBADF),
            (&victim, PREADV, libc::EBADF),
            (&source, PREAD, libc::EFAULT),
            (&source, PREADV, libc::EFAULT),
        ] {
            let error = queue.refused(file.as_raw_fd(), operation)?;
            ensure!(error.raw_os_error() == Some(code), "{operation}: {error}");
        }
    }
    match options.fork {
        true => write_elsewhere(&victim)?,
        false => write(&queue, &victim)?,
    }
    let mut buffers = [Aligned::of(0, BYTES)];
    let place = [(source.as_raw_fd(), 0)];
    let reaped = queue.everywhere(&place, PREAD, &mut buffers, Queue::reap)?;
    let got: Vec<i64> = reaped.events.iter().map(|event| event.result).collect();
    ensure!(got == [BYTES as i64], "the read returned {got:?}");
    let counts = Counts {
        reads: 1,
        read_bytes: BYTES as u64,
        ..Counts::ZERO
    };
    say(&Report::of_this_thread(1, counts))
}

fn write(queue: &Queue, victim: &File) -> Result<()> {
    let places: Vec<_> = (0..CROWD)
        .map(|at| (victim.as_raw_fd(), at * BYTES))
        .collect();
    let mut buffers: Vec<_> = places.iter().map(|_| Aligned::of(b'w', BYTES)).collect();
    for _ in 0..4 {
        let reaped = queue.everywhere(&places, PWRITE, &mut buffers, Queue::reap)?;
        let whole = |result| result == BYTES as i64;
        ensure!(
            reaped.events.iter().all(|event| whole(event.result)),
            "a write failed"
        );
    }
    Ok(())
}

fn write_elsewhere(victim: &File) -> Result<()> {
    // SAFETY: this process has one thread, so the child may do whatever the parent may.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => {
            let status = waitpid(child, None)?;
            ensure!(
                matches!(status, WaitStatus::Exited(_, 0)),
                "the child: {status:?}"
            );
            Ok(())
        }
        ForkResult::Child => {
            // A queue is not inherited.
            let queue = Queue::with_room(CROWD).context("io_setup");
            let done = queue.and_then(|queue| write(&queue, victim));
            if let Err(error) = &done {
                eprintln!("iotrace-tests: {error:#}");
            }
            // SAFETY: leaves without the parent's buffers and handlers.
            unsafe { libc::_exit(i32::from(done.is_err())) };
        }
    }
}

/// One CPU of those that it may have.
fn stay_here() -> Result<()> {
    let own = Pid::from_raw(0);
    let may = sched_getaffinity(own)?;
    let first = (0..CpuSet::count()).find(|cpu| may.is_set(*cpu).unwrap_or(false));
    let mut one = CpuSet::new();
    one.set(first.context("no CPU")?)?;
    Ok(sched_setaffinity(own, &one)?)
}
