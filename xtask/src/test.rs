//! `cargo xtask test`: everything that has to pass, in the order from quick to slow.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::arch::Arch;
use crate::{binaries, check_ebpf, packages, process, vm, workspace};

#[derive(clap::Args)]
pub struct Args {
    /// Leave out the virtual machine
    #[arg(long)]
    quick: bool,
}

/// The kernel and backend of the scenarios in a virtual machine.
const VM_KERNEL: &str = "6.12";
const VM_BACKEND: &str = "fentry";

type Step = (&'static str, fn(&mut Tally) -> Result<()>);

/// Runs the steps up to the first that fails; the exit code is 0 when none did.
pub fn run(args: &Args) -> Result<u8> {
    let mut steps: Vec<Step> = vec![
        ("format", |_| cargo(&["fmt", "--all", "--check"])),
        ("lints", |_| {
            cargo(&[
                "clippy",
                "--workspace",
                "--exclude=iotrace-ebpf",
                "--all-targets",
                "--",
                "-Dwarnings",
            ])
        }),
        ("unit tests", |_| {
            cargo(&["test", "--release", "--workspace", "--exclude=iotrace-ebpf"])
        }),
        ("kernel object", |_| check_ebpf::run()),
        ("scenarios on this kernel", here),
    ];
    if !args.quick {
        steps.push(("scenarios in a virtual machine", in_vm));
    }

    let mut tally = Tally::default();
    let mut summary = Vec::new();
    let mut failed = false;
    for (name, step) in steps {
        if failed {
            summary.push(format!("not run  {name}"));
            continue;
        }
        eprintln!("xtask: {name}");
        let start = Instant::now();
        let outcome = step(&mut tally);
        failed = outcome.is_err();
        if let Err(error) = outcome {
            eprintln!("xtask: error: {name}: {error:#}");
        }
        summary.push(line(name, failed, start.elapsed()));
    }
    eprintln!("xtask: summary\n  {}", summary.join("\n  "));
    println!("{tally}");
    Ok(u8::from(failed))
}

fn line(name: &str, failed: bool, time: Duration) -> String {
    let word = if failed { "FAILED" } else { "ok" };
    format!("{word:<8} {name} ({:.1} s)", time.as_secs_f64())
}

fn cargo(arguments: &[&str]) -> Result<()> {
    process::run(workspace::cargo().args(arguments))
}

/// The scenarios on the kernel that we run on, through the one backend that it surely allows.
fn here(tally: &mut Tally) -> Result<()> {
    if !process::is_root() {
        bail!("root is needed to load programs into the kernel");
    }
    // The story's own service is a Python program.
    packages::ensure("python3", "python3")?;
    binaries::build(Arch::HOST)?;
    let mut child = Command::new(binaries::path(Arch::HOST, "iotrace-tests"))
        .args(["run", "--backend", "syscall", "--iotrace"])
        .arg(binaries::path(Arch::HOST, "iotrace"))
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start iotrace-tests")?;
    let mut stdout = child.stdout.take().context("iotrace-tests has no stdout")?;
    let mut output = Output::default();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match stdout.read(&mut buffer)? {
            0 => break,
            length => output.pass(&buffer[..length])?,
        }
    }
    let status = child.wait()?;
    output.finish(tally, status.code())
}

/// The same scenarios where everything is allowed.
fn in_vm(tally: &mut Tally) -> Result<()> {
    let command = [
        "iotrace-tests",
        "run",
        "--backend",
        VM_BACKEND,
        "--iotrace",
        "/bin/iotrace",
    ];
    let mut output = Output::default();
    let system = vm::System::prepare(Arch::X86_64, VM_KERNEL)?;
    let timeout = Duration::from_secs(900);
    let code = system.run(&command, timeout, "console", &mut |bytes| {
        output.pass(bytes)
    })?;
    output.finish(tally, Some(code.into()))
}

/// What a run of scenarios prints: passed on at once, and kept for its last line.
#[derive(Default)]
struct Output(Vec<u8>);

impl Output {
    fn pass(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.extend_from_slice(bytes);
        let mut stdout = std::io::stdout();
        stdout.write_all(bytes)?;
        stdout.flush()
    }

    /// Adds the run to the tally; it is good only if the last line and the exit code say so.
    fn finish(self, tally: &mut Tally, code: Option<i32>) -> Result<()> {
        let text = String::from_utf8_lossy(&self.0);
        let run = text.lines().last().and_then(Tally::parse);
        let Some(run) = run else {
            bail!("the scenarios ended without their last line (exit code {code:?})");
        };
        tally.add(run);
        if run.failed > 0 || code != Some(0) {
            bail!("{run} (exit code {code:?})");
        }
        if run.passed == 0 {
            bail!("not one scenario ran: {run}");
        }
        Ok(())
    }
}

/// How the scenarios of one or more runs ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u32,
    failed: u32,
    skipped: u32,
}

impl Tally {
    fn parse(line: &str) -> Option<Self> {
        let mut parts = line.trim_end().split(", ");
        let mut count = |what| parts.next()?.strip_suffix(what)?.parse().ok();
        let tally = Self {
            passed: count(" passed")?,
            failed: count(" failed")?,
            skipped: count(" skipped")?,
        };
        parts.next().is_none().then_some(tally)
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_read_back() {
        let tally = Tally {
            passed: 12,
            failed: 0,
            skipped: 3,
        };
        assert_eq!(Tally::parse(&tally.to_string()), Some(tally));
        for wrong in [
            "",
            "12 passed",
            "1 passed, 2 failed, 3 skipped, 4 more",
            "a passed, 0 failed, 0 skipped",
        ] {
            assert_eq!(Tally::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_run_is_good_only_if_both_say_so() {
        let finish = |text: &str, code| {
            let mut tally = Tally::default();
            let outcome = Output(text.into()).finish(&mut tally, code);
            (outcome.is_ok(), tally.passed)
        };
        let good = "PASS a\n1 passed, 0 failed, 0 skipped\n";
        assert_eq!(finish(good, Some(0)), (true, 1));
        assert_eq!(finish(good, Some(1)), (false, 1));
        assert_eq!(finish(good, None), (false, 1));
        assert_eq!(
            finish("1 passed, 1 failed, 0 skipped\n", Some(0)),
            (false, 1)
        );
        assert_eq!(
            finish("0 passed, 0 failed, 9 skipped\n", Some(0)),
            (false, 0)
        );
        assert_eq!(finish("PASS a\n", Some(0)), (false, 0));
    }
}
