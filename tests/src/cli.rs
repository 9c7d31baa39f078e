//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use crate::bench::Bench;
use crate::work::Work;

/// End-to-end scenarios of iotrace on the running kernel.
#[derive(Debug, Parser)]
#[command(name = "iotrace-tests")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the scenarios, one after the other.
    Run(RunOptions),
    /// Let `top` and `opens` run under load for long, and watch what they use.
    Soak(SoakOptions),
    /// Measure what tracing costs.
    Bench {
        /// Of what.
        #[command(subcommand)]
        bench: Bench,
    },
    /// Print the name of every scenario and what it proves.
    List,
    /// Be a workload (this is how scenarios start what they trace).
    Work {
        /// Which one.
        #[command(subcommand)]
        work: Work,
    },
}

/// Options of `run`.
#[derive(Debug, clap::Args)]
pub struct RunOptions {
    /// The iotrace binary to test.
    #[arg(long, value_name = "PATH")]
    pub iotrace: PathBuf,
    /// The backend it must use; a scenario fails when the header names another.
    #[arg(long)]
    pub backend: Backend,
    /// Where the scenarios make their files: on a filesystem with a disk under
    /// it, because tmpfs never gives an inode number to a second file.
    #[arg(long, value_name = "DIR", default_value = "/var/tmp")]
    pub dir: PathBuf,
    #[command(flatten)]
    pub apps: Apps,
    /// Leave out scenarios whose name begins so.
    #[arg(long, value_name = "BEGIN")]
    pub without: Vec<String>,
    /// Run only scenarios whose name contains one of these.
    #[arg(value_name = "NAME-SUBSTRING")]
    pub names: Vec<String>,
}

/// The programs that the scenarios `apps_*` trace.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Apps {
    /// The directory below which the packages of PostgreSQL were unpacked; by default it is
    /// where they install themselves. Libraries that the system has not are in
    /// DIR/missing-libraries.
    #[arg(long, value_name = "DIR")]
    pub postgres: Option<PathBuf>,
}

/// Options of `soak`.
#[derive(Debug, clap::Args)]
pub struct SoakOptions {
    /// The iotrace binary to test.
    #[arg(long, value_name = "PATH")]
    pub iotrace: PathBuf,
    /// The backend it must use.
    #[arg(long)]
    pub backend: Backend,
    /// How long.
    #[arg(long, default_value_t = 600)]
    pub seconds: u64,
    /// Where files are made.
    #[arg(long, value_name = "DIR", default_value = "/var/tmp")]
    pub dir: PathBuf,
}

/// The kernel side of iotrace that is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    /// `raw_tracepoint` on `sys_exit`.
    Syscall,
    /// fexit on VFS functions.
    Fentry,
    /// kprobes on VFS functions.
    Kprobe,
}

impl Backend {
    /// The name on iotrace's command line and in its header record.
    pub fn name(self) -> &'static str {
        match self {
            Self::Syscall => "syscall",
            Self::Fentry => "fentry",
            Self::Kprobe => "kprobe",
        }
    }
}
