//! The cheapest read there is, as often as asked for: what a tracer that
//! samples, loses or overflows can not count.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use anyhow::Result;

use super::protocol::{Report, on_threads, say};
use crate::counts::Counts;

const SIZE: u64 = 4096;

/// Options of the reader.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The file to make and to read.
    #[arg(long)]
    file: PathBuf,
    /// Number of reads of one byte.
    #[arg(long)]
    calls: u64,
}

/// Reads one byte after the other.
pub fn run(options: &Options) -> Result<()> {
    fs::write(&options.file, vec![b'x'; usize::try_from(SIZE)?])?;
    let reports = on_threads(&[c"pread"], |_| {
        let file = File::open(&options.file)?;
        let mut byte = [0];
        let mut counts = Counts::ZERO;
        for call in 0..options.calls {
            counts.read_bytes += file.read_at(&mut byte, call % SIZE)? as u64;
            counts.reads += 1;
        }
        Ok(Report::of_this_thread(1, counts))
    })?;
    reports.iter().try_for_each(say)
}
