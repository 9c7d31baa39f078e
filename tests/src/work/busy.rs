//! A bystander: I/O that no scenario asked for, all the while.

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::Result;

use super::protocol::{Report, listen, ready, say};
use super::tally::Tally;

/// Options of the bystander.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The file that it writes and reads.
    #[arg(long)]
    file: PathBuf,
}

/// Opens, writes and reads until stdin ends.
pub fn run(options: &Options) -> Result<()> {
    static OVER: AtomicBool = AtomicBool::new(false);
    ready()?;
    thread::spawn(|| {
        // An error of stdin is its end too.
        while listen().unwrap_or(false) {}
        OVER.store(true, Ordering::Relaxed);
    });
    let mut tally = Tally::default();
    let mut buffer = [0; 4096];
    while !OVER.load(Ordering::Relaxed) {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(&options.file)?;
        tally.write(&mut file, b"not of the command")?;
        file.seek(SeekFrom::Start(0))?;
        tally.read_to_end(&mut file, &mut buffer)?;
    }
    say(&Report::of_this_thread(1, tally.counts))
}
