//! Arguments of `events`.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;

use crate::{
    commands::common::{TraceArgs, entries, seconds},
    error::Error,
    filter::NameFilter,
    kernel::{Changes, Opens, Request, Transfers, What, sizes},
};

/// Show or record everything: opens, changes of names, ends of files, reads and writes
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  iotrace events -p 3920              everything that a process does with files
  iotrace events -o rec.ndjson.zst    record it, until Ctrl-C
  iotrace top --replay rec.ndjson.zst look at it later, with any command
  ssh host iotrace events --json | iotrace churn --replay -
  iotrace events -- make              exactly this command and its children")]
pub struct EventsArgs {
    /// Write NDJSON to FILE, compressed if it ends in `.zst`, instead of showing anything; `-` is
    /// stdout, as with --json
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Seconds between sums of reads and writes
    #[arg(short, long, value_name = "SECONDS", default_value = "1", value_parser = seconds,
          conflicts_with = "replay")]
    pub interval: Duration,

    /// End after so many seconds
    #[arg(short, long, value_name = "SECONDS", value_parser = seconds, conflicts_with = "replay")]
    pub duration: Option<Duration>,

    /// Tell each read and write, with place, size and time; not only sums
    #[arg(long, conflicts_with = "replay")]
    pub each: bool,

    /// Include pipes, sockets, devices, directories and links; default: regular files and disks
    #[arg(short, long, visible_alias = "all")]
    pub all_files: bool,

    /// Count mapped files too: page faults that read, and first writes to a page
    #[arg(long)]
    pub mmap: bool,

    /// Tell too what is done to files below others (backend fentry)
    #[arg(long)]
    pub layers: bool,

    /// Tell too what had to be read from storage, and what became dirty in the page cache
    #[arg(long)]
    pub cache: bool,

    /// Pairs of thread and file that one interval can count
    #[arg(long, value_name = "N", default_value_t = sizes::ROWS, value_parser = entries())]
    pub map_rows: u32,

    /// Size of the ring buffer, a power of two
    #[arg(long, value_name = "KIB", default_value_t = sizes::RING_OF_EVENTS_KIB)]
    pub ring_kib: u32,

    /// Shared with other commands.
    #[command(flatten)]
    pub trace: TraceArgs,

    /// Run a command; trace exactly it and its children until it ends. With
    /// --json its stdout goes to stderr
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// Checked arguments.
#[derive(Clone, Debug)]
pub struct Config {
    /// NDJSON instead of text.
    pub json: bool,
    /// Each read and write is shown.
    pub each: bool,
    /// Filters by name.
    pub names: NameFilter,
}

impl EventsArgs {
    /// The file to write to.
    pub fn recording(&self) -> Option<&Path> {
        self.output
            .as_deref()
            .filter(|path| *path != Path::new("-"))
    }

    /// Whether it writes NDJSON.
    pub fn json(&self) -> bool {
        self.trace.json || self.output.is_some()
    }

    /// What the kernel side has to do.
    pub fn request(&self) -> Result<Request, Error> {
        // What was recorded was asked for.
        let recorded = self.trace.replay.is_some();
        let what = What {
            transfers: Some(Transfers {
                read: !self.trace.write_only,
                write: !self.trace.read_only,
                mapped: self.mmap || recorded,
                layers: self.layers || recorded,
                cache: self.cache || recorded,
                each: self.each || recorded,
            }),
            opens: Some(Opens::All),
            changes: Some(if self.all_files {
                Changes::Everything
            } else {
                Changes::Files
            }),
            syncs: true,
            accounts: self.json(),
        };
        let follow = !self.command.is_empty();
        self.trace
            .request(what, follow, self.all_files, self.map_rows, self.ring_kib)
    }

    /// What is done with it.
    pub fn config(&self) -> Result<Config, Error> {
        Ok(Config {
            json: self.json(),
            each: self.each,
            names: self.trace.names()?,
        })
    }
}
