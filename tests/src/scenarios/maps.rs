//! The limits of the counter map: nothing is lost when it is full, and idle
//! rows make room.

use anyhow::{Context as _, Result, ensure};

use super::Scenario;
use crate::counts::Counts;
use crate::harness::{Context, Rows, Tracer, Workload};
use crate::machine;
use crate::work::{Report, bytes_of_file};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "map_full_is_counted",
        proves: "with 500 files in a map of 64 rows, what has no row is in overflow, to the byte",
        run: map_full,
    },
    Scenario {
        name: "idle_rows_are_reclaimed",
        proves: "20,000 files (an emulated CPU: 5,000) pass through a map of 1,024 rows without overflow, as \
                 long as few are live",
        run: idle_rows,
    },
];

/// In one long interval, because a slow machine would give the map time to
/// reclaim rows between short ones.
fn map_full(context: &Context) -> Result<()> {
    const FILES: u64 = 500;
    let mut workload = files(context, FILES, FILES)?;
    let pid = workload.pid().to_string();
    let options = ["-p", &pid, "--map-rows", "64", "600"];
    let tracer = Tracer::start(context, "top", &options, Rows::default())?;
    workload.go()?;
    let report: Report = workload.finish()?;
    let (seen, _) = tracer.stop()?;

    same(&report, FILES, seen.total())?;
    ensure!(
        seen.overflow() != Counts::ZERO,
        "no overflow with {FILES} files in 64 rows: nothing was proved"
    );
    ensure!(!seen.rows.is_empty(), "a full map must still have rows");
    Ok(())
}

/// Each batch waits for a tick after the last one, so that "few are live" does
/// not hang on how fast this machine is.
fn idle_rows(context: &Context) -> Result<()> {
    const BATCH: u64 = 250;
    // Several times the map's rows in any case.
    let count: u64 = if machine::is_emulated() {
        5_000
    } else {
        20_000
    };
    let mut workload = files(context, count, BATCH)?;
    let pid = workload.pid().to_string();
    let options = ["-p", &pid, "--map-rows", "1024", "0.1"];
    let tracer = Tracer::start(context, "top", &options, Rows::default())?;
    for batch in 1..=count / BATCH {
        workload.go()?;
        tracer.wait_until(&format!("tick with the end of batch {batch}"), |seen| {
            seen.total().writes == batch * BATCH
        })?;
    }
    let report: Report = workload.finish()?;
    let (seen, _) = tracer.stop()?;

    same(&report, count, seen.total())?;
    ensure!(
        seen.overflow() == Counts::ZERO,
        "overflow: {}",
        seen.overflow()
    );
    let files = seen.sums(|row| row.path());
    ensure!(
        files.len() as u64 == count,
        "{} files reported",
        files.len()
    );
    Ok(())
}

fn files(context: &Context, count: u64, batch: u64) -> Result<Workload> {
    let dir = context.make_dir("files")?;
    let dir = dir.to_str().context("the directory has a plain name")?;
    let (count, batch) = (count.to_string(), batch.to_string());
    Workload::start(
        context,
        &["files", "--dir", dir, "--count", &count, "--batch", &batch],
    )
}

/// The workload did what it should, and the ticks say the same.
fn same(report: &Report, files: u64, seen: Counts) -> Result<()> {
    let bytes = (0..files).map(bytes_of_file).sum();
    let expected = Counts {
        reads: 2 * files,
        writes: files,
        read_bytes: bytes,
        write_bytes: bytes,
    };
    ensure!(
        report.counts == expected,
        "the workload did {}",
        report.counts
    );
    ensure!(seen == expected, "reported {seen}, but done {expected}");
    Ok(())
}
