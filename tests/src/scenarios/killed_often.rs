//! A tracer that is killed at any moment of its life, again and again.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;

use super::Scenario;
use super::left_behind::places;
use crate::bpf::Objects;
use crate::harness::{Capture, Context, OF_OTHERS, Process, Rows, SOON, Skip, Tracer};
use crate::machine;
use crate::work::Random;

pub const SCENARIOS: &[Scenario] = &[Scenario {
    name: "nothing_left_behind_after_many_kills",
    proves: "`kill -9` at 100 random moments, before, while and after programs are attached, leaves \
             no program, map, link, pin, mount, file or process",
    run: killed_often,
}];

const ROUNDS: u64 = 100;

/// Where software emulation makes each start take long.
const ROUNDS_EMULATED: u64 = 10;

fn killed_often(context: &Context) -> Result<()> {
    Skip::unless_root("bpf(2) does not list ids")?;
    let rounds = match machine::is_emulated() {
        true => ROUNDS_EMULATED,
        false => ROUNDS,
    };
    let dir = context.make_dir("empty")?;
    let (objects, places, processes) = (Objects::now()?, places()?, processes(context)?);
    let whole = time_to_attach(context)?;
    let mut random = Random::new(u64::from(std::process::id()));
    let (mut early, mut late) = (0, 0);
    for round in 0..rounds {
        // Every second one as it starts, the others when they are at work.
        let moment = whole * random.below(1000) as u32 / 1000;
        let subcommand = random.of(&["top", "opens"]);
        let killed = kill_after(context, &dir, subcommand, moment, round % 2 == 1)
            .with_context(|| format!("round {round}"))?;
        match killed {
            Killed::BeforeAttached => early += 1,
            Killed::AtWork => late += 1,
        }
    }
    println!(
        "     {rounds} kills: {early} before all was attached, {late} later; start-up {whole:.0?}"
    );

    // What others have loaded meanwhile goes with them.
    let new = Objects::now()?.since(&objects);
    new.wait_until_gone(SOON)?;
    let now = self::places()?;
    ensure!(
        now.is_subset(&places),
        "new mounts and pins: {:?}",
        &now - &places
    );
    let left: Vec<_> = fs::read_dir(&dir)?.collect();
    ensure!(left.is_empty(), "files: {left:?}");
    let now = self::processes(context)?;
    ensure!(
        now.is_subset(&processes),
        "processes: {:?}",
        &now - &processes
    );
    ensure!(
        early > 0 && late > 0,
        "all were killed at the same stage: nothing was proved"
    );
    Ok(())
}

/// From the start of the program to its header.
fn time_to_attach(context: &Context) -> Result<Duration> {
    let started = Instant::now();
    let tracer = Tracer::start(context, "top", &["0.1"], Rows::allowing(OF_OTHERS))?;
    let time = started.elapsed();
    tracer.stop()?;
    Ok(time)
}

enum Killed {
    BeforeAttached,
    AtWork,
}

/// Starts one in a directory that is also where it would make its temporary files.
fn kill_after(
    context: &Context,
    dir: &Path,
    subcommand: &str,
    moment: Duration,
    at_work: bool,
) -> Result<Killed> {
    let mut command = context.iotrace(subcommand, &["--json"]);
    command.current_dir(dir).env("TMPDIR", dir);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut process = Process::spawn(context, "iotrace", &mut command)?;
    let stdout = Capture::start(process.stdout()?);
    if at_work {
        stdout.wait_for("header", SOON, |bytes| (!bytes.is_empty()).then_some(()))?;
    }
    ensure!(
        process.wait(moment).is_err(),
        "it ended before it was killed"
    );
    process.signal(Signal::SIGKILL)?;
    let status = process.wait(SOON)?;
    ensure!(
        status.signal() == Some(libc::SIGKILL),
        "it ended with {status}"
    );
    match stdout.to_end(SOON)?.is_empty() {
        true => Ok(Killed::BeforeAttached),
        false => Ok(Killed::AtWork),
    }
}

/// The processes that run the binary under test.
fn processes(context: &Context) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        // Kernel threads have none, and others may end meanwhile.
        if fs::read_link(entry.path().join("exe")).is_ok_and(|exe| exe == context.binary()) {
            found.insert(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(found)
}
