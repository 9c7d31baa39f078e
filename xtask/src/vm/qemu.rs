//! One virtual machine from its start to its verdict.
//!
//! Three channels lead out of it: the console with the kernel's messages goes to a log file, and
//! two virtio ports carry the command's output and the verdict. So the output needs no
//! filtering, and nothing that the command prints can be taken for a verdict.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use super::scratch::{Scratch, option};
use crate::arch::Arch;
use crate::packages;
use crate::process::write;
use crate::workspace::display;

/// What of QEMU depends on the architecture.
pub struct Model {
    /// The program.
    pub program: &'static str,
    /// The Debian package that it is in.
    pub package: &'static str,
    /// The options for the board and its processor.
    board: &'static [&'static str],
    /// The kernel's name of the first serial line.
    console: &'static str,
}

/// Installs the emulator of machines of `arch`, unless it is there.
pub fn ensure(arch: Arch) -> Result<()> {
    let model = model(arch);
    packages::ensure(model.program, model.package)
}

/// How a machine of `arch` is emulated.
pub fn model(arch: Arch) -> Model {
    match arch {
        Arch::X86_64 => Model {
            program: "qemu-system-x86_64",
            package: "qemu-system-x86",
            // A plain model, less what software emulation has not and would warn about, and less
            // `cmpxchg16b`: QEMU 7.2 now and then spoils the flags register there, and the
            // guest's slab allocator dies of it. Less `erms` too: with it the kernel copies and
            // clears memory byte by byte, which is as slow in software as it looks.
            board: &[
                "-cpu",
                "Haswell-v4,-pcid,-x2apic,-tsc-deadline,-invpcid,-spec-ctrl,-cx16,-erms",
            ],
            console: "ttyS0",
        },
        Arch::Aarch64 => Model {
            program: "qemu-system-aarch64",
            package: "qemu-system-arm",
            // Pointers are signed at every call of the kernel; the architecture's own algorithm
            // is slow in software.
            board: &["-M", "virt", "-cpu", "max,pauth-impdef=on"],
            console: "ttyAMA0",
        },
    }
}

/// The guest's processors take turns in one thread: some guests whose processors ran in parallel
/// (`thread=multi`) hung.
const ACCELERATOR: &str = "tcg,thread=single";

/// Takes the command's output as it comes.
pub type Sink<'a> = dyn FnMut(&[u8]) -> std::io::Result<()> + 'a;

/// What is booted.
pub struct Machine<'a> {
    pub arch: Arch,
    pub kernel: &'a Path,
    /// A second disk, which stays as it is: what the machine writes there is forgotten.
    pub programs: Option<&'a Path>,
    pub initramfs: Vec<u8>,
    pub cpus: u32,
    pub memory_mib: u32,
    pub icount: bool,
    /// More words for the kernel's command line.
    pub append: &'a str,
    pub timeout: Duration,
    /// Where the console's log is left.
    pub log: PathBuf,
}

impl Machine<'_> {
    /// Boots, passes the output on, and returns the exit code of the command in the guest.
    pub fn run(&self, sink: &mut Sink<'_>) -> Result<u8> {
        let scratch = Scratch::new()?;
        write(&scratch.file("initramfs"), &self.initramfs)?;
        scratch.make_disk("disk")?;
        let mut qemu = self
            .command(&scratch)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start QEMU")?;
        let stdout = qemu.stdout.take().context("QEMU has no stdout")?;
        let passed = self.pass_output(stdout, sink);
        if passed.is_err() {
            // It may be gone by itself; then there is nothing to do.
            let _ = qemu.kill();
            let _ = qemu.wait();
        }
        let verdict = passed.and_then(|()| verdict(qemu, &scratch));
        fs::rename(scratch.file("console"), &self.log).context("QEMU left no console log")?;
        verdict.map_err(|error| {
            let console = fs::read(&self.log).unwrap_or_default();
            let console = explain(&String::from_utf8_lossy(&console), &self.log);
            anyhow!("{error:#}\n{console}")
        })
    }

    fn command(&self, scratch: &Scratch) -> Command {
        let model = model(self.arch);
        let mut qemu = Command::new(model.program);
        qemu.args(model.board);
        qemu.args(["-accel", ACCELERATOR]);
        if self.icount {
            qemu.args(["-smp", "1", "-icount", "shift=0,sleep=off"]);
        } else {
            qemu.args(["-smp", &self.cpus.to_string()]);
        }
        qemu.args(["-m", &self.memory_mib.to_string()]);
        qemu.args([
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-no-reboot",
        ]);
        qemu.arg("-kernel").arg(self.kernel);
        qemu.arg("-initrd").arg(scratch.file("initramfs"));
        // A panic or an oops ends the machine at once. What a kernel does against weaknesses of a
        // real processor makes calls of an emulated one three to ten times slower (page tables
        // are switched at each), and has nothing to protect there.
        let console = model.console;
        let append = self.append;
        qemu.arg("-append").arg(format!(
            "console={console} quiet loglevel=5 panic=-1 oops=panic mitigations=off {append}"
        ));
        qemu.args(["-serial", &format!("file:{}", scratch.option("console"))]);
        let disk = scratch.option("disk");
        qemu.args([
            "-drive",
            &format!("file={disk},format=raw,if=virtio,cache=unsafe"),
        ]);
        if let Some(programs) = self.programs {
            let disk = option(programs);
            qemu.args([
                "-drive",
                &format!("file={disk},format=raw,if=virtio,snapshot=on,cache=unsafe"),
            ]);
            // What it writes goes to a file there.
            qemu.env("TMPDIR", scratch.file(""));
        }
        qemu.args(["-device", "virtio-serial-pci"]);
        // Not `stdio`: that counts as closed when there is nothing to read on stdin.
        qemu.args(["-chardev", "file,id=output,path=/dev/stdout"]);
        qemu.args(["-device", "virtserialport,nr=1,chardev=output"]);
        let verdict = scratch.option("verdict");
        qemu.args(["-chardev", &format!("file,id=verdict,path={verdict}")]);
        qemu.args(["-device", "virtserialport,nr=2,chardev=verdict"]);
        qemu
    }

    fn pass_output(&self, stdout: ChildStdout, sink: &mut Sink<'_>) -> Result<()> {
        let end = Instant::now() + self.timeout;
        let chunks = chunks(stdout);
        loop {
            match chunks.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(chunk) => sink(&chunk).context("cannot pass the output on")?,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {
                    bail!("it had not finished after {} s", self.timeout.as_secs())
                }
            }
        }
    }
}

/// Reads in a thread, so that waiting for output can have an end.
fn chunks(mut stdout: ChildStdout) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::sync_channel(16);
    thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(length @ 1..) = stdout.read(&mut buffer) {
            if sender.send(buffer[..length].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

fn verdict(mut qemu: Child, scratch: &Scratch) -> Result<u8> {
    let status = qemu.wait().context("cannot wait for QEMU")?;
    if !status.success() {
        bail!("QEMU failed: {status}");
    }
    let text = fs::read_to_string(scratch.file("verdict")).unwrap_or_default();
    parse_verdict(&text).context("it ended without a verdict on the command")
}

/// Exactly the line that `tests/vm/init` writes.
fn parse_verdict(text: &str) -> Option<u8> {
    text.strip_prefix("exit ")?.strip_suffix('\n')?.parse().ok()
}

/// Why a machine may have failed, as far as its console tells.
fn explain(console: &str, log: &Path) -> String {
    let panic = console.lines().find(|line| line.contains("Kernel panic"));
    let lines: Vec<_> = console.lines().collect();
    let tail = lines[lines.len().saturating_sub(10)..].join("\n  ");
    let what = match panic {
        Some(panic) => format!("the kernel panicked: {}", panic.trim()),
        None => format!("the console ended with\n  {tail}"),
    };
    format!("{what}\n(all of it: {})", display(log))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_verdict_counts() {
        assert_eq!(parse_verdict("exit 0\n"), Some(0));
        assert_eq!(parse_verdict("exit 255\n"), Some(255));
        for text in [
            "",
            "exit 0",
            "exit \n",
            "exit 256\n",
            "0\n",
            "exit 0\nexit 1\n",
        ] {
            assert_eq!(parse_verdict(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_panic_is_named() {
        let console = "[    1.0] Kernel panic - not syncing: oops\n[    1.1] Rebooting\n";
        let text = explain(console, Path::new("log"));
        assert!(text.contains("Kernel panic - not syncing: oops"), "{text}");
    }
}
