//! iotrace and strace look on at the same run of a program, and must agree.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::strace::{CALLS, Log};
use super::{Traced, program, rows, tied, trace};
use crate::counts::{Counts, compare_but};
use crate::harness::{Context, Rows, plain};

/// What both saw.
pub struct Witnessed {
    pub traced: Traced<Rows>,
    pub log: Log,
}

/// Runs a command to its end under both.
pub fn run(context: &Context, command: &[&str]) -> Result<Witnessed> {
    let strace = program("strace")?;
    let log = context.dir().join("strace.log");
    let tied = tied()?;
    let tied: Vec<_> = tied.iter().map(String::as_str).collect();
    let strace = [
        plain(&strace)?,
        "-f",
        "-y",
        "-qq",
        "-s",
        "0",
        "--seccomp-bpf",
        "-e",
        CALLS,
        "-o",
        plain(&log)?,
        "--",
    ];
    let traced = trace(
        context,
        &[],
        &[&strace[..], &tied, command].concat(),
        rows(),
    )?;
    let text = fs::read(&log).with_context(|| log.display().to_string())?;
    let log = Log::parse(&String::from_utf8_lossy(&text))?;
    Ok(Witnessed { traced, log })
}

impl Witnessed {
    /// Fails unless both saw the same below `dir`: of every file, every thread's operations and
    /// bytes. Returns the sum.
    pub fn agree(&self, dir: &Path) -> Result<Counts> {
        let done = self.log.names.sum(self.log.below(dir));
        let seen = &self.traced.seen;
        let mut reported = seen.sums(|row| {
            let path: PathBuf = row.path().unwrap_or_default();
            (row.tid.unwrap_or_default(), path)
        });
        reported.retain(|(_, path), _| path.starts_with(dir));
        compare_but(&done, &self.log.names.sum(reported), seen.left_out())?;
        let sum: Counts = done.values().copied().sum();
        println!("     {} pairs of thread and file: {sum}", done.len());
        Ok(sum)
    }
}
