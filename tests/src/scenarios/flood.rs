//! More opens than iotrace can tell: what it does not tell it must count.

use anyhow::{Context as _, Result, ensure};

use super::Scenario;
use crate::counts::{Counts, compare_but};
use crate::harness::{Context, OpenCounts, Rows, Tracer, Workload, plain};
use crate::machine;
use crate::work::FloodReport;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "open_flood",
        proves: "with 8 threads that open files for 10 s (on an emulated CPU all floods take 2 s), \
                 opens reported + opens lost = opens done",
        run: |context| flood(context, 10, &[], &[]).map(drop),
    },
    Scenario {
        name: "open_flood_on_every_cpu",
        proves: "the same with one thread on each CPU, which it never leaves",
        run: |context| flood(context, 3, &[PINNED], &[]).map(drop),
    },
    Scenario {
        name: "read_and_write_flood",
        proves: "with 8 threads that open, read and write for 3 s, `top` has every operation and \
                 byte of each, or counts what a program could not see",
        run: |context| transfers(context, &[TRANSFER]),
    },
    Scenario {
        name: "read_and_write_flood_on_every_cpu",
        proves: "the same with one thread on each CPU, which it never leaves",
        run: |context| transfers(context, &[TRANSFER, PINNED]),
    },
    Scenario {
        name: "open_flood_through_one_page",
        proves: "the same with a ring of one page, in which most are lost",
        run: |context| {
            let lost = flood(context, 3, &[], &["--ring-kib", "4"])?;
            ensure!(
                lost > 0,
                "a ring of one page lost nothing: nothing was proved"
            );
            Ok(())
        },
    },
];

/// Options of the workload.
const PINNED: &str = "--pinned";
const TRANSFER: &str = "--transfer";

fn start(context: &Context, seconds: u32, how: &[&str]) -> Result<Workload> {
    let seconds = match machine::is_emulated() {
        true => 2,
        false => seconds,
    };
    let seconds = seconds.to_string();
    let dir = plain(context.dir())?;
    let arguments = ["flood", "--dir", dir, "--seconds", &seconds];
    Workload::start(context, &[&arguments, how].concat())
}

/// Returns how many were lost.
fn flood(context: &Context, seconds: u32, how: &[&str], options: &[&str]) -> Result<u64> {
    let mut threads = start(context, seconds, how)?;
    let pid = threads.pid().to_string();
    let options = [&["--pid", &pid], options].concat();
    let tracer = Tracer::start(
        context,
        "opens",
        &options,
        OpenCounts::allowing(&["ring_full"]).or_left_out(),
    )?;
    threads.go()?;
    let report: FloodReport = threads.finish()?;
    let (seen, end) = tracer.stop()?;

    let opened: u64 = report.threads.iter().map(|thread| thread.opened).sum();
    let failed: u64 = report.threads.iter().map(|thread| thread.failed).sum();
    let lost = *end
        .lost
        .get("ring_full")
        .with_context(|| format!("no `ring_full` in {:?}", end.lost))?;
    println!(
        "     done {opened} + {failed} failed; reported {} + {} failed; lost {lost}",
        seen.opened, seen.failed
    );
    // What the kernel left out need not have been an open of these threads.
    let (told, done) = (seen.opened + seen.failed + lost, opened + failed);
    ensure!(
        (told..=told + seen.left_out()).contains(&done),
        "reported and lost {told}, left out {}, but done {done}",
        seen.left_out()
    );
    ensure!(
        seen.opened > 0 && seen.failed > 0,
        "nothing of one kind was reported"
    );
    ensure!(seen.ticks > 0, "no tick");
    for thread in &report.threads {
        let reported = seen.by_thread.get(&thread.tid).copied().unwrap_or(0);
        ensure!(
            reported <= thread.opened,
            "thread {}: {reported} reported, {} done",
            thread.tid,
            thread.opened
        );
    }
    Ok(lost)
}

fn transfers(context: &Context, how: &[&str]) -> Result<()> {
    let mut threads = start(context, 3, how)?;
    let pid = threads.pid().to_string();
    let options = ["--pid", &pid, "0.1"];
    let tracer = Tracer::start(context, "top", &options, Rows::default().or_left_out())?;
    threads.go()?;
    let report: FloodReport = threads.finish()?;
    let (seen, _) = tracer.stop()?;

    // An operation on which the kernel ran no program has no bytes that anybody knows.
    let lost = seen.left_out();
    let done: Counts = report.threads.iter().map(|thread| thread.counts).sum();
    println!(
        "     done {done} by {} threads; reported {}; lost {lost}; {} ticks",
        report.threads.len(),
        seen.total(),
        seen.ticks.len()
    );
    let threads = report.threads.iter();
    let by_thread = threads.map(|thread| (Some(thread.tid), thread.counts));
    compare_but(&by_thread.collect(), &seen.sums(|row| row.tid), lost)
}
