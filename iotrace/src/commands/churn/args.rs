//! Arguments of `churn`.

use std::{ffi::OsString, time::Duration};

use clap::Args;

use crate::{
    commands::common::{TraceArgs, entries, seconds, usage},
    error::Error,
    filter::NameFilter,
    kernel::{Changes, Opens, Request, Transfers, What, sizes},
    output::Screen,
};

/// Lines of a table when nothing else is said.
pub const DEFAULT_ROWS: usize = 20;

/// Show files that are born and die: how many, how long they live, what is done to them
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  iotrace churn                     patterns of short-lived files, each second
  iotrace churn -C 10 1             those of the next ten seconds, once
  iotrace churn --files             each file as it ends, with its age
  iotrace churn --min-files 100     only where there are many of them
  iotrace churn --json | jq         one object a line
  iotrace churn -- make -j4         exactly this command and its children")]
pub struct ChurnArgs {
    /// Seconds between tables
    #[arg(value_name = "INTERVAL", default_value = "1", value_parser = seconds)]
    pub interval: Duration,

    /// Number of tables
    #[arg(value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,

    /// Show each file as it ends, not patterns
    #[arg(long)]
    pub files: bool,

    /// Only patterns with so many files made or removed
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "files",
          value_parser = clap::value_parser!(u64).range(1..))]
    pub min_files: u64,

    /// Only files that lived at most so long; of patterns, those where half of the files did
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub max_age: Option<Duration>,

    /// Include directories, links, sockets and devices; default: regular files
    #[arg(short, long, visible_alias = "all")]
    pub all_files: bool,

    /// Do not clear the screen between tables
    #[arg(short = 'C', long)]
    pub noclear: bool,

    /// Most patterns of a table [default: 20, with --json all]
    #[arg(short, long = "rows", visible_alias = "maxrows", value_name = "ROWS",
          conflicts_with = "files", value_parser = clap::value_parser!(u32).range(1..))]
    pub rows: Option<u32>,

    /// Files that can be followed at a time; half of the room is for those that were there before
    #[arg(long, value_name = "N", default_value_t = 262_144, value_parser = entries())]
    pub max_files: u32,

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
    /// Each file, not patterns.
    pub files: bool,
    /// Least number of files of a pattern.
    pub min_files: u64,
    /// Longest life, nanoseconds.
    pub max_age_ns: Option<u64>,
    /// Other files than regular ones too.
    pub everything: bool,
    /// How often to print.
    pub count: Option<u64>,
    /// Most rows; `None`: as the format has it.
    pub rows: Option<usize>,
    /// Clear the screen before a table.
    pub clear: bool,
    /// NDJSON instead of text.
    pub json: bool,
    /// Most files that are followed.
    pub max_files: usize,
    /// Filters by name.
    pub names: NameFilter,
}

impl ChurnArgs {
    /// What the kernel side has to do.
    pub fn request(&self) -> Result<Request, Error> {
        if self.trace.read_only || self.trace.write_only {
            return Err(usage(
                "--read-only and --write-only mean nothing for `churn`, which follows whole files"
                    .to_owned(),
            ));
        }
        let transfers = Transfers {
            read: true,
            write: true,
            mapped: false,
            layers: false,
            cache: false,
            each: false,
        };
        let what = What {
            transfers: Some(transfers),
            opens: Some(Opens::All),
            changes: Some(if self.all_files {
                Changes::Everything
            } else {
                Changes::Files
            }),
            ..What::NOTHING
        };
        let follow = !self.command.is_empty();
        self.trace
            .request(what, follow, self.all_files, self.map_rows, self.ring_kib)
    }

    /// What is done with it.
    pub fn config(&self, screen: Screen) -> Result<Config, Error> {
        Ok(Config {
            files: self.files,
            min_files: self.min_files,
            max_age_ns: self.max_age.map(|age| age.as_nanos() as u64),
            everything: self.all_files,
            count: self.count,
            rows: self.rows.map(|rows| rows as usize),
            clear: screen.terminal && !self.noclear && !self.trace.json && !self.files,
            json: self.trace.json,
            max_files: self.max_files as usize,
            names: self.trace.names()?,
        })
    }
}
