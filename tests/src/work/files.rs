//! Many files, each made, read back and then left alone: more rows than a map
//! holds, at once or one handful after the other.

use std::fs::File;
use std::path::PathBuf;

use anyhow::Result;

use super::protocol::{Report, listen, ready, say};
use super::tally::Tally;

/// Options of the files.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where they are made.
    #[arg(long)]
    dir: PathBuf,
    /// How many.
    #[arg(long)]
    count: u64,
    /// How many for each line of stdin; when stdin ends, all the rest.
    #[arg(long)]
    batch: u64,
}

/// Touches all files.
pub fn run(options: &Options) -> Result<()> {
    let mut tally = Tally::default();
    let mut buffer = vec![0; 4096];
    ready()?;
    for index in 0..options.count {
        if index > 0 && index % options.batch == 0 {
            listen()?;
        }
        let path = options.dir.join(format!("{index}.txt"));
        let size = usize::try_from(written_by(index))?;
        tally.write(&mut File::create(&path)?, &buffer[..size])?;
        tally.read_to_end(&mut File::open(&path)?, &mut buffer)?;
    }
    say(&Report::of_this_thread(options.count, tally.counts))
}

/// Bytes of the file of that number: neighbours differ.
pub fn written_by(index: u64) -> u64 {
    1 + index % 1000
}
