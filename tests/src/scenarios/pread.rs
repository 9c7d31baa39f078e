//! Exactness under a tight loop.

use anyhow::{Context as _, Result, ensure};

use super::Scenario;
use crate::counts::compare;
use crate::harness::{Context, OF_OTHERS, Rows, Tracer, Workload};
use crate::machine;
use crate::work::Report;

pub const SCENARIOS: &[Scenario] = &[Scenario {
    name: "pread_two_million",
    proves: "2,000,000 reads of one byte (an emulated CPU: 500,000) are counted exactly while `top` \
             refreshes every 100 ms",
    run: two_million,
}];

const CALLS: u64 = 2_000_000;
/// Still many refreshes long.
const CALLS_EMULATED: u64 = 500_000;
const REFRESHES: usize = 5;

fn two_million(context: &Context) -> Result<()> {
    let file = context.dir().join("bytes");
    let path = file.to_str().context("the directory has a plain name")?;
    let count = match machine::is_emulated() {
        true => CALLS_EMULATED,
        false => CALLS,
    };
    let calls = count.to_string();
    let mut reader = Workload::start(context, &["pread", "--file", path, "--calls", &calls])?;
    // Without a filter: whatever else this machine does must not disturb.
    let tracer = Tracer::start(context, "top", &["0.1"], Rows::allowing(OF_OTHERS))?;
    reader.go()?;
    let report: Report = reader.finish()?;
    let (seen, _) = tracer.stop()?;

    ensure!(
        report.counts.reads == count && report.counts.read_bytes == count,
        "the workload did {}",
        report.counts
    );
    let key = (Some(report.tid), Some(file.clone()));
    let mut of_file = seen.sums(|row| (row.tid, row.path()));
    of_file.retain(|(_, path), _| path.as_ref() == Some(&file));
    compare(&[(key, report.counts)].into(), &of_file)?;
    let refreshes = seen
        .rows
        .iter()
        .filter(|row| row.path().as_ref() == Some(&file))
        .count();
    ensure!(
        refreshes >= REFRESHES,
        "only {refreshes} ticks had a row of the file: no refresh while it was read"
    );
    Ok(())
}
