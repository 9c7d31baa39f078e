//! Programs that others wrote, each against a witness of its own: what fio and QEMU were asked
//! for, and for all others strace, which looks on at the same time.

pub mod churn;
pub mod copies;
pub mod databases;
pub mod diagnose;
pub mod fio;
mod fio_engines;
pub mod fio_mapped;
mod fio_report;
mod lives_of_names;
mod names;
mod postgres;
pub mod qemu;
pub mod recipes;
mod strace;
mod strace_line;
mod witness;

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::harness::{Context, Rows, Sink, Tracer, WORK, plain};

/// A program by its name. That it is missing is a failure.
fn program(name: &str) -> Result<PathBuf> {
    let search = env::var_os("PATH").unwrap_or_default();
    // What stands first in PATH may be a script that looks for the program, as pyenv has it.
    let own = ["/usr/bin", "/bin", "/usr/sbin"].map(PathBuf::from);
    let mut dirs = own.into_iter().chain(env::split_paths(&search));
    let dir = dirs.find(|dir| dir.join(name).is_file());
    let dir = dir.with_context(|| format!("there is no program {name} on this system"))?;
    Ok(dir.join(name))
}

/// What iotrace saw of a command and its children.
struct Traced<S> {
    seen: S,
    /// Ways into a file that it said it does not see.
    unseen: BTreeSet<String>,
}

/// Lets iotrace run a command to its end, which must be exit code 0.
fn trace<S: Sink>(
    context: &Context,
    options: &[&str],
    command: &[&str],
    sink: S,
) -> Result<Traced<S>> {
    let tied = tied()?;
    let tied: Vec<_> = tied.iter().map(String::as_str).collect();
    let args = [options, &["0.2", "--"], &tied, command].concat();
    let tracer = Tracer::start(context, "top", &args, sink)?;
    let unseen = tracer.unseen()?;
    let (seen, _) = tracer.finish_within(WORK, 0)?;
    Ok(Traced { seen, unseen })
}

/// What stands before a command that the kernel shall end when its parent ends.
fn tied() -> Result<Vec<String>> {
    let setpriv = program("setpriv")?;
    let words = [plain(&setpriv)?, "--pdeathsig", "KILL"];
    Ok(words.map(str::to_owned).to_vec())
}

/// For a command and its children: nothing of others can be lost.
fn rows() -> Rows {
    Rows::default().or_left_out()
}

/// A file of that length, with the bytes in it.
fn make_file(path: &Path, length: usize) -> Result<()> {
    let pattern: Vec<u8> = (0..=250).cycle().take(length).collect();
    Ok(std::fs::write(path, pattern)?)
}
