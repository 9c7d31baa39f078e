//! Start-up: what it costs, and that it is told.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::Scenario;
use crate::cli::Backend;
use crate::harness::{Context, OF_OTHERS, Process, Rows, SOON, Skip, Tracer};
use crate::machine;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "start_up_is_told",
        proves: "`-v` tells on stderr the time until attached and the resident memory",
        run: told,
    },
    Scenario {
        name: "start_up_takes_the_programs_for_this_kernel",
        proves: "no command falls back on the programs for older kernels, which cost more",
        run: not_for_older,
    },
    Scenario {
        name: "start_up_within_budget",
        proves: "the syscall backend is attached within 150 ms (median of 5)",
        run: within_budget,
    },
];

const BUDGET: Duration = Duration::from_millis(150);
const RUNS: usize = 5;

fn told(context: &Context) -> Result<()> {
    let mut command = context.iotrace("top", &["-v", "--json", "0.1", "1"]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut process = Process::spawn(context, "iotrace", &mut command)?;
    process.expect_exit(0, SOON)?;
    let said = process.stderr().to_end(SOON)?;
    let said = String::from_utf8_lossy(&said);
    for what in ["attached in", "resident"] {
        let (_, number) = said
            .split_once(what)
            .with_context(|| format!("nothing on stderr says {what:?}"))?;
        ensure!(
            number
                .trim_start()
                .starts_with(|c: char| c.is_ascii_digit()),
            "no number after {what:?} in: {said}"
        );
    }
    for line in said.lines() {
        println!("     {line}");
    }
    Ok(())
}

fn not_for_older(context: &Context) -> Result<()> {
    for words in [
        &["top", "-v", "--json", "0.1", "1"][..],
        &["churn", "-v", "--json", "0.1", "1"],
        &["procs", "-v", "--json", "0.1", "1"],
        &["opens", "-v", "--json", "--", "true"],
    ] {
        let mut command = context.iotrace(words[0], &words[1..]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut process = Process::spawn(context, "iotrace", &mut command)?;
        process.expect_exit(0, SOON)?;
        let said = process.stderr().to_end(SOON)?;
        let said = String::from_utf8_lossy(&said);
        ensure!(said.contains("attached in"), "{words:?}: {said}");
        ensure!(!said.contains("for older kernels"), "{words:?}: {said}");
    }
    Ok(())
}

fn within_budget(context: &Context) -> Result<()> {
    if context.backend() != Backend::Syscall {
        return Skip::because("the budget is for the syscall backend");
    }
    if machine::is_emulated() {
        return Skip::because("the budget is for a real CPU");
    }
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let started = Instant::now();
        let tracer = Tracer::start(context, "top", &["0.1"], Rows::allowing(OF_OTHERS))?;
        times.push(started.elapsed());
        tracer.stop()?;
    }
    times.sort();
    let median = times[RUNS / 2];
    println!("     {times:.0?}");
    ensure!(
        median < BUDGET,
        "median {median:.0?} of {times:.0?}, not below {BUDGET:?}"
    );
    Ok(())
}
