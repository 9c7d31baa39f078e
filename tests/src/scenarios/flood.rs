//! More opens than iotrace can tell: what it does not tell it must count.

use anyhow::{Context as _, Result, ensure};

use super::Scenario;
use crate::harness::{Context, OpenCounts, Tracer, Workload};
use crate::machine;
use crate::work::FloodReport;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "open_flood",
        proves: "with 8 threads that open files for 10 s (an emulated CPU: 3 s), opens reported + opens lost = opens done",
        run: |context| {
            let seconds = if machine::is_emulated() { "3" } else { "10" };
            flood(context, seconds, &[]).map(drop)
        },
    },
    Scenario {
        name: "open_flood_through_one_page",
        proves: "the same with a ring of one page, in which most are lost",
        run: |context| {
            let lost = flood(context, "3", &["--ring-kib", "4"])?;
            ensure!(
                lost > 0,
                "a ring of one page lost nothing: nothing was proved"
            );
            Ok(())
        },
    },
];

/// Returns how many were lost.
fn flood(context: &Context, seconds: &str, options: &[&str]) -> Result<u64> {
    let dir = context
        .dir()
        .to_str()
        .context("the directory has a plain name")?;
    let arguments = ["flood", "--dir", dir, "--seconds", seconds];
    let mut threads = Workload::start(context, &arguments)?;
    let pid = threads.pid().to_string();
    let options = [&["--pid", &pid], options].concat();
    let tracer = Tracer::start(context, "opens", &options, OpenCounts::default())?;
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
    ensure!(
        seen.opened + seen.failed + lost == opened + failed,
        "reported {} + lost {lost} is not done {}",
        seen.opened + seen.failed,
        opened + failed
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
