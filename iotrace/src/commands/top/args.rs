//! Arguments of `top`.

use std::{
    ffi::OsString,
    fmt, fs,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, ValueEnum};

use crate::{
    commands::common::{TraceArgs, entries, seconds, usage},
    error::Error,
    filter::NameFilter,
    kernel::{Request, Transfers, What, sizes},
    output::{Screen, one_line},
};

/// Rows of a table when nothing else is said.
pub const DEFAULT_ROWS: usize = 20;

/// What rows are summed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Files, whoever touches them
    File,
    /// Threads
    Thread,
    /// Processes
    Process,
    /// Directories
    Directory,
}

/// What rows are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// Bytes read and written
    #[default]
    All,
    /// Reads
    Reads,
    /// Writes
    Writes,
    /// Bytes read
    Rbytes,
    /// Bytes written
    Wbytes,
}

/// Show which thread reads and writes which file, busiest first
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  iotrace top                       refresh every second until Ctrl-C
  iotrace top -C 5 3                three tables, one each 5 seconds, screen not cleared
  iotrace top -p 3920 --by file     the files of one process
  iotrace top --path '/var/lib/*'   files below a directory
  iotrace top --json | jq           one object a line
  iotrace top -- make -j4           exactly this command and its children")]
pub struct TopArgs {
    /// Seconds between tables
    #[arg(value_name = "INTERVAL", default_value = "1", value_parser = seconds)]
    pub interval: Duration,

    /// Number of tables
    #[arg(value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,

    /// Include pipes, sockets and devices; default: regular files and disks
    #[arg(short, long, visible_alias = "all")]
    pub all_files: bool,

    /// Do not clear the screen between tables
    #[arg(short = 'C', long)]
    pub noclear: bool,

    /// Most rows of a table [default: 20, with --json all]
    #[arg(short, long = "rows", visible_alias = "maxrows", value_name = "ROWS",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub rows: Option<u32>,

    /// What to sort by
    #[arg(short, long, value_enum, default_value_t)]
    pub sort: Sort,

    /// Sum the rows; default: by thread and file
    #[arg(long, value_enum)]
    pub by: Option<By>,

    /// Only files that are directly in DIR
    #[arg(short, long, value_name = "DIR")]
    pub directory: Option<PathBuf>,

    /// Count mapped files too: page faults that read, and first writes to a page
    #[arg(long)]
    pub mmap: bool,

    /// Show files below others too: those that an overlay reads and writes (backend fentry)
    #[arg(long)]
    pub layers: bool,

    /// Tell too what had to be read from storage, and what became dirty in the page cache
    #[arg(long)]
    pub cache: bool,

    /// Pairs of thread and file that one interval can count
    #[arg(long, value_name = "N", default_value_t = sizes::ROWS, value_parser = entries())]
    pub map_rows: u32,

    /// Size of the ring buffer, a power of two
    #[arg(long, value_name = "KIB", default_value_t = sizes::RING_OF_NAMES_KIB)]
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
    /// Most rows; `None`: as the format has it.
    pub rows: Option<usize>,
    /// How often to print.
    pub count: Option<u64>,
    /// Order.
    pub sort: Sort,
    /// Grouping; `None`: thread and file.
    pub by: Option<By>,
    /// NDJSON instead of text.
    pub json: bool,
    /// Clear the screen before a table.
    pub clear: bool,
    /// Tell page faults of mapped files.
    pub mapped: bool,
    /// Tell what moved between cache and storage.
    pub cache: bool,
    /// Filters by name.
    pub names: NameFilter,
}

impl TopArgs {
    /// What the kernel side has to do.
    pub fn request(&self) -> Result<Request, Error> {
        let what = What::transfers(Transfers {
            read: !self.trace.write_only,
            write: !self.trace.read_only,
            mapped: self.mmap,
            layers: self.layers,
            cache: self.cache,
            each: false,
        });
        let follow = !self.command.is_empty();
        self.trace
            .request(what, follow, self.all_files, self.map_rows, self.ring_kib)
    }

    /// What is done with it.
    pub fn config(&self, screen: Screen) -> Result<Config, Error> {
        let mut names = self.trace.names()?;
        if let Some(directory) = &self.directory {
            names.directory = Some(self.absolute(directory)?.into_os_string().into_vec());
        }
        Ok(Config {
            rows: self.rows.map(|rows| rows as usize),
            count: self.count,
            sort: self.sort,
            by: self.by,
            json: self.trace.json,
            clear: screen.terminal && !self.noclear && !self.trace.json,
            mapped: self.mmap,
            cache: self.cache,
            names,
        })
    }

    /// The directory as files in it are told. A recording may be of another machine, or older: then it
    /// need not be here.
    fn absolute(&self, directory: &Path) -> Result<PathBuf, Error> {
        let wrong =
            |why: &dyn fmt::Display| usage(format!("--directory {}: {why}", one_line(directory)));
        match fs::canonicalize(directory) {
            Ok(absolute) if absolute.is_dir() => Ok(absolute),
            Ok(_) => Err(wrong(&"not a directory")),
            Err(_) if self.trace.replay.is_some() && directory.is_absolute() => {
                Ok(directory.components().collect())
            }
            Err(error) => Err(wrong(&error)),
        }
    }
}
