//! More opens than any consumer can print, and reads and writes as fast as they go.

use std::ffi::CStr;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::protocol::{on_threads, say, this_tid};
use crate::counts::Counts;

const NAMES: [&CStr; 8] = [
    c"flood-0", c"flood-1", c"flood-2", c"flood-3", c"flood-4", c"flood-5", c"flood-6", c"flood-7",
];

/// Between two looks at the clock.
const BATCH: u32 = 64;

/// Options of the flood.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where the files are.
    #[arg(long)]
    dir: PathBuf,
    /// How long.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// The kernel ends it after so many seconds, instead of the usual number.
    #[arg(long)]
    lifetime: Option<u32>,
    /// One thread on each CPU, which it does not leave.
    #[arg(long)]
    pinned: bool,
    /// Read and write too.
    #[arg(long)]
    transfer: bool,
}

/// What the threads did.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// Threads.
    pub threads: Vec<Thread>,
}

/// What one thread did.
#[derive(Debug, Serialize, Deserialize)]
pub struct Thread {
    /// The thread.
    pub tid: u32,
    /// Opens that succeeded.
    pub opened: u64,
    /// Opens that failed.
    pub failed: u64,
    /// Reads and writes.
    pub counts: Counts,
}

/// Opens until the time is over.
pub fn run(options: &Options) -> Result<()> {
    if let Some(lifetime) = options.lifetime {
        nix::unistd::alarm::set(lifetime);
    }
    let length = Duration::try_from_secs_f64(options.seconds)?;
    let names = match options.pinned {
        true => &NAMES[..thread::available_parallelism()?.get().min(NAMES.len())],
        false => &NAMES[..],
    };
    let threads = on_threads(names, |index| {
        let present = options.dir.join(format!("present-{index}"));
        let missing = options.dir.join(format!("missing-{index}"));
        let mut thread = Thread {
            tid: this_tid(),
            opened: 1,
            failed: 0,
            counts: Counts::ZERO,
        };
        if options.pinned {
            let mut cpu = CpuSet::new();
            cpu.set(index)?;
            sched_setaffinity(Pid::from_raw(0), &cpu)?;
        }
        let file = File::options()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(&present)?;
        let end = Instant::now() + length;
        while Instant::now() < end {
            for call in 0..BATCH {
                let path = if call % 4 == 3 { &missing } else { &present };
                match File::open(path) {
                    Ok(_file) => thread.opened += 1,
                    Err(error) if error.kind() == ErrorKind::NotFound => thread.failed += 1,
                    Err(error) => return Err(error).context("flood"),
                }
                if options.transfer {
                    thread.counts += transfer(&file, call)?;
                }
            }
        }
        Ok(thread)
    })?;
    say(&Report { threads })
}

/// A write and a read, of another size each time.
fn transfer(file: &File, call: u32) -> Result<Counts> {
    let mut bytes = [0; 4 * BATCH as usize];
    let size = 1 + call as usize;
    let written = file.write_at(&bytes[..size], 0)?;
    let read = file.read_at(&mut bytes, 0)?;
    Ok(Counts {
        reads: 1,
        writes: 1,
        read_bytes: read as u64,
        write_bytes: written as u64,
    })
}
