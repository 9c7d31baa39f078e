//! iotrace does not watch itself.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use anyhow::{Result, bail, ensure};

use super::Scenario;
use crate::harness::{Capture, Context, Envelope, Io, Process, SOON, Workload, plain};
use crate::work::Report;

pub const SCENARIOS: &[Scenario] = &[Scenario {
    name: "own_process_is_not_shown",
    proves: "`top --json > FILE` does not show its own writes, unless asked with --include-self",
    run: own_process,
}];

fn own_process(context: &Context) -> Result<()> {
    let itself = |process: &Process| Ok(process.pid());
    let own = own_rows(context, "excluded.ndjson", &[], plainly, itself)?;
    ensure!(own.is_empty(), "shows itself: {own:?}");
    // Without this the check above might look for something that is never there.
    let shown = ["--include-self"];
    let own = own_rows(context, "included.ndjson", &shown, plainly, itself)?;
    ensure!(!own.is_empty(), "--include-self does not show its writes");
    Ok(())
}

/// As it is.
fn plainly(command: &Command) -> Command {
    let mut same = Command::new(command.get_program());
    same.args(command.get_args());
    same
}

/// The rows of its own process in what it writes to a file. `start` may put something around the
/// command; then `pid_of` finds iotrace in what runs.
pub fn own_rows(
    context: &Context,
    name: &str,
    options: &[&str],
    start: impl Fn(&Command) -> Command,
    pid_of: impl Fn(&Process) -> Result<u32>,
) -> Result<Vec<Io>> {
    let output = context.dir().join(name);
    let bystander = context.dir().join("bystander");
    let mut busy = Workload::start(context, &["busy", "--file", plain(&bystander)?])?;
    let args = [&["-v", "--json"], options, &["0.1", "10"]].concat();
    let mut command = start(&context.iotrace("top", &args));
    command.stdin(Stdio::null()).stdout(File::create(&output)?);
    let mut process = Process::spawn(context, "iotrace", &mut command)?;
    let own_pid = pid_of(&process)?;
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
    rows.retain(|row| row.pid == Some(own_pid));
    Ok(rows)
}
