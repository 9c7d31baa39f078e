//! What AIO, io_uring and `--cache` have no room for is counted: nothing is missing unsaid.

use anyhow::{Context as _, Result, ensure};

use super::Scenario;
use crate::cli::Backend;
use crate::counts::Counts;
use crate::harness::{Context, End, LeftOut, Rows, Skip, Tick, Tracer, Workload, plain};
use crate::work::Report;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "aio_completions_of_a_crowd",
        proves: "one call that fetches 50 completions, or those of 6 files: counted + lost = done; a \
                 backend that sees each completion loses none",
        run: aio_batch,
    },
    Scenario {
        name: "aio_requests_without_room",
        proves: "with room for one call and 24 requests of AIO under way, counted + lost = done; a \
                 backend that needs no such room loses none",
        run: aio_calls,
    },
    Scenario {
        name: "uring_completions_without_room",
        proves: "io_uring with 64 reads and room for 8 completions: counted + lost = done",
        run: uring,
    },
    Scenario {
        name: "cache_use_without_room",
        proves: "with room for one call, `top --cache` counts what it does not know of 4 threads, and \
                 their reads exactly; with room for all it knows everything",
        run: storage,
    },
];

const AIO_BATCH: &str = "aio_batch";
const NAME_GONE: &str = "name_gone";
const CALLS_FULL: &str = "calls_full";
const URING_OVERFLOW: &str = "uring_overflow";
const STORAGE_UNKNOWN: &str = "storage_unknown";

fn aio_batch(context: &Context) -> Result<()> {
    let is_batched = context.backend() == Backend::Syscall;
    for (dir, files, each, lost) in [("many", 1, 50, 18), ("several", 6, 5, 10)] {
        // The third file of a call has no name before another call.
        let allowed = &[AIO_BATCH, NAME_GONE];
        let (done, seen, end) = aio(context, dir, files, each, &[], allowed, &[])?;
        let expected = if is_batched { lost } else { 0 };
        check(done, seen.total(), lost_by(&end, AIO_BATCH)?)?;
        ensure!(
            lost_by(&end, AIO_BATCH)? == expected,
            "{files} files, {each} each: {:?}, not {expected}",
            end.lost
        );
    }
    Ok(())
}

fn aio_calls(context: &Context) -> Result<()> {
    let options = ["--map-calls", "1"];
    let allowed = &[CALLS_FULL];
    let (done, seen, end) = aio(context, "direct", 1, 24, &options, allowed, &["--direct"])?;
    if done == Counts::ZERO {
        return Skip::because("the file system has no O_DIRECT");
    }
    let lost = lost_by(&end, CALLS_FULL)?;
    println!("     reported {}, lost {lost}", seen.total());
    let told = seen.total().reads + lost;
    if context.backend() == Backend::Kprobe && told < done.reads {
        return Err(LeftOut::in_interrupts(done.reads - told).into());
    }
    check(done, seen.total(), lost)?;
    let needs_room = context.backend() != Backend::Syscall;
    ensure!((lost > 0) == needs_room, "{lost} lost");
    Ok(())
}

/// What was done, what was seen, and the end.
fn aio(
    context: &Context,
    dir: &str,
    files: usize,
    each: usize,
    top: &[&str],
    allowed: &'static [&'static str],
    work: &[&str],
) -> Result<(Counts, Rows, End)> {
    let dir = context.make_dir(dir)?;
    let (files, each) = (files.to_string(), each.to_string());
    let arguments = ["aio-crowd", "--files", &files, "--each", &each, "--dir"];
    let arguments = [&arguments, &[plain(&dir)?][..], work].concat();
    watch(context, &arguments, top, allowed)
}

fn uring(context: &Context) -> Result<()> {
    let dir = context.make_dir("ring")?;
    let arguments = ["uring-crowd", "--rounds", "8", "--dir", plain(&dir)?];
    let mut workload = Workload::start(context, &arguments)?;
    let pid = workload.pid().to_string();
    let sink = Rows::allowing(&[URING_OVERFLOW]);
    let tracer = Tracer::start(context, "top", &["-p", &pid, "0.1"], sink)?;
    if tracer.unseen()?.contains("io_uring") {
        return Skip::because("io_uring is not seen");
    }
    workload.go()?;
    let report: Report = workload.finish()?;
    let (seen, end) = tracer.stop()?;
    let lost = lost_by(&end, URING_OVERFLOW)?;
    println!("     reported {}, lost {lost}", seen.total());
    check(report.counts, seen.total(), lost)?;
    ensure!(lost > 0, "the queue was never full");
    Ok(())
}

fn storage(context: &Context) -> Result<()> {
    let dir = context.make_dir("crowd")?;
    let arguments = ["crowd", "--threads", "4", "--dir", plain(&dir)?];
    let mut workload = Workload::start(context, &arguments)?;
    let pid = workload.pid().to_string();
    let options = ["-p", &pid, "--cache", "0.1"];
    let enough = Tracer::start(context, "top", &options, Rows::default())?;
    let options = [&options[..], &["--map-calls", "1"]].concat();
    // The kprobe backend has room for no more calls, too.
    let allowed: &[_] = match context.backend() {
        Backend::Kprobe => &[STORAGE_UNKNOWN, CALLS_FULL],
        Backend::Fentry | Backend::Syscall => &[STORAGE_UNKNOWN],
    };
    let scarce = Tracer::start(context, "top", &options, Rows::allowing(allowed))?;
    workload.go()?;
    scarce.wait_until("use of the cache that is not known", |rows| {
        let lost = |tick: &Tick| tick.lost.get(STORAGE_UNKNOWN).is_some_and(|lost| *lost > 0);
        rows.ticks.iter().any(lost)
    })?;
    let report: Report = workload.finish()?;
    let (all, end) = enough.stop()?;
    check(report.counts, all.total(), 0)?;
    ensure!(lost_by(&end, STORAGE_UNKNOWN)? == 0, "lost: {:?}", end.lost);
    let (seen, end) = scarce.stop()?;
    let unknown = lost_by(&end, STORAGE_UNKNOWN)?;
    println!("     of {}: {unknown} not known", report.counts);
    check(report.counts, seen.total(), lost_by(&end, CALLS_FULL)?)
}

fn watch(
    context: &Context,
    arguments: &[&str],
    top: &[&str],
    allowed: &'static [&'static str],
) -> Result<(Counts, Rows, End)> {
    let mut workload = Workload::start(context, arguments)?;
    let pid = workload.pid().to_string();
    let options = [&["-p", &pid, "0.1"], top].concat();
    let tracer = Tracer::start(context, "top", &options, Rows::allowing(allowed))?;
    workload.go()?;
    let report: Report = workload.finish()?;
    let (seen, end) = tracer.stop()?;
    Ok((report.counts, seen, end))
}

fn lost_by(end: &End, cause: &str) -> Result<u64> {
    let lost = end.lost.get(cause).copied();
    lost.with_context(|| format!("no {cause} in {:?}", end.lost))
}

/// All reads have the same length.
fn check(done: Counts, seen: Counts, lost: u64) -> Result<()> {
    let length = done.read_bytes.checked_div(done.reads).unwrap_or(0);
    let missing = Counts {
        reads: lost,
        read_bytes: lost * length,
        ..Counts::ZERO
    };
    ensure!(
        seen + missing == done,
        "reported {seen}, lost {lost}, but done {done}"
    );
    Ok(())
}
