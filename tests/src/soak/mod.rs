//! `soak`: iotrace under load for a long time, and what it costs meanwhile.
//!
//! Not a scenario: it takes as long as it is told to.

mod usage;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

pub use self::usage::Usage;
use crate::cli::SoakOptions;
use crate::counts::Counts;
use crate::harness::{Context, OpenCounts, Sink, TopCounts, Tracer, Workload, plain};
use crate::work::FloodReport;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(5);

/// After that everything that is needed has been allocated.
const WARM: Duration = Duration::from_secs(60);

/// How much more resident memory it may have at the end than when it was warm: allocators and page
/// tables round, and a leak of 100 bytes a second is not worth a false alarm.
const MORE_KIB: u64 = 2048;

/// Losses that a flood provokes.
const PROVOKED: &[&str] = &["ring_full", "recursion"];

/// Watches `top` and `opens` while threads open, read and write; the value is the exit code.
pub fn run(options: &SoakOptions) -> Result<u8> {
    let parent = std::fs::canonicalize(&options.dir)?;
    let iotrace = std::fs::canonicalize(&options.iotrace)?;
    let context = Context::new(&iotrace, options.backend, &parent)?;
    match soak(&context, options.seconds) {
        Ok(()) => {
            println!("PASS soak");
            Ok(0)
        }
        Err(error) => {
            println!("FAIL soak: {error:#}");
            print!("{}", context.everything_seen());
            Ok(1)
        }
    }
}

fn soak(context: &Context, seconds: u64) -> Result<()> {
    let lifetime = (seconds + 120).to_string();
    let seconds_text = seconds.to_string();
    let mut threads = Workload::start(
        context,
        &[
            "flood",
            "--transfer",
            "--dir",
            plain(context.dir())?,
            "--seconds",
            &seconds_text,
            "--lifetime",
            &lifetime,
        ],
    )?;
    let pid = threads.pid().to_string();
    let top = Tracer::start(
        context,
        "top",
        &["-p", &pid, "0.1"],
        TopCounts::allowing(PROVOKED),
    )?;
    let opens = Tracer::start(
        context,
        "opens",
        &["-p", &pid],
        OpenCounts::allowing(PROVOKED),
    )?;
    threads.go()?;

    println!("{}", Usage::HEADINGS);
    let started = Instant::now();
    let mut looks = Looks::default();
    // The last look is before the flood ends.
    while started.elapsed() + LOOK < Duration::from_secs(seconds) {
        threads.wait_a_while(LOOK)?;
        let at = started.elapsed();
        looks.take(&top, "top", at, 0)?;
        looks.take(&opens, "opens", at, 1)?;
    }
    let report: FloodReport = threads.finish()?;
    let (top, top_end) = top.stop()?;
    let (opens, opens_end) = opens.stop()?;

    let lost = |end: &std::collections::BTreeMap<String, u64>| -> u64 { end.values().sum() };
    let done: Counts = report.threads.iter().map(|thread| thread.counts).sum();
    let (seen, unseen) = (top.total, lost(&top_end.lost));
    println!("top: done {done}; reported {seen}; lost {unseen}");
    ensure!(
        seen.reads + seen.writes + unseen == done.reads + done.writes,
        "top: reported {seen} + lost {unseen} is not done {done}"
    );
    ensure!(
        unseen > 0 || seen == done,
        "top: reported {seen}, done {done}"
    );
    let done: u64 = report.threads.iter().map(|t| t.opened + t.failed).sum();
    let (seen, unseen) = (opens.opened + opens.failed, lost(&opens_end.lost));
    println!("opens: done {done}; reported {seen}; lost {unseen}");
    ensure!(
        seen + unseen == done,
        "opens: reported {seen} + lost {unseen} is not done {done}"
    );
    looks.steady()
}

/// What each process used when it was warm, and last.
#[derive(Default)]
struct Looks {
    warm: [Option<Usage>; 2],
    last: [Option<Usage>; 2],
}

impl Looks {
    fn take<S: Sink>(
        &mut self,
        tracer: &Tracer<S>,
        name: &'static str,
        at: Duration,
        index: usize,
    ) -> Result<()> {
        let usage = Usage::of(name, tracer.process().pid()).with_context(|| name)?;
        println!("{}", usage.line(at));
        if at < WARM || self.warm[index].is_none() {
            self.warm[index] = Some(usage.clone());
        }
        self.last[index] = Some(usage);
        Ok(())
    }

    fn steady(&self) -> Result<()> {
        for (warm, last) in self.warm.iter().zip(&self.last) {
            if let (Some(warm), Some(last)) = (warm, last) {
                last.not_above(warm, MORE_KIB)?;
            }
        }
        Ok(())
    }
}
