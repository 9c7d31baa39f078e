//! Arguments of `diagnose`.

use std::{
    io::{self, IsTerminal as _},
    path::PathBuf,
    time::Duration,
};

use clap::Args;

use super::{baseline::Baseline, catalogue::Catalogue};
use crate::{
    commands::common::{TraceArgs, entries, seconds, usage},
    error::Error,
    kernel::{Backend, Changes, Opens, Request, Transfers, What, sizes},
    output::one_line,
};

/// Say who does the disk I/O, why, and what it is not
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Devices are looked at first, then processes, then what the system does on its own account
(backups, scrubs, resyncs, indexing), then files. Nobody is accused of what he does less
than 40 % of.

Examples:
  sudo iotrace diagnose                    watch for 10 seconds
  sudo iotrace diagnose 60                 a minute
  sudo iotrace diagnose --json | jq -r 'select(.type==\"verdict\").cause'
  iotrace diagnose --replay rec.ndjson.zst what a recording of `events -o` tells")]
pub struct DiagnoseArgs {
    /// How long to watch
    #[arg(value_name = "SECONDS", default_value = "10", value_parser = seconds,
          conflicts_with = "replay")]
    pub seconds: Duration,

    /// Also know the system work of this TOML file (see docs/diagnose.md)
    #[arg(long, value_name = "FILE")]
    pub catalogue: Option<PathBuf>,

    /// Keep in FILE what is usual on this machine, and say what is not
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,

    /// Load nothing into the kernel: files, and what short-lived processes do, are not seen
    #[arg(long, conflicts_with_all = ["backend", "btf", "replay", "map_rows", "ring_kib"])]
    pub no_bpf: bool,

    /// Print NDJSON, one object a line
    #[arg(long)]
    pub json: bool,

    /// Exit with 1 if anything was lost, or had no free row
    #[arg(long)]
    pub fail_on_loss: bool,

    /// Pairs of thread and file that one second can count
    #[arg(long, value_name = "N", default_value_t = sizes::ROWS, value_parser = entries())]
    pub map_rows: u32,

    /// Size of the ring buffer, a power of two
    #[arg(long, value_name = "KIB", default_value_t = sizes::RING_OF_EVENTS_KIB)]
    pub ring_kib: u32,

    /// How to trace the kernel; by default the first that works
    #[arg(long, value_enum)]
    pub backend: Option<Backend>,

    /// Look at recorded events (of `events -o`) instead of the running system; `-` is stdin
    #[arg(long, value_name = "FILE", conflicts_with_all = ["backend", "btf"])]
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
#[derive(Debug)]
pub struct Config {
    /// NDJSON instead of text.
    pub json: bool,
    /// How long it will be watched, if that is known.
    pub duration: Option<Duration>,
    /// System work that is known.
    pub catalogue: Catalogue,
    /// What is usual, and where that is kept.
    pub baseline: Option<(PathBuf, Baseline)>,
    /// Progress is told on stderr.
    pub progress: bool,
}

impl DiagnoseArgs {
    /// The arguments that commands share.
    pub fn trace(&self) -> TraceArgs {
        TraceArgs {
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
        let what = What {
            transfers: Some(Transfers {
                read: true,
                write: true,
                ..Transfers::default()
            }),
            opens: Some(Opens::All),
            changes: Some(Changes::Files),
            syncs: true,
            accounts: true,
        };
        self.trace()
            .request(what, false, false, self.map_rows, self.ring_kib)
    }

    /// What is done with it.
    pub fn config(&self) -> Result<Config, Error> {
        let catalogue = match &self.catalogue {
            Some(path) => Catalogue::with_file(path).map_err(usage)?,
            None => Catalogue::embedded(),
        };
        let baseline = self
            .baseline
            .as_ref()
            .map(|path| match Baseline::read(path) {
                Ok(baseline) => Ok((path.clone(), baseline)),
                Err(reason) => Err(usage(format!("--baseline {}: {reason}", one_line(path)))),
            });
        Ok(Config {
            json: self.json,
            duration: self.replay.is_none().then_some(self.seconds),
            catalogue,
            baseline: baseline.transpose()?,
            progress: !self.json && io::stderr().is_terminal(),
        })
    }
}
