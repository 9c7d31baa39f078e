//! `bench`: what tracing costs, measured beside other tracers; `cargo xtask bench` starts it.
//!
//! Not scenarios: nothing here can fail but what does not run at all.

mod calls;
mod cpu;
mod crowd;
mod files;
mod floor;
mod native;
mod place;
mod record;
mod refresh;
mod scale;
mod tracers;
mod workloads;

use std::path::PathBuf;

use anyhow::Result;

use self::record::Record;
use crate::machine;

/// What is measured.
#[derive(Debug, clap::Subcommand)]
pub enum Bench {
    /// What each kind of call costs with each tracer.
    Calls(calls::Options),
    /// How costs grow with files, threads and rows.
    Scale(Common),
    /// What iotrace costs on a real machine.
    Native(native::Options),
}

/// Options of all of them.
#[derive(Clone, Debug, clap::Args)]
pub struct Common {
    /// The iotrace binary.
    #[arg(long, value_name = "PATH")]
    iotrace: PathBuf,
    /// Where the file lies that single calls go to.
    #[arg(long, value_name = "DIR", default_value = "/var/tmp")]
    dir: PathBuf,
    /// Where files lie that come and go, and what tracers print: best in memory.
    #[arg(long, value_name = "DIR", default_value = "/dev/shm")]
    memory: PathBuf,
}

/// Measures; the value is the exit code.
pub fn run(bench: &Bench) -> Result<u8> {
    Record::Machine {
        kernel: machine::kernel(),
        cpus: std::thread::available_parallelism()?.get(),
    }
    .say()?;
    match bench {
        Bench::Calls(options) => calls::run(options)?,
        Bench::Scale(common) => scale::run(common)?,
        Bench::Native(options) => native::run(options)?,
    }
    Ok(0)
}

impl Common {
    /// iotrace with these words, which are separated by spaces.
    fn iotrace(&self, words: &str) -> Vec<String> {
        let program = self.iotrace.to_string_lossy().into_owned();
        let words = words.split(' ').map(str::to_owned);
        std::iter::once(program).chain(words).collect()
    }
}
