//! More files than iotrace may be able to tell: what it does not tell it must count.

use anyhow::{Context as _, Result, ensure};

use crate::harness::{Context, Lives, Tracer, Workload, plain};
use crate::machine;
use crate::scenarios::Scenario;
use crate::work::BirthsReport;

pub const FLOOD: Scenario = Scenario {
    name: "churn_flood",
    proves: "of 100,000 files that four threads make and remove (within 10 s; on an emulated CPU as \
             many as they can in 5 s), each is told, or what was lost accounts for it, and iotrace \
             stays small",
    run: |context| flood(context, &[], false),
};

pub const THROUGH_ONE_PAGE: Scenario = Scenario {
    name: "churn_flood_through_one_page",
    proves: "the same with a ring of one page, in which most are lost",
    run: |context| flood(context, &["--ring-kib", "4"], true),
};

/// Most memory that iotrace may ever have used.
const MEMORY_KIB: u64 = 200 << 10;

fn flood(context: &Context, options: &[&str], must_lose: bool) -> Result<()> {
    let dir = context.make_dir("births")?;
    let seconds = if machine::is_emulated() { "5" } else { "10" };
    let words = ["births", "--dir", plain(&dir)?, "--files", "100000"];
    let mut threads = Workload::start(context, &[&words[..], &["--seconds", seconds]].concat())?;
    let pid = threads.pid().to_string();
    let sink = Lives::allowing(&["ring_full", "files_untracked"]).or_left_out();
    let options = [&["--pid", &pid], options].concat();
    let tracer = Tracer::start(context, "churn", &options, sink)?;
    threads.go()?;
    let report: BirthsReport = threads.finish()?;
    let memory = peak_memory_kib(tracer.process().pid())?;
    let (seen, end) = tracer.stop()?;

    let lost = |cause: &str| -> Result<u64> {
        let lost = end.lost.get(cause).copied();
        lost.with_context(|| format!("no {cause:?} in {:?}", end.lost))
    };
    let lost = lost("ring_full")? + lost("files_untracked")? + seen.left_out();
    let made: u64 = report.threads.iter().map(|(_, made)| made).sum();
    let [created, deleted, alive, older] = [
        seen.sum(|one| one.created),
        seen.sum(|one| one.deleted),
        seen.sum(|one| one.alive),
        seen.sum(|one| one.older),
    ];
    println!(
        "     made {made}; told {created} made, {deleted} ended, {alive} alive, {older} older; lost \
         {lost}; {memory} KiB; {} patterns",
        seen.patterns.len()
    );
    ensure!(
        created <= made && made <= created + lost,
        "made {made}, told {created}, lost {lost}"
    );
    ensure!(
        deleted <= made && made <= deleted + lost,
        "removed {made}, told {deleted}, lost {lost}"
    );
    ensure!(alive + older <= lost, "more is wrong than was lost");
    ensure!(
        must_lose == (lost > 0) || !must_lose,
        "nothing was lost, and nothing proved"
    );
    for life in &seen.lives {
        let made = report.threads.iter().any(|(tid, _)| life.tid == Some(*tid));
        ensure!(made || life.tid.is_none(), "of another thread: {life:?}");
        ensure!(
            life.end == "unlink" || lost > 0,
            "ended otherwise: {life:?}"
        );
        let bytes = life.write_bytes.unwrap_or(report.bytes);
        ensure!(bytes == report.bytes || lost > 0, "bytes of {life:?}");
    }
    ensure!(memory < MEMORY_KIB, "iotrace used {memory} KiB");
    Ok(())
}

/// The most memory that a process had resident so far.
fn peak_memory_kib(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path).context(path)?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("no VmHWM")?.parse()?)
}
