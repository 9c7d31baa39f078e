//! What iotrace costs on the machine's own kernel, where time is the measure.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::Common;
use super::calls;
use super::cpu;
use super::files::{Files, MOST_FILES};
use super::place::Place;
use super::record::Record;
use super::refresh::Refresh;
use super::tracers::{Spec, Tracer};
use super::workloads;
use crate::soak::Usage;

/// Options of `bench native`.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
    /// How often calls are measured.
    #[arg(long, default_value_t = 12)]
    rounds: u32,
    /// The backend of iotrace.
    #[arg(long, default_value = "syscall")]
    backend: String,
    /// The command that starts Debian's opensnoop, its words separated by spaces.
    #[arg(long, value_name = "COMMAND")]
    opensnoop: Option<String>,
}

const STARTS: u32 = 10;
const SETTLES: Duration = Duration::from_secs(2);
const WATCHED: Duration = Duration::from_secs(10);
/// Events per second.
const RATES: [u32; 3] = [0, 10_000, 100_000];
/// Of the pairs in a table.
const LIVE: usize = 100_000;

/// Measures and prints.
pub fn run(options: &Options) -> Result<()> {
    mount_tracing().context("cannot mount tracefs for opensnoop")?;
    let common = &options.common;
    ratios(options)?;
    starts(common, &options.backend)?;
    idle(common, &options.backend)?;
    rates(common, &options.backend)?;
    let files = Files::new(common, MOST_FILES)?;
    let refresh = Refresh::measure(common, &files, &options.backend, LIVE, 20)?;
    figure("refresh of 100,000 live rows", refresh.later_ns / 1e6, "ms")?;
    figure("refresh of 100,000 new rows", refresh.first_ns / 1e6, "ms")
}

/// Where nobody but this process and its children sees it.
fn mount_tracing() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    let nothing: Option<&str> = None;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(nothing, "/", nothing, private, nothing)?;
    for (kind, at) in [
        ("tracefs", "/sys/kernel/tracing"),
        ("debugfs", "/sys/kernel/debug"),
    ] {
        mount(Some(kind), at, Some(kind), MsFlags::empty(), nothing)?;
    }
    Ok(())
}

/// Calls with nothing and with each tracer, in turns.
fn ratios(options: &Options) -> Result<()> {
    let common = &options.common;
    let mut specs = vec![Spec::nothing()];
    for (command, words) in [("top", "top -C 100"), ("opens", "opens")] {
        let words = common.iotrace(&format!("{words} --backend {}", options.backend));
        specs.push(Spec::program(
            &format!("{command} {}", options.backend),
            &words,
        ));
    }
    if let Some(command) = &options.opensnoop {
        let words: Vec<_> = command.split(' ').collect();
        specs.push(Spec::program("opensnoop", &words));
    }
    let place = Place::new(&common.dir, &common.memory, 0)?;
    let wanted = ["pread", "open+close", "getppid"];
    let mut workloads = workloads::all().to_vec();
    workloads.retain(|workload| wanted.contains(&workload.name));
    workloads::warm_up(&place, &workloads)?;
    calls::rounds(options.rounds, &specs, |spec, round| {
        calls::measure(common, spec, &place, &workloads, 1, round)
    })
}

/// From the start of the process until it says that it traces.
fn starts(common: &Common, backend: &str) -> Result<()> {
    let words = common.iotrace(&format!("top -C 100 --backend {backend}"));
    for _ in 0..STARTS {
        let start = Instant::now();
        let mut child = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = child.stderr.take().context("no stderr")?;
        let mut lines = BufReader::new(stderr).lines();
        let attached = lines.find(|line| {
            let begin = "iotrace: tracing with";
            line.as_ref().is_ok_and(|line| line.starts_with(begin))
        });
        let time = start.elapsed();
        // It may have ended by itself, which the missing line tells.
        let _ = child.kill();
        child.wait()?;
        if attached.is_none() {
            bail!("{words:?} did not begin to trace");
        }
        figure("start until attached", time.as_secs_f64() * 1e3, "ms")?;
    }
    Ok(())
}

/// Memory and wake-ups while next to nothing happens.
fn idle(common: &Common, backend: &str) -> Result<()> {
    for command in ["top -C", "opens"] {
        // One that does nothing: this one opens files to look at the tracer.
        let mut sleeper = Command::new("sleep").arg("60").spawn()?;
        let words = common.iotrace(&format!(
            "{command} --backend {backend} -p {}",
            sleeper.id()
        ));
        let tracer = Spec::program(command, &words).start(&common.memory)?;
        let pid = tracer.pid().context("no process")?;
        let name = command.split(' ').next().unwrap_or(command);
        // Looks become rarer when nothing has come for a while.
        sleep(SETTLES);
        let usage = Usage::of("iotrace", pid)?;
        figure(
            &format!("resident memory of `{name}`"),
            kib(usage.resident_kib),
            "MiB",
        )?;
        figure(
            &format!("most resident memory of `{name}`"),
            kib(usage.most_resident_kib),
            "MiB",
        )?;
        figure(
            &format!("kernel memory of the maps of `{name}`"),
            kib(usage.maps_kib),
            "MiB",
        )?;
        let before = cpu::wake_ups(pid)?;
        let used = percent(&tracer, || {
            sleep(WATCHED);
            Ok(())
        })?;
        let wake_ups = (cpu::wake_ups(pid)? - before) as f64 / WATCHED.as_secs_f64();
        figure(
            &format!("wake-ups of `{name}` while idle"),
            wake_ups,
            "per second",
        )?;
        figure(&format!("processor of `{name}` while idle"), used, "%")?;
        tracer.stop()?;
        sleeper.kill()?;
        sleeper.wait()?;
    }
    Ok(())
}

fn kib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// What the tools use while a known number of events happens.
fn rates(common: &Common, backend: &str) -> Result<()> {
    let place = Place::new(&common.dir, &common.memory, 0)?;
    for (command, workload) in [("top -C", "pread"), ("opens", "open+close")] {
        let workloads = workloads::all();
        let workload = workloads.iter().find(|found| found.name == workload);
        let workload = workload.context("no such workload")?;
        let name = command.split(' ').next().unwrap_or(command);
        for rate in RATES {
            let words = common.iotrace(&format!("{command} --backend {backend}"));
            let tracer = Spec::program(command, &words).start(&common.memory)?;
            let used = percent(&tracer, || workload.paced(&place, rate, WATCHED))?;
            tracer.stop()?;
            figure(
                &format!(
                    "processor of `{name}` at {rate} {} per second",
                    workload.name
                ),
                used,
                "%",
            )?;
        }
    }
    Ok(())
}

/// Of one processor, that the tracer's process uses meanwhile.
fn percent(tracer: &Tracer, meanwhile: impl FnOnce() -> Result<()>) -> Result<f64> {
    let (start, before) = (Instant::now(), tracer.used_ns()?);
    meanwhile()?;
    let used = tracer.used_ns()? - before;
    Ok(100.0 * used as f64 / start.elapsed().as_nanos() as f64)
}

fn figure(name: &str, value: f64, unit: &'static str) -> Result<()> {
    Record::Figure {
        name: name.to_owned(),
        value,
        unit,
    }
    .say()
}
