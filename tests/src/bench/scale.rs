//! How costs grow: with (thread, file) pairs that are alive, with threads, with rows printed.

use std::time::Duration;

use anyhow::Result;

use super::Common;
use super::crowd;
use super::files::{Files, MOST_FILES, again, shape};
use super::record::Record;
use super::refresh::Refresh;
use super::tracers::Spec;

/// Pairs that are alive.
const PAIRS: [usize; 5] = [100, 1_000, 10_000, 100_000, 1_000_000];
const THREADS: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
/// Reads of all threads together.
const READS: usize = 64_000;
/// Live rows while tables are printed, and how many of them are.
const LIVE: [usize; 2] = [10_000, 100_000];
const ROWS: [usize; 3] = [20, 1_000, 1_000_000];

/// Measures and prints.
pub fn run(common: &Common) -> Result<()> {
    let files = Files::new(common, MOST_FILES)?;
    pairs(common, &files)?;
    threads(common, &files)?;
    rows(common, &files)
}

/// The first read of each pair, then one after the other once more, then the same one again.
fn pairs(common: &Common, files: &Files) -> Result<()> {
    const PLOT: &str = "pairs";
    const SERIES: [&str; 3] = ["first read of a pair", "each pair in turn", "the same pair"];
    for pairs in PAIRS {
        let (threads, count) = shape(pairs);
        let measure = || {
            let times = crowd::passes(
                threads,
                SERIES.len(),
                |thread, pass| match pass {
                    2 if thread > 0 => Ok(()),
                    2 => again(files.one(0), READS),
                    // More than once where there are few, for the clock's sake.
                    1 => (0..(1_000 / pairs).max(1)).try_for_each(|_| files.read(count)),
                    _ => files.read(count),
                },
                |_| Ok(()),
            )?;
            let calls = [pairs, pairs * (1_000 / pairs).max(1), READS];
            Ok(times.into_iter().zip(calls).map(per_call).collect())
        };
        let rows = pairs.max(16_384) * 2;
        let top = common.iotrace(&format!("top -C 1000 --backend fentry --map-rows {rows}"));
        for (series, added) in SERIES.into_iter().zip(added(common, &top, measure)?) {
            point(PLOT, series, pairs, added)?;
        }
    }
    Ok(())
}

/// Each thread reads a file of its own.
fn threads(common: &Common, files: &Files) -> Result<()> {
    let top = common.iotrace("top -C 1000 --backend fentry");
    for threads in THREADS {
        let share = READS / threads;
        let measure = || {
            let times = crowd::passes(
                threads,
                2,
                |thread, pass| {
                    // First what is done only once for a pair.
                    again(files.one(thread), if pass == 0 { 1 } else { share })
                },
                |_| Ok(()),
            )?;
            Ok(vec![per_call((times[1], share * threads))])
        };
        point(
            "threads",
            "1-byte pread",
            threads,
            added(common, &top, measure)?[0],
        )?;
    }
    Ok(())
}

fn per_call((time, calls): (Duration, usize)) -> f64 {
    time.as_nanos() as f64 / calls as f64
}

/// What `measure` says more of with the tracer than without.
fn added(
    common: &Common,
    tracer: &[String],
    measure: impl Fn() -> Result<Vec<f64>>,
) -> Result<Vec<f64>> {
    let bare = measure()?;
    let tracer = Spec::program("top", tracer).start(&common.memory)?;
    let traced = measure()?;
    tracer.stop()?;
    Ok(traced
        .iter()
        .zip(&bare)
        .map(|(with, without)| with - without)
        .collect())
}

/// What `top` itself uses for a table.
fn rows(common: &Common, files: &Files) -> Result<()> {
    for live in LIVE {
        let series = format!("{live} live pairs");
        for rows in ROWS {
            let refresh = Refresh::measure(common, files, "fentry", live, rows)?;
            let printed = rows.min(live);
            point("refresh", &series, printed, refresh.later_ns)?;
            point("refresh of new pairs", &series, printed, refresh.first_ns)?;
        }
    }
    Ok(())
}

fn point(plot: &str, series: &str, x: usize, y: f64) -> Result<()> {
    Record::Point {
        plot,
        series,
        x: x as f64,
        y,
    }
    .say()
}
