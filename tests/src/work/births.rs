//! More files than anybody can look at: each is made, written to and removed at once.

use std::ffi::CStr;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::protocol::{on_threads, say, this_tid};

const NAMES: [&CStr; 4] = [c"births-0", c"births-1", c"births-2", c"births-3"];

/// Options of the births.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where the files are.
    #[arg(long)]
    dir: PathBuf,
    /// How long at most.
    #[arg(long)]
    seconds: f64,
    /// How many files at most, by all threads.
    #[arg(long)]
    files: u64,
}

/// What the threads did.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// Thread, and files that it made, wrote to and removed.
    pub threads: Vec<(u32, u64)>,
    /// Bytes written to each.
    pub bytes: u64,
}

/// In each file.
const BYTES: &[u8] = b"short lives";

/// Makes and removes until there are enough, or the time is over.
pub fn run(options: &Options) -> Result<()> {
    let length = Duration::try_from_secs_f64(options.seconds)?;
    let each = options.files / NAMES.len() as u64;
    let threads = on_threads(&NAMES, |index| {
        let end = Instant::now() + length;
        let mut made = 0;
        while made < each && Instant::now() < end {
            let path = options.dir.join(format!("{index}-{made}.tmp"));
            File::create_new(&path)?.write_all(BYTES)?;
            fs::remove_file(&path)?;
            made += 1;
        }
        Ok((this_tid(), made))
    })?;
    say(&Report {
        threads,
        bytes: BYTES.len() as u64,
    })
}
