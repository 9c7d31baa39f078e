//! Names that found no room on their way: what was done is still counted.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;

use super::Scenario;
use crate::harness::{Context, Rows, Tracer, Workload, plain};
use crate::work::{Report, bytes_of_file};

pub const SCENARIOS: &[Scenario] = &[Scenario {
    name: "lost_names_lose_no_counts",
    proves: "with 3,000 new files and a ring of one page, `top` counts every file by itself, counts \
             each name that found no room, and never tells a wrong one",
    run: counts_are_kept,
}];

const FILES: u64 = 3_000;

fn counts_are_kept(context: &Context) -> Result<()> {
    const CAUSE: &str = "ring_full";
    let dir = context.make_dir("files")?;
    let count = FILES.to_string();
    let options = ["files", "--count", &count, "--batch", &count, "--dir"];
    let mut workload = Workload::start(context, &[&options, &[plain(&dir)?][..]].concat())?;
    let pid = workload.pid().to_string();
    let options = ["-p", &pid, "--ring-kib", "4", "0.1"];
    let tracer = Tracer::start(context, "top", &options, Rows::allowing(&[CAUSE]))?;
    // A reader that does not come: a fast one would make room in time.
    tracer.process().signal(Signal::SIGSTOP)?;
    workload.go()?;
    let report: Report = workload.finish()?;
    tracer.process().signal(Signal::SIGCONT)?;
    let (seen, end) = tracer.stop()?;

    ensure!(
        seen.total() == report.counts,
        "reported {}, done {}",
        seen.total(),
        report.counts
    );
    let files = seen.sums(|row| (row.dev.clone(), row.ino, row.generation));
    let mut written: Vec<u64> = files.values().map(|counts| counts.write_bytes).collect();
    let mut expected: Vec<u64> = (0..FILES).map(bytes_of_file).collect();
    written.sort_unstable();
    expected.sort_unstable();
    ensure!(written == expected, "{} files of {FILES}", files.len());

    let real: BTreeSet<PathBuf> = (0..FILES)
        .map(|index| dir.join(format!("{index}.txt")))
        .collect();
    let mut named = BTreeSet::new();
    for row in &seen.rows {
        if let Some(path) = row.path() {
            ensure!(real.contains(&path), "no such file: {row:?}");
            named.insert(path);
        }
    }
    let lost = end.lost.get(CAUSE).copied().unwrap_or(0);
    println!(
        "     {} of {FILES} files have a name; {CAUSE} {lost}",
        named.len()
    );
    ensure!(lost > 0, "no name was lost: nothing was proved");
    Ok(())
}
