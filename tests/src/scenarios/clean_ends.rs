//! Every way to end, in good order; and that iotrace does not watch itself.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::Signal;

use super::Scenario;
use crate::harness::{
    Capture, Context, Envelope, Io, OF_OTHERS, Opens, Process, Rows, SOON, Tracer, Workload,
};
use crate::work::Report;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "sigint_and_sigterm_end_in_order",
        proves: "SIGINT and SIGTERM end `top` and `opens` with an `end` record and exit code 0",
        run: signals,
    },
    Scenario {
        name: "closed_pipe_ends_in_order",
        proves: "`| head -1` ends `top` and `opens` soon, quietly and with exit code 0",
        run: closed_pipe,
    },
    Scenario {
        name: "count_ends_in_order",
        proves: "`top 0.1 3` prints exactly three ticks and ends with exit code 0",
        run: count,
    },
    Scenario {
        name: "own_process_is_not_shown",
        proves: "`top --json > FILE` does not show its own writes, unless asked with --include-self",
        run: own_process,
    },
];

fn signals(context: &Context) -> Result<()> {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let top = Tracer::start(context, "top", &["0.1"], Rows::allowing(OF_OTHERS))?;
        top.wait_until("second tick", |seen| seen.ticks.len() >= 2)?;
        top.process().signal(signal)?;
        top.finish(0).with_context(|| format!("top, {signal}"))?;

        let opens = Tracer::start(context, "opens", &[""; 0], Opens::allowing(OF_OTHERS))?;
        opens.process().signal(signal)?;
        opens
            .finish(0)
            .with_context(|| format!("opens, {signal}"))?;
    }
    Ok(())
}

fn closed_pipe(context: &Context) -> Result<()> {
    for (subcommand, args) in [("top", &["--json", "0.1"][..]), ("opens", &["--json"])] {
        let mut command = context.iotrace(subcommand, args);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = Process::spawn(context, "iotrace", &mut command)?;
        let mut line = String::new();
        BufReader::new(process.stdout()?).read_line(&mut line)?;
        ensure!(line.ends_with('\n'), "{subcommand}: {line:?} is no line");
        process.expect_exit(0, SOON)?;
        let said = process.stderr().to_end(SOON)?;
        let said = String::from_utf8_lossy(&said).to_lowercase();
        for complaint in ["panic", "broken pipe", "error"] {
            ensure!(!said.contains(complaint), "{subcommand} complains: {said}");
        }
    }
    Ok(())
}

fn count(context: &Context) -> Result<()> {
    let tracer = Tracer::start(context, "top", &["0.1", "3"], Rows::allowing(OF_OTHERS))?;
    let (seen, _) = tracer.finish(0)?;
    ensure!(seen.ticks.len() == 3, "{} ticks", seen.ticks.len());
    Ok(())
}

fn own_process(context: &Context) -> Result<()> {
    let own = own_rows(context, "excluded.ndjson", &[])?;
    ensure!(own.is_empty(), "shows itself: {own:?}");
    // Without this the check above might look for something that is never there.
    let own = own_rows(context, "included.ndjson", &["--include-self"])?;
    ensure!(!own.is_empty(), "--include-self does not show its writes");
    Ok(())
}

/// The rows of its own process in what it writes to a file.
fn own_rows(context: &Context, name: &str, options: &[&str]) -> Result<Vec<Io>> {
    let output = context.dir().join(name);
    let bystander = context.dir().join("bystander");
    let bystander = bystander
        .to_str()
        .context("the directory has a plain name")?;
    let mut busy = Workload::start(context, &["busy", "--file", bystander])?;
    let args = [&["-v", "--json"], options, &["0.1", "10"]].concat();
    let mut command = context.iotrace("top", &args);
    command.stdin(Stdio::null()).stdout(File::create(&output)?);
    let mut process = Process::spawn(context, "iotrace", &mut command)?;
    busy.go()?;
    process.expect_exit(0, SOON)?;
    let busy_pid = busy.pid();
    busy.finish::<Report>()?;

    let text = fs::read_to_string(&output)?;
    context.remember(format!("{}: stdout", process.label()), Capture::of(&text));
    let mut rows = Vec::new();
    for line in text.lines() {
        if Envelope::parse(line)?.kind == "io" {
            rows.push(Io::parse(line)?);
        }
    }
    if !rows.iter().any(|row| row.pid == Some(busy_pid)) {
        bail!("no row of the bystander either");
    }
    rows.retain(|row| row.pid == Some(process.pid()));
    Ok(rows)
}
