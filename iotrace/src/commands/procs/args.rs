//! Arguments of `procs`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use crate::{
    commands::common::{TraceArgs, entries, seconds, usage, user},
    error::Error,
    filter::NameFilter,
    kernel::{Backend, Request, Transfers, What, sizes},
    output::Screen,
    system::process,
};

/// Rows of a table when nothing else is said.
pub const DEFAULT_ROWS: usize = 20;

/// What rows are summed by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Processes
    #[default]
    Process,
    /// Users
    User,
    /// Containers and systemd units
    Container,
    /// Block devices, as iostat shows them
    Device,
}

/// What rows are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// Bytes from and to storage
    #[default]
    All,
    /// Bytes from storage
    Rbytes,
    /// Bytes to storage
    Wbytes,
    /// Cancelled writes
    Cancelled,
    /// Time waited for I/O
    Wait,
    /// Bytes from and to storage since the process began
    Total,
}

/// Show which process does the disk I/O, by the kernel's own accounts
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
READ/s and WRITE/s are bytes that a process made storage read, and made dirty to be written;
CANC/s those of the latter that were dropped before they were written, because the file was
cut or removed. TOT_R and TOT_W are since the process began, without its children; TOT_W without
cancelled bytes.

Examples:
  iotrace procs                    refresh every second until Ctrl-C
  iotrace procs -C 5 1             one table, of five seconds
  iotrace procs -s total 1 1       who has read and written most since it began
  iotrace procs --by container     the sums of containers and units
  iotrace procs --by device        the devices instead, as iostat -dx shows them
  iotrace procs --no-bpf           as an ordinary user: own processes")]
pub struct ProcsArgs {
    /// Seconds between tables
    #[arg(value_name = "INTERVAL", default_value = "1", value_parser = seconds)]
    pub interval: Duration,

    /// Number of tables
    #[arg(value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,

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

    /// Sum the rows
    #[arg(long, value_enum, default_value_t)]
    pub by: By,

    /// Show threads instead of processes
    #[arg(short, long)]
    pub threads: bool,

    /// Show processes too that did nothing in the interval
    #[arg(short, long)]
    pub all: bool,

    /// Show below each process the files that it reads and writes most
    #[arg(long, conflicts_with = "no_bpf")]
    pub files: bool,

    /// Load nothing into the kernel: what threads and processes did between the last look and their
    /// end is not seen
    #[arg(long, conflicts_with_all = ["backend", "btf", "replay", "map_rows", "ring_kib"])]
    pub no_bpf: bool,

    /// With --files: pairs of thread and file that one interval can count
    #[arg(long, value_name = "N", default_value_t = sizes::ROWS, value_parser = entries())]
    pub map_rows: u32,

    /// Size of the ring buffer, a power of two
    #[arg(long, value_name = "KIB", default_value_t = sizes::RING_OF_NAMES_KIB)]
    pub ring_kib: u32,

    /// Only this process
    #[arg(short, long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..))]
    pub pid: Option<u32>,

    /// Only processes of this user, by id or name
    #[arg(short, long, value_name = "UID", value_parser = user)]
    pub uid: Option<u32>,

    /// Only processes whose name contains NAME
    #[arg(short = 'n', long, visible_alias = "name", value_name = "NAME")]
    pub comm: Option<String>,

    /// With --files: only files whose path matches GLOB (`*` also matches `/`)
    #[arg(long, value_name = "GLOB", requires = "files")]
    pub path: Option<String>,

    /// Show iotrace itself too
    #[arg(long)]
    pub include_self: bool,

    /// Print NDJSON, one object a line
    #[arg(long)]
    pub json: bool,

    /// Exit with 1 if anything was lost, or had no free row
    #[arg(long)]
    pub fail_on_loss: bool,

    /// How to trace the kernel; by default the first that works
    #[arg(long, value_enum)]
    pub backend: Option<Backend>,

    /// Look at recorded events (of `events -o`) instead of the running system; `-` is stdin.
    /// Intervals are those of the recording
    #[arg(long, value_name = "FILE", conflicts_with_all = ["backend", "btf", "threads"])]
    pub replay: Option<PathBuf>,

    /// Read the kernel's type information from FILE
    #[arg(long, value_name = "FILE")]
    pub btf: Option<PathBuf>,

    /// Have the kernel measure its programs, which costs them some 20 ns a run, and tell at the end
    /// how often and how long each ran
    #[arg(long, conflicts_with_all = ["replay", "no_bpf"])]
    pub stats: bool,

    /// Tell on stderr how tracing was set up, and at the end what iotrace itself cost; twice: what the
    /// kernel programs log, and each refresh
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
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
    /// Grouping.
    pub by: By,
    /// Threads instead of processes.
    pub threads: bool,
    /// Idle ones too.
    pub all: bool,
    /// Files below processes.
    pub files: bool,
    /// NDJSON instead of text.
    pub json: bool,
    /// Clear the screen before a table.
    pub clear: bool,
    /// Only this process.
    pub pid: Option<u32>,
    /// Only this user.
    pub uid: Option<u32>,
    /// Filters of processes, by name.
    pub names: NameFilter,
    /// Filters of files. Threads may have other names than their process.
    pub paths: NameFilter,
}

impl ProcsArgs {
    /// The arguments that commands share. They do not stand here as such, because `-t` means
    /// something else.
    pub fn trace(&self) -> TraceArgs {
        TraceArgs {
            pid: self.pid,
            uid: self.uid,
            comm: self.comm.clone(),
            path: self.path.clone(),
            include_self: self.include_self,
            json: self.json,
            fail_on_loss: self.fail_on_loss,
            backend: self.backend,
            replay: self.replay.clone(),
            btf: self.btf.clone(),
            stats: self.stats,
            verbose: self.verbose,
            ..TraceArgs::default()
        }
    }

    /// What the kernel side has to do.
    pub fn request(&self) -> Result<Request, Error> {
        if self.files && self.replay.is_none() && !process::in_initial_pid_namespace() {
            return Err(usage(
                "--files can not be used inside a PID namespace: files are told with ids of the \
                 host, accounts with those of the namespace; run iotrace in the host's (docker: \
                 --pid=host)"
                    .to_owned(),
            ));
        }
        let transfers = Transfers {
            read: true,
            write: true,
            ..Transfers::default()
        };
        let what = What {
            transfers: self.files.then_some(transfers),
            accounts: true,
            ..What::NOTHING
        };
        self.trace()
            .request(what, false, false, self.map_rows, self.ring_kib)
    }

    /// What is done with it.
    pub fn config(&self, screen: Screen) -> Result<Config, Error> {
        if self.threads && self.by != By::Process {
            return Err(usage("--threads and --by exclude each other".to_owned()));
        }
        if self.files && self.by != By::Process {
            return Err(usage("--files and --by exclude each other".to_owned()));
        }
        let names = self.trace().names()?;
        Ok(Config {
            rows: self.rows.map(|rows| rows as usize),
            count: self.count,
            sort: self.sort,
            by: self.by,
            threads: self.threads,
            all: self.all || self.sort == Sort::Total,
            files: self.files,
            json: self.json,
            clear: screen.terminal && !self.noclear && !self.json,
            pid: self.pid,
            uid: self.uid,
            paths: NameFilter {
                comm: None,
                ..names.clone()
            },
            names,
        })
    }
}
