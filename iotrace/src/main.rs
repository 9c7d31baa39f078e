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
            let text = error.to_string();
            // A name in a message is no safer than one in a table.
            for line in text.lines() {
                eprintln!(
                    "iotrace: {}",
                    iotrace::output::sanitize::text(line.as_bytes())
                );
            }
            Exit::from(&error).into()
        }
    }
}
