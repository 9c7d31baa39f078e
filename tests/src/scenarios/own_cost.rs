//! What iotrace tells of its own cost, and what it costs where nothing happens.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;
use serde::Deserialize;

use super::Scenario;
use super::privileges::with_only;
use crate::bpf::{self, Objects};
use crate::cli::Backend;
use crate::harness::{
    Capture, Context, End, Envelope, OF_OTHERS, Process, Rows, SOON, Sink, Skip, Tracer, Workload,
    parse, plain,
};
use crate::machine;
use crate::work::Report;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "own_cost_is_told",
        proves: "every command tells the CPU time that it used itself, in `end` and on stderr",
        run: told,
    },
    Scenario {
        name: "stats_are_counted_and_switched_off",
        proves: "`--stats` tells the runs of the program that counted, and the kernel measures no more \
                 after the end, nor after `kill -9`",
        run: stats,
    },
    Scenario {
        name: "stats_without_the_privilege",
        proves: "without CAP_SYS_ADMIN `--stats` says so, and the rest is told",
        run: stats_refused,
    },
    Scenario {
        name: "idle_is_cheap",
        proves: "where nothing happens `top` and `opens` wake up 5 times a second at the most",
        run: idle,
    },
];

/// What `end` has besides.
#[derive(Debug, Deserialize)]
struct Cost {
    traced_ns: u64,
    cpu_ns: u64,
    start_cpu_ns: u64,
}

fn told(context: &Context) -> Result<()> {
    for subcommand in ["top", "opens", "churn", "procs", "diagnose", "events"] {
        let cost = cost_of(context, subcommand).with_context(|| subcommand.to_owned())?;
        println!("     {subcommand}: {cost:?}");
        ensure!(
            cost.traced_ns > 0 && cost.cpu_ns > 0 && cost.start_cpu_ns > 0,
            "{subcommand}: {cost:?}"
        );
    }
    let mut command = context.iotrace("top", &["-C", "0.1", "1"]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut process = Process::spawn(context, "iotrace", &mut command)?;
    process.expect_exit(0, SOON)?;
    let said = process.stderr().to_end(SOON)?;
    let said = String::from_utf8_lossy(&said);
    let last = said.lines().last().unwrap_or_default();
    ensure!(
        last.contains("own CPU time ") && last.contains("% of one CPU"),
        "{last}"
    );
    Ok(())
}

fn cost_of(context: &Context, subcommand: &str) -> Result<Cost> {
    let mut command = context.iotrace(subcommand, &["--json"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut process = Process::spawn(context, "iotrace", &mut command)?;
    let stdout = Capture::start(process.stdout()?);
    context.remember(format!("{}: stdout", process.label()), stdout.clone());
    stdout.wait_for("the header", SOON, |bytes| {
        bytes.contains(&b'\n').then_some(())
    })?;
    process.signal(Signal::SIGINT)?;
    process.expect_exit(0, SOON)?;
    let text = stdout.to_end(SOON)?;
    let text = String::from_utf8(text)?;
    let last = text.lines().last().context("nothing was printed")?;
    ensure!(Envelope::parse(last)?.kind == "end", "{last}");
    parse(last)
}

/// Keeps the records of programs.
#[derive(Debug, Default)]
struct Programs {
    ticks: u64,
    programs: Vec<Program>,
}

#[derive(Debug, Deserialize)]
struct Program {
    program: String,
    runs: u64,
    run_ns: u64,
    cpu_share: f64,
}

impl Sink for Programs {
    fn record(&mut self, kind: &str, line: &str) -> Result<()> {
        match kind {
            "tick" => self.ticks += 1,
            "stats" => self.programs.push(parse(line)?),
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, _: &End) -> Result<()> {
        Ok(())
    }
}

const CALLS: u64 = 2_000;

fn read(context: &Context) -> Result<()> {
    let file = context.dir().join("bytes");
    let calls = CALLS.to_string();
    let args = ["pread", "--file", plain(&file)?, "--calls", &calls];
    let mut reader = Workload::start(context, &args)?;
    reader.go()?;
    reader.finish::<Report>().map(drop)
}

/// `kernel.bpf_stats_enabled`, which iotrace has to leave alone.
fn switch() -> Result<String> {
    let text = fs::read_to_string("/proc/sys/kernel/bpf_stats_enabled")?;
    Ok(text.trim().to_owned())
}

fn stats(context: &Context) -> Result<()> {
    Skip::unless_root("bpf(2) does not tell of programs")?;
    if switch()? != "0" {
        return Skip::because("somebody has kernel.bpf_stats_enabled switched on");
    }
    // Its programs show whether the kernel measures.
    let before = Objects::now()?;
    let witness = Tracer::start(context, "top", &["0.1"], Rows::allowing(OF_OTHERS))?;
    let programs = Objects::now()?.since(&before).programs;
    let measured = || -> Result<u64> {
        let runs = |program: &u32| bpf::runs(*program);
        let now: u64 = programs.iter().map(runs).sum::<Result<u64>>()?;
        read(context)?;
        Ok(programs.iter().map(runs).sum::<Result<u64>>()? - now)
    };
    let alone = measured()?;
    ensure!(
        alone == 0,
        "{alone} runs are counted before it is asked for"
    );
    for signal in [Signal::SIGINT, Signal::SIGKILL] {
        let tracer = Tracer::start(context, "top", &["--stats", "0.1"], Programs::default())?;
        tracer.wait_until("a tick", |seen| seen.ticks > 0)?;
        let runs = measured()?;
        ensure!(runs >= CALLS, "{runs} runs counted for {CALLS} calls");
        ensure!(switch()? == "0", "the switch of others was touched");
        if signal == Signal::SIGINT {
            let (seen, _) = tracer.stop()?;
            println!("     {:?}", seen.programs);
            let counted = |it: &Program| it.runs >= CALLS && it.run_ns > 0 && it.cpu_share >= 0.0;
            ensure!(seen.programs.iter().any(counted), "{:?}", seen.programs);
            let named = seen.programs.iter().all(|it| !it.program.is_empty());
            ensure!(named, "{:?}", seen.programs);
        } else {
            // Kills it.
            drop(tracer);
        }
        let deadline = Instant::now() + SOON;
        let mut runs = measured()?;
        while runs > 0 && Instant::now() < deadline {
            runs = measured()?;
        }
        ensure!(runs == 0, "after {signal} {runs} more runs were counted");
        ensure!(switch()? == "0", "after {signal} the switch is on");
    }
    witness.stop()?;
    Ok(())
}

fn stats_refused(context: &Context) -> Result<()> {
    Skip::unless_root("it takes root to have capabilities to give up")?;
    if context.backend() == Backend::Kprobe {
        return Skip::because("kprobes may need CAP_SYS_ADMIN themselves");
    }
    use caps::Capability::{CAP_BPF, CAP_PERFMON};
    let args = ["--stats", "--json", "0.1", "1"];
    let mut command = with_only(context, &[CAP_BPF, CAP_PERFMON], &args);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut process = Process::spawn(context, "iotrace", &mut command)?;
    let stdout = Capture::start(process.stdout()?);
    process.expect_exit(0, SOON)?;
    let said = process.stderr().to_end(SOON)?;
    let said = String::from_utf8_lossy(&said);
    for word in ["--stats", "CAP_SYS_ADMIN"] {
        ensure!(said.contains(word), "{word} is not named in: {said}");
    }
    let printed = stdout.to_end(SOON)?;
    for line in String::from_utf8(printed)?.lines() {
        ensure!(Envelope::parse(line)?.kind != "stats", "{line}");
    }
    Ok(())
}

const WATCHED: Duration = Duration::from_secs(5);
/// A second.
const WAKE_UPS: u64 = 5;

fn idle(context: &Context) -> Result<()> {
    if machine::is_emulated() {
        return Skip::because("the budget is for a real CPU");
    }
    let file = context.dir().join("bytes");
    // It never gets its `go`.
    let args = ["pread", "--file", plain(&file)?, "--calls", "1"];
    let mut sleeper = Workload::start(context, &args)?;
    let pid = sleeper.pid().to_string();
    for subcommand in ["top", "opens"] {
        let tracer = Tracer::start(context, subcommand, &["-p", &pid], Programs::default())?;
        // Looks become rarer when nothing has come for a while.
        tracer.wait_until("ticks", |seen| seen.ticks > 1)?;
        let tracer_pid = tracer.process().pid();
        let (begin, before) = (Instant::now(), wake_ups(tracer_pid)?);
        sleeper.wait_a_while(WATCHED)?;
        let woken = wake_ups(tracer_pid)? - before;
        let seconds = begin.elapsed().as_secs_f64();
        println!(
            "     {subcommand}: {:.1} wake-ups a second",
            woken as f64 / seconds
        );
        // One more may fall into the time.
        let allowed = (WAKE_UPS as f64 * seconds) as u64 + 1;
        ensure!(woken <= allowed, "{subcommand}: {woken} in {seconds:.1} s");
        tracer.stop()?;
    }
    Ok(())
}

/// How often the threads of a process have gone to sleep.
fn wake_ups(pid: u32) -> Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let status = fs::read_to_string(task?.path().join("status"))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        sum += line.context("no count")?.trim().parse::<u64>()?;
    }
    Ok(sum)
}
