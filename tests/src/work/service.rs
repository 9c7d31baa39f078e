//! The story that iotrace exists for: a service whose thread, for each
//! request, makes a thousand files, reads them back and removes them all.
//! `service.py` is its twin, written as such services are.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::protocol::{on_threads, say, this_tid};
use super::random::Random;
use super::tally::Tally;
use crate::counts::Counts;

/// Options of the service.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where it makes a directory for each request.
    #[arg(long)]
    dir: PathBuf,
    /// Number of requests.
    #[arg(long, default_value_t = 3)]
    requests: u64,
    /// Files of each request.
    #[arg(long, default_value_t = 1000)]
    files: u64,
}

/// The sums of the service. Python does not know its number of calls.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// Process.
    pub pid: u32,
    /// The service thread.
    pub tid: u32,
    /// Files of each directory: `0.txt`, `1.txt` and so on.
    pub files: u64,
    /// A directory for each request.
    pub directories: Vec<PathBuf>,
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub write_bytes: u64,
    /// Calls that read.
    pub reads: Option<u64>,
    /// Calls that wrote.
    pub writes: Option<u64>,
}

/// Serves all requests.
pub fn run(options: &Options) -> Result<()> {
    let served = on_threads(&[c"svc-worker"], |_| {
        let mut service = Service::new(options);
        let directories = (0..options.requests)
            .map(|_| service.request())
            .collect::<Result<Vec<_>>>()?;
        Ok((this_tid(), directories, service.tally.counts))
    })?;
    for (tid, directories, counts) in served {
        let Counts {
            reads,
            writes,
            read_bytes,
            write_bytes,
        } = counts;
        say(&Report {
            pid: std::process::id(),
            tid,
            files: options.files,
            directories,
            read_bytes,
            write_bytes,
            reads: Some(reads),
            writes: Some(writes),
        })?;
    }
    Ok(())
}

struct Service<'options> {
    options: &'options Options,
    random: Random,
    tally: Tally,
    buffer: Vec<u8>,
}

impl<'options> Service<'options> {
    fn new(options: &'options Options) -> Self {
        Self {
            options,
            random: Random::new(1),
            tally: Tally::default(),
            buffer: vec![0; 64 << 10],
        }
    }

    /// One request: with 1,000 files, between 1 and 5 MB in all.
    fn request(&mut self) -> Result<PathBuf> {
        let directory = self.options.dir.join(uuid()?);
        fs::create_dir(&directory)?;
        let largest = 2_500 + self.random.below(7_000);
        for index in 0..self.options.files {
            let size = 1 + self.random.below(largest);
            let data = vec![b'x'; usize::try_from(size)?];
            let mut file = File::create(file_path(&directory, index))?;
            self.tally.write(&mut file, &data)?;
        }
        for index in 0..self.options.files {
            let mut file = File::open(file_path(&directory, index))?;
            self.tally.read_to_end(&mut file, &mut self.buffer)?;
        }
        fs::remove_dir_all(&directory)?;
        Ok(directory)
    }
}

/// The name of a file of a request.
pub fn file_path(directory: &Path, index: u64) -> PathBuf {
    directory.join(format!("{index}.txt"))
}

/// A random name, without opening a file for it: every open here is counted.
fn uuid() -> Result<String> {
    let mut bytes = [0_u8; 16];
    // SAFETY: the kernel writes at most `len` bytes to a live buffer of that length.
    let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    anyhow::ensure!(got == 16, "getrandom gave {got} bytes");
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    Ok(parts.join("-"))
}
