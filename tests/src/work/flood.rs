//! More opens than any consumer can print.

use std::ffi::CStr;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::protocol::{on_threads, say, this_tid};

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
}

/// Opens until the time is over.
pub fn run(options: &Options) -> Result<()> {
    let length = Duration::try_from_secs_f64(options.seconds)?;
    let threads = on_threads(&NAMES, |index| {
        let present = options.dir.join(format!("present-{index}"));
        let missing = options.dir.join(format!("missing-{index}"));
        let mut thread = Thread {
            tid: this_tid(),
            opened: 1,
            failed: 0,
        };
        fs::write(&present, "")?;
        let end = Instant::now() + length;
        while Instant::now() < end {
            for call in 0..BATCH {
                let path = if call % 4 == 3 { &missing } else { &present };
                match File::open(path) {
                    Ok(_file) => thread.opened += 1,
                    Err(error) if error.kind() == ErrorKind::NotFound => thread.failed += 1,
                    Err(error) => return Err(error).context("flood"),
                }
            }
        }
        Ok(thread)
    })?;
    say(&Report { threads })
}
