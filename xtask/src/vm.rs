//! `cargo xtask vm`: a command as root on a real Debian kernel, in QEMU without KVM.

mod cpio;
mod guest;
mod kernel;
mod libraries;
mod programs;
mod qemu;
mod scratch;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::arch::Arch;
use crate::{binaries, packages, workspace};

pub use programs::Programs;
pub use qemu::{Sink, ensure as ensure_qemu};

/// A run takes longer than this only when it hangs.
const TIMEOUT: u64 = 900;
const CPUS: u32 = 2;
const MEMORY: u32 = 1024;
/// A million counters need their space.
const COUNTING_MEMORY: u32 = 3072;
/// Leaves less to chance, so that a second run finds the same. To clear a huge page is two million steps of
/// one instruction, each of which counts, and whether the heap of a process gets one hangs on where it
/// begins; tables of the kernel are hashed by address.
const ALWAYS_THE_SAME: &str = "transparent_hugepage=never norandmaps nokaslr";

#[derive(clap::Args)]
pub struct Args {
    /// Kernel: 5.10, 6.1, 6.12, 7.2, or the path of a vmlinuz
    #[arg(long, default_value = "6.12")]
    kernel: String,
    /// Architecture of the machine
    #[arg(long, default_value_t = Arch::HOST)]
    arch: Arch,
    /// Run on a small Debian with the programs that the scenarios `apps_*` trace, instead of on
    /// busybox and Python
    #[arg(long)]
    programs: bool,
    /// The same with other tracers: bpftrace, and filetop and opensnoop of libbpf-tools
    #[arg(long, conflicts_with = "programs")]
    peers: bool,
    #[command(flatten)]
    options: Options,
    /// The command and its arguments
    #[arg(required = true, last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// What of a machine can be chosen.
#[derive(clap::Args)]
struct Options {
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
    /// More words for the kernel's command line, such as `preempt=full`
    #[arg(
        long,
        default_value = "",
        value_name = "KERNEL ARGS",
        hide_default_value = true
    )]
    append: String,
    /// Put a file into the machine, with the libraries that it needs (may be repeated); for a
    /// foreign architecture without them
    #[arg(long = "file", value_name = "HOSTPATH:GUESTPATH")]
    files: Vec<ExtraFile>,
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
    let mut system = System::prepare(args.arch, &args.kernel)?;
    if args.programs {
        system = system.with_programs()?;
    }
    if args.peers {
        system = system.with_peers()?;
    }
    system.boot(&args.options, &args.command, "console", &mut |bytes| {
        stdout.write_all(bytes)?;
        stdout.flush()
    })
}

/// All that the machines of one kernel share: fetched, built, and ready to boot.
pub struct System {
    arch: Arch,
    kernel: kernel::Kernel,
    modules: Vec<kernel::Module>,
    base: guest::Base,
    programs: Option<Programs>,
}

impl System {
    /// Fetches and builds what is missing.
    pub fn prepare(arch: Arch, kernel: &str) -> Result<Self> {
        binaries::build(arch)?;
        qemu::ensure(arch)?;
        packages::ensure("mkfs.ext4", "e2fsprogs")?;
        let base = guest::Base::prepare(arch)?;
        let kernel = kernel::Kernel::find(arch, kernel)?;
        let modules = kernel.modules()?;
        Ok(Self {
            arch,
            kernel,
            modules,
            base,
            programs: None,
        })
    }

    /// The same on a small Debian with the programs that the scenarios `apps_*` trace.
    pub fn with_programs(self) -> Result<Self> {
        Ok(Self {
            programs: Some(Programs::prepare(self.arch)?),
            ..self
        })
    }

    /// The same on a small Debian with other tracers, without what only the scenarios need.
    pub fn with_peers(self) -> Result<Self> {
        Ok(Self {
            modules: self.kernel.fewest_modules()?,
            programs: Some(Programs::peers(self.arch)?),
            ..self
        })
    }

    /// Like [`run`](Self::run), on one processor whose clock ticks once per instruction.
    pub fn count(
        &self,
        command: &[String],
        timeout: Duration,
        log: &str,
        sink: &mut Sink<'_>,
    ) -> Result<u8> {
        let options = Options {
            cpus: 1,
            memory: COUNTING_MEMORY,
            timeout: timeout.as_secs(),
            icount: true,
            append: ALWAYS_THE_SAME.to_owned(),
            files: Vec::new(),
        };
        let command: Vec<_> = command.iter().map(OsString::from).collect();
        self.boot(&options, &command, log, sink)
    }

    /// Runs `command` in a machine of its own, with the output going to `sink` and the console to
    /// `target/vm/LOG.log`; returns its exit code. A machine that runs longer than `timeout` is
    /// stopped, which is an error.
    pub fn run(
        &self,
        command: &[&str],
        cpus: u32,
        timeout: Duration,
        log: &str,
        sink: &mut Sink<'_>,
    ) -> Result<u8> {
        let options = Options {
            cpus,
            memory: MEMORY,
            timeout: timeout.as_secs(),
            icount: false,
            append: String::new(),
            files: Vec::new(),
        };
        let command: Vec<_> = command.iter().map(OsString::from).collect();
        self.boot(&options, &command, log, sink)
    }

    fn boot(
        &self,
        options: &Options,
        command: &[OsString],
        log: &str,
        sink: &mut Sink<'_>,
    ) -> Result<u8> {
        let content = guest::Content {
            modules: &self.modules,
            files: &options.files,
            command,
            is_root: self.programs.is_none(),
        };
        let machine = qemu::Machine {
            arch: self.arch,
            kernel: &self.kernel.image,
            programs: self.programs.as_ref().map(Programs::disk),
            initramfs: guest::initramfs(&self.base, &content)?,
            cpus: options.cpus,
            memory_mib: options.memory,
            icount: options.icount,
            append: &options.append,
            timeout: Duration::from_secs(options.timeout),
            log: workspace::target("vm").join(format!("{log}.log")),
        };
        machine.run(sink).with_context(|| {
            let kernel = workspace::display(&self.kernel.image);
            format!("the virtual machine with kernel {kernel} failed")
        })
    }
}

/// Where what the machines of an architecture need is kept.
fn cache(arch: Arch) -> PathBuf {
    workspace::target("vm").join(arch.name())
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
