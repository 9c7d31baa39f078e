//! The program: parse, run, map the outcome to an exit code.

use std::process::ExitCode;

use clap::Parser as _;
use iotrace::{cli::Cli, exit::Exit};

fn main() -> ExitCode {
    let cli = Cli::parse();
    env_logger::Builder::new()
        .filter_level(cli.log_level())
        .init();
    match iotrace::main(cli) {
        Ok(exit) => exit.into(),
        Err(error) => {
            iotrace::output::tell(&error.to_string());
            Exit::from(&error).into()
        }
    }
}
