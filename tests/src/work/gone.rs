//! Reads whose descriptor another thread closes meanwhile: what a tracer that
//! looks descriptors up when the call returns can only count as lost.

use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};

use super::protocol::{Report, ready, say, this_tid};
use crate::counts::Counts;

/// Options of the closer.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How often.
    #[arg(long)]
    rounds: u64,
}

/// Loses a descriptor in each round.
pub fn run(options: &Options) -> Result<()> {
    ready()?;
    for _ in 0..options.rounds {
        lose_one()?;
    }
    let counts = Counts {
        reads: options.rounds,
        read_bytes: options.rounds,
        ..Counts::ZERO
    };
    say(&Report::of_this_thread(0, counts))
}

fn lose_one() -> Result<()> {
    let (reader, mut writer) = io::pipe()?;
    let number = reader.as_raw_fd();
    let (started, tids) = mpsc::channel();
    let blocked = thread::spawn(move || {
        let mut reader = reader;
        let told = started.send(this_tid());
        let got = reader.read(&mut [0]);
        // The other thread has closed it: not once more, the number may be another's.
        std::mem::forget(reader);
        told.map_err(|_gone| anyhow!("the main thread is gone"))?;
        Ok::<_, anyhow::Error>(got?)
    });
    wait_until_in_read(tids.recv()?, number)?;
    // SAFETY: from here on this is its only owner; the reader forgets it.
    drop(unsafe { OwnedFd::from_raw_fd(number) });
    writer.write_all(b"x")?;
    let got = blocked
        .join()
        .map_err(|_panic| anyhow!("the reader panicked"))??;
    ensure!(got == 1, "the read returned {got}");
    Ok(())
}

/// Waits until the thread sleeps in a read of that descriptor.
fn wait_until_in_read(tid: u32, number: i32) -> Result<()> {
    let path = format!("/proc/self/task/{tid}/syscall");
    let expected = format!("{} {number:#x} ", libc::SYS_read);
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let call = fs::read_to_string(&path).with_context(|| path.clone())?;
        if call.starts_with(&expected) {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "{path} is {call:?}, not {expected:?}"
        );
        thread::yield_now();
    }
}
