//! The command line.

use clap::{Parser, Subcommand};

use crate::commands::{
    churn::ChurnArgs, diagnose::DiagnoseArgs, doctor::DoctorArgs, events::EventsArgs,
    opens::OpensArgs, procs::ProcsArgs, top::TopArgs,
};

/// Version of the program and, since they are built apart, of its kernel side.
const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (kernel programs ",
    env!("IOTRACE_OBJECTS_SHA256"),
    ")"
);

/// Which process, which thread, which file is doing the I/O
#[derive(Debug, Parser)]
#[command(
    name = "iotrace",
    version = VERSION,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  sudo iotrace diagnose            who does the disk I/O, and why: the verdict
  sudo iotrace top -C              who reads and writes what, each second
  sudo iotrace opens --pid 3920    every open of a process
  sudo iotrace opens --json | jq   one object a line
  sudo iotrace procs               which process does the disk I/O, and cancelled writes
  sudo iotrace churn               files that live for a moment, and who makes them
  sudo iotrace events -o a.zst     keep everything, to look at it later:
  iotrace top --replay a.zst       the same with every command, without privileges
  sudo iotrace doctor              what this kernel allows, and how to get more

Exit codes: 0 done, 1 failed while running, 2 wrong usage, 69 this system cannot be
traced (the message tells why, and `iotrace doctor` all there is to know); with
`-- COMMAND` the code of the command."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
#[expect(
    missing_docs,
    reason = "clap would show it instead of what the arguments say"
)]
pub enum Command {
    Top(TopArgs),
    Opens(OpensArgs),
    Churn(ChurnArgs),
    Procs(ProcsArgs),
    Diagnose(DiagnoseArgs),
    Events(EventsArgs),
    Doctor(DoctorArgs),
}

impl Cli {
    /// How much the libraries log to stderr.
    pub fn log_level(&self) -> log::LevelFilter {
        let verbose = match &self.command {
            Command::Top(args) => args.trace.verbose,
            Command::Opens(args) => args.trace.verbose,
            Command::Churn(args) => args.trace.verbose,
            Command::Procs(args) => args.verbose,
            Command::Diagnose(args) => args.verbose,
            Command::Events(args) => args.trace.verbose,
            // What the libraries would complain about is what it reports.
            Command::Doctor(_) => return log::LevelFilter::Error,
        };
        match verbose {
            0 => log::LevelFilter::Warn,
            1 => log::LevelFilter::Info,
            2 => log::LevelFilter::Debug,
            _ => log::LevelFilter::Trace,
        }
    }
}
