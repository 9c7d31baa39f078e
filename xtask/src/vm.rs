//! `cargo xtask vm`: a command as root on a real Debian kernel, in QEMU without KVM.

mod cpio;
mod guest;
mod kernel;
mod libraries;
mod qemu;
mod scratch;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::workspace;
use crate::{packages, process};

/// A run takes longer than this only when it hangs.
const TIMEOUT: u64 = 900;
const CPUS: u32 = 2;
const MEMORY: u32 = 1024;

#[derive(clap::Args)]
pub struct Args {
    /// Kernel: 5.10, 6.1, 6.12, 7.2, or the path of a vmlinuz
    #[arg(long, default_value = "6.12")]
    kernel: String,
    /// Number of processors
    #[arg(long, default_value_t = CPUS, value_name = "N")]
    cpus: u32,
    /// Memory
    #[arg(long, default_value_t = MEMORY, value_name = "MIB")]
    memory: u32,
    /// Stop a machine that has not finished by then
    #[arg(long, default_value_t = TIMEOUT, value_name = "SECONDS")]
    timeout: u64,
    /// Let the clock tick once per instruction, on one processor: the same times on every run
    #[arg(long)]
    icount: bool,
    /// Put a file into the machine, with the libraries that it needs (may be repeated)
    #[arg(long = "file", value_name = "HOSTPATH:GUESTPATH")]
    files: Vec<ExtraFile>,
    /// The command and its arguments
    #[arg(required = true, last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Args {
    /// `command` on `kernel`, the rest as without any option.
    pub fn new(kernel: &str, command: &[&str]) -> Self {
        Self {
            kernel: kernel.to_owned(),
            cpus: CPUS,
            memory: MEMORY,
            timeout: TIMEOUT,
            icount: false,
            files: Vec::new(),
            command: command.iter().map(OsString::from).collect(),
        }
    }
}

/// A file of the host and its absolute path in the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ExtraFile {
    host: PathBuf,
    guest: String,
}

impl FromStr for ExtraFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.rsplit_once(':') {
            Some((host, guest)) if !host.is_empty() && guest.starts_with('/') => Ok(Self {
                host: host.into(),
                guest: guest.to_owned(),
            }),
            _ => Err("expected HOSTPATH:GUESTPATH with an absolute GUESTPATH".to_owned()),
        }
    }
}

/// Runs the command with its output on our stdout; returns its exit code.
pub fn run(args: &Args) -> Result<u8> {
    let mut stdout = std::io::stdout();
    boot(args, &mut |bytes| {
        stdout.write_all(bytes)?;
        stdout.flush()
    })
}

/// The same with the output going to `sink`.
pub fn boot(args: &Args, sink: &mut qemu::Sink<'_>) -> Result<u8> {
    build_binaries()?;
    packages::ensure(qemu::QEMU, "qemu-system-x86")?;
    packages::ensure("mkfs.ext4", "e2fsprogs")?;
    let base = guest::Base::prepare()?;
    let kernel = kernel::Kernel::find(&args.kernel)?;
    let modules = kernel.modules(&base)?;
    let initramfs = guest::initramfs(&base, &modules, &args.files, &args.command)?;
    let machine = qemu::Machine {
        kernel: kernel.image,
        initramfs,
        cpus: args.cpus,
        memory_mib: args.memory,
        icount: args.icount,
        timeout: Duration::from_secs(args.timeout),
    };
    machine
        .run(sink)
        .with_context(|| format!("the virtual machine with kernel {} failed", args.kernel))
}

/// Builds what the live scenarios need, on this machine and in the guest.
pub fn build_binaries() -> Result<()> {
    process::run(workspace::cargo().args([
        "build",
        "--quiet",
        "--release",
        "--package=iotrace",
        "--package=iotrace-tests",
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extra_file_has_two_paths() {
        let file = ExtraFile {
            host: "a:b/c".into(),
            guest: "/bin/c".into(),
        };
        assert_eq!("a:b/c:/bin/c".parse(), Ok(file));
        for wrong in ["a", "a:", ":/b", "a:b"] {
            assert!(wrong.parse::<ExtraFile>().is_err(), "{wrong}");
        }
    }
}
