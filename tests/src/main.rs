//! End-to-end scenarios on a live kernel, and the workloads that they trace.
//!
//! The binary is both sides: `run` starts `iotrace` on a workload and compares
//! what it reports with what the workload counted itself; `work` *is* the
//! workload, in a process of its own, because iotrace never shows itself and a
//! scenario must not be mixed up with what it watches.

mod bench;
mod bpf;
mod cli;
mod counts;
mod harness;
mod machine;
mod poll;
mod run;
mod scenarios;
mod soak;
mod work;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let outcome = match cli::Cli::parse().command {
        cli::Command::Run(options) => run::run(&options),
        cli::Command::Soak(options) => soak::run(&options),
        cli::Command::Bench { bench } => bench::run(&bench),
        cli::Command::List => run::list().map(|()| 0),
        cli::Command::Work { work } => work.run(),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("iotrace-tests: {error:#}");
            ExitCode::FAILURE
        }
    }
}
