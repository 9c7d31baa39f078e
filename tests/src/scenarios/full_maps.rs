//! Maps other than that of the counters: what finds no room in them is counted.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};

use super::Scenario;
use super::follow::{EXIT_CODE, Family};
use crate::cli::Backend;
use crate::harness::{Context, OpenCounts, Rows, Tracer, Workload, plain, this_program};
use crate::work::SleepersReport;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "calls_under_way_are_counted",
        proves: "with 6 threads asleep in an open and room for 3 calls, opens reported + lost = \
                 opens done; a backend that needs no such room loses none",
        run: calls,
    },
    Scenario {
        name: "processes_without_room_are_counted",
        proves: "with room for the command alone, its children are counted as not \
                 followed, and nobody else has rows",
        run: processes,
    },
];

const CALLS_FULL: &str = "calls_full";
const FOLLOW_FULL: &str = "follow_full";

fn calls(context: &Context) -> Result<()> {
    let dir = plain(context.dir())?;
    let arguments = ["sleepers", "--threads", "6", "--files", "30", "--dir", dir];
    let mut workload = Workload::start(context, &arguments)?;
    let pid = workload.pid().to_string();
    let options = ["-p", &pid, "--map-calls", "3"];
    let counts = OpenCounts::allowing(&[CALLS_FULL]);
    let tracer = Tracer::start(context, "opens", &options, counts)?;
    workload.go()?;
    let report: SleepersReport = workload.finish()?;
    let (seen, end) = tracer.stop()?;

    let lost = *end
        .lost
        .get(CALLS_FULL)
        .with_context(|| format!("no {CALLS_FULL} in {:?}", end.lost))?;
    println!("     reported {}, lost {lost}", seen.opened);
    ensure!(
        seen.opened + lost == report.opened && seen.failed == 0,
        "reported {} and {} failed, lost {lost}, but done {}",
        seen.opened,
        seen.failed,
        report.opened
    );
    let has_such_a_map = context.backend() == Backend::Kprobe;
    ensure!((lost > 0) == has_such_a_map, "{lost} lost");
    Ok(())
}

fn processes(context: &Context) -> Result<()> {
    let family = Family::start(context, &this_program())?;
    let options = [
        &["--map-processes", "1", "0.1"].map(str::to_owned),
        &family.arguments[..],
    ]
    .concat();
    let tracer = Tracer::start(context, "top", &options, Rows::allowing(&[FOLLOW_FULL]))?;
    let (seen, end) = tracer.finish(EXIT_CODE)?;
    let lengths = family.end()?;

    let pids: BTreeSet<_> = seen.rows.iter().filter_map(|row| row.pid).collect();
    ensure!(
        pids.len() == 1,
        "rows of {pids:?}, not of the command alone"
    );
    ensure!(
        pids.iter().all(|pid| lengths.contains_key(pid)),
        "rows of {pids:?}, which are not of the command: {lengths:?}"
    );
    let lost = end.lost.get(FOLLOW_FULL).copied().unwrap_or(0);
    // Grandchildren are not asked for: their parents are not followed.
    ensure!(lost == 3, "{lost} processes counted as not followed, not 3");
    Ok(())
}
