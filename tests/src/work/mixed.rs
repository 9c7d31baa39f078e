//! Two threads in two directories, with a different amount of each operation
//! on every file: whatever a filter keeps or folds has sums of its own.

use std::ffi::CStr;
use std::fs::File;
use std::path::PathBuf;

use anyhow::Result;
use nix::unistd::{Uid, getuid, setuid};
use serde::{Deserialize, Serialize};

use super::protocol::{on_threads, say, this_tid};
use super::tally::Tally;
use crate::counts::Counts;

/// The threads' names: neither is part of the other.
pub const THREADS: [&CStr; 2] = [c"io-alpha", c"io-beta"];

/// The directories' names.
pub const DIRECTORIES: [&str; 2] = ["one", "two"];

const FILES: usize = 3;

/// Options of the mix.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where `one` and `two` are.
    #[arg(long)]
    dir: PathBuf,
    /// Become this user first.
    #[arg(long)]
    uid: Option<u32>,
}

/// What was done, file by file.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// A line for each thread and file.
    pub touched: Vec<Touched>,
}

/// What one thread did with one file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Touched {
    /// Process.
    pub pid: u32,
    /// Thread.
    pub tid: u32,
    /// Its user.
    pub uid: u32,
    /// Its name.
    pub comm: String,
    /// The file.
    pub path: PathBuf,
    /// All operations.
    pub counts: Counts,
}

/// Does all the I/O.
pub fn run(options: &Options) -> Result<()> {
    if let Some(uid) = options.uid {
        setuid(Uid::from_raw(uid))?;
    }
    let touched = on_threads(&THREADS, |thread| {
        let mut touched = Vec::new();
        for (place, directory) in DIRECTORIES.iter().enumerate() {
            for index in 0..FILES {
                let amount = 1 + index + FILES * (place + DIRECTORIES.len() * thread);
                touched.push(touch(options, thread, directory, amount)?);
            }
        }
        Ok(touched)
    })?;
    say(&Report {
        touched: touched.into_iter().flatten().collect(),
    })
}

fn touch(options: &Options, thread: usize, directory: &str, amount: usize) -> Result<Touched> {
    let pid = std::process::id();
    let path = options.dir.join(directory).join(format!("{pid}-{amount}"));
    let data = vec![b'x'; 100 * amount];
    let mut tally = Tally::default();
    let mut file = File::create(&path)?;
    for _ in 0..amount {
        tally.write(&mut file, &data)?;
    }
    tally.read_to_end(&mut File::open(&path)?, &mut [0; 700])?;
    Ok(Touched {
        pid,
        tid: this_tid(),
        uid: getuid().as_raw(),
        comm: THREADS[thread].to_string_lossy().into_owned(),
        path,
        counts: tally.counts,
    })
}
