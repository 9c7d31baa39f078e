//! What cargo alone can not do: the kernel objects, virtual machines, what tracing costs, the
//! whole test.
//!
//! Called as `cargo xtask COMMAND` (an alias in `.cargo/config.toml`). Whatever is downloaded
//! or built on the way lies below `target/`, and stderr says so.

mod arch;
mod bench;
mod binaries;
mod build_ebpf;
mod check_ebpf;
mod debian;
mod manifest;
mod marked;
mod packages;
mod process;
mod test;
mod toolchain;
mod vm;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the kernel objects and write them, with their manifest, to iotrace/bpf
    BuildEbpf,
    /// Rebuild the kernel objects elsewhere and compare them with the committed ones
    CheckEbpf,
    /// Run a command as root on a Debian kernel in QEMU
    Vm(vm::Args),
    /// Measure what tracing costs, beside other tracers, and write it to docs/performance.md
    Bench(bench::Args),
    /// Run the whole test: format, lints, unit tests, kernel objects, live scenarios
    Test(test::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::BuildEbpf => build_ebpf::run().map(|()| 0),
        Command::CheckEbpf => check_ebpf::run().map(|()| 0),
        Command::Vm(args) => vm::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Test(args) => test::run(&args),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("xtask: error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
