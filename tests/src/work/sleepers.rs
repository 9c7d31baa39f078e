//! Threads that sleep in an open of a FIFO while another opens files: many calls
//! under way at once.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde::{Deserialize, Serialize};

use super::protocol::{ready, say, this_tid};

/// Options of the sleepers.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where the FIFO and the files are made.
    #[arg(long)]
    dir: PathBuf,
    /// How many threads sleep: at most 6, for with 8 the C library looks up the
    /// number of CPUs in a file.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=6))]
    threads: u64,
    /// How many files are opened meanwhile.
    #[arg(long)]
    files: u64,
}

/// What was done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// All opens, none of which failed.
    pub opened: u64,
}

/// Opens.
pub fn run(options: &Options) -> Result<()> {
    let fifo = options.dir.join("fifo");
    mkfifo(&fifo, Mode::S_IRWXU)?;
    ready()?;
    let mut opened = 0;
    thread::scope(|scope| {
        let (started, tids) = mpsc::channel();
        let sleepers: Vec<_> = (0..options.threads)
            .map(|_| {
                let started = started.clone();
                let fifo = &fifo;
                scope.spawn(move || {
                    let told = started.send(this_tid());
                    let opened = File::open(fifo);
                    told.map_err(|_gone| anyhow!("the main thread is gone"))?;
                    Ok::<_, anyhow::Error>(opened?)
                })
            })
            .collect();
        for tid in tids.iter().take(sleepers.len()) {
            opened += wait_until_in_open(tid)?;
        }
        for number in 0..options.files {
            File::create(options.dir.join(number.to_string()))?;
        }
        OpenOptions::new().write(true).open(&fifo)?;
        for sleeper in sleepers {
            sleeper
                .join()
                .map_err(|_panic| anyhow!("a sleeper panicked"))??;
        }
        anyhow::Ok(())
    })?;
    opened += options.files + 1 + options.threads;
    say(&Report { opened })
}

/// Waits until the thread sleeps in its open; returns how many opens that took.
fn wait_until_in_open(tid: u32) -> Result<u64> {
    let path = format!("/proc/self/task/{tid}/syscall");
    let expected = format!("{} ", libc::SYS_openat);
    let deadline = Instant::now() + Duration::from_secs(60);
    for opened in 1.. {
        let call = fs::read_to_string(Path::new(&path)).with_context(|| path.clone())?;
        if call.starts_with(&expected) {
            return Ok(opened);
        }
        ensure!(Instant::now() < deadline, "{path} is {call:?}");
        thread::yield_now();
    }
    Ok(0)
}
