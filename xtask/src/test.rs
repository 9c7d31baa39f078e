//! `cargo xtask test`: everything that has to pass, in the order from quick to slow.

mod accuracy;
mod cells;
mod matrix;
mod queue;
mod results;
mod tally;

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::arch::Arch;
use crate::{bench, binaries, check_ebpf, packages, process, vm, workspace};
use tally::Tally;

#[derive(clap::Args)]
pub struct Args {
    /// Leave out the virtual machines
    #[arg(long)]
    quick: bool,
    /// Run all scenarios with each backend and on each architecture, and trace real programs on
    /// each kernel
    #[arg(long, conflicts_with = "quick")]
    all: bool,
    /// Install no programs for the scenarios `apps_*`, and skip those whose program is missing
    #[arg(long, conflicts_with = "only")]
    without_apps: bool,
    /// Run nothing but the virtual machines whose `KERNEL ARCHITECTURE BACKEND` contains this,
    /// such as `6.12`, `x86_64 fentry`, or `cost` for the budgets (may be repeated)
    #[arg(long, value_name = "PART", conflicts_with = "quick")]
    only: Vec<String>,
}

type Run<'a> = Box<dyn Fn(&mut Tally) -> Result<()> + 'a>;

/// Runs the steps up to the first that fails; the exit code is 0 when none did.
pub fn run(args: &Args) -> Result<u8> {
    let mut steps = Vec::new();
    if args.only.is_empty() {
        steps = steps_here(args.without_apps);
    }
    if !args.quick {
        if matrix::has_any(args.all, &args.only) || !is_cost_wanted(&args.only) {
            steps.push((
                "scenarios in virtual machines",
                Box::new(|tally| matrix::run(args.all, &args.only, tally)),
            ));
        }
        if is_cost_wanted(&args.only) {
            // Last and alone: what it emulates is as exact beside others, but slower.
            steps.push(("cost", Box::new(|_| bench::check(COST_ON))));
        }
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

/// The kernel whose budgets are checked.
const COST_ON: &str = "6.12";

/// Whether `--only` leaves the budgets in.
fn is_cost_wanted(only: &[String]) -> bool {
    let name = format!("{COST_ON} {} cost", Arch::HOST);
    only.is_empty() || only.iter().any(|part| name.contains(part))
}

/// What needs this machine alone.
fn steps_here<'a>(without_apps: bool) -> Vec<(&'static str, Run<'a>)> {
    let clippy = [
        "clippy",
        "--workspace",
        "--exclude=iotrace-ebpf",
        "--all-targets",
        "--",
        "-Dwarnings",
    ];
    let test = ["test", "--release", "--workspace", "--exclude=iotrace-ebpf"];
    vec![
        ("format", Box::new(|_| cargo(&["fmt", "--all", "--check"]))),
        ("lints", Box::new(move |_| cargo(&clippy))),
        ("unit tests", Box::new(move |_| cargo(&test))),
        ("kernel object", Box::new(|_| check_ebpf::run())),
        (
            "scenarios on this kernel",
            Box::new(move |tally| here(without_apps, tally)),
        ),
    ]
}

fn line(name: &str, failed: bool, time: Duration) -> String {
    let word = if failed { "FAILED" } else { "ok" };
    format!("{word:<8} {name} ({:.1} s)", time.as_secs_f64())
}

fn cargo(arguments: &[&str]) -> Result<()> {
    process::run(workspace::cargo().args(arguments))
}

/// The scenarios on the kernel that we run on, through the one backend that it surely allows.
fn here(without_apps: bool, tally: &mut Tally) -> Result<()> {
    if !process::is_root() {
        bail!("root is needed to load programs into the kernel");
    }
    // The story's own service is a Python program.
    packages::ensure("python3", "python3")?;
    binaries::build(Arch::HOST)?;
    let mut scenarios = Command::new(binaries::path(Arch::HOST, "iotrace-tests"));
    scenarios
        .args(["run", "--backend", "syscall", "--iotrace"])
        .arg(binaries::path(Arch::HOST, "iotrace"));
    if without_apps {
        scenarios.args(["--without", "apps_"]);
    } else {
        packages::ensure_apps()?;
        vm::ensure_qemu(Arch::HOST)?;
        let programs = vm::Programs::prepare(Arch::HOST)?;
        scenarios.arg("--postgres").arg(programs.postgres()?);
    }
    let mut child = scenarios
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start iotrace-tests")?;
    let stdout = child.stdout.take().context("iotrace-tests has no stdout")?;
    let output = pass_on(stdout)?;
    let code = child.wait()?.code();
    let Some(run) = Tally::of(&output) else {
        bail!("the scenarios ended without their last line (exit code {code:?})");
    };
    tally.add(run);
    run.judge(code)
}

/// Passes what is read on to stdout at once, and returns it.
fn pass_on(mut from: impl Read) -> Result<String> {
    let mut output = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = from.read(&mut buffer)?;
        if length == 0 {
            return Ok(String::from_utf8_lossy(&output).into_owned());
        }
        output.extend_from_slice(&buffer[..length]);
        let mut stdout = std::io::stdout();
        stdout.write_all(&buffer[..length])?;
        stdout.flush()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budgets_can_be_chosen_and_left_out() {
        let wanted = |part: &str| is_cost_wanted(&[part.to_owned()]);
        assert!(is_cost_wanted(&[]) && wanted("cost") && wanted("6.12"));
        assert!(!wanted("5.10") && !wanted("fentry"));
        assert!(!matrix::has_any(false, &["cost".to_owned()]));
        assert!(matrix::has_any(false, &["5.10".to_owned()]) && matrix::has_any(false, &[]));
    }
}
