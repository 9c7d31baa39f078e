//! A request of AIO that the kernel refused leaves nothing to those that come after it.

use std::collections::BTreeMap;

use anyhow::Result;

use super::Scenario;
use crate::counts::compare;
use crate::harness::{Context, Rows, Tracer, Workload, plain};
use crate::work::Report;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "refused_requests_read_only",
        proves: "with --read-only, writes of AIO do not count as the reads that were refused before them",
        run: |context| go(context, "read_only", &["--read-only"], &[]),
    },
    Scenario {
        name: "refused_requests_of_a_process",
        proves: "with --pid, writes of another process do not count as reads that were refused to this one",
        run: |context| go(context, "of_a_process", &[], &["--fork"]),
    },
];

fn go(context: &Context, dir: &str, top: &[&str], work: &[&str]) -> Result<()> {
    let dir = context.make_dir(dir)?;
    let arguments = [&["aio-refused", "--dir", plain(&dir)?], work].concat();
    let mut workload = Workload::start(context, &arguments)?;
    let pid = workload.pid().to_string();
    let options = [&["-p", &pid, "0.1"], top].concat();
    let tracer = Tracer::start(context, "top", &options, Rows::default())?;
    workload.go()?;
    let report: Report = workload.finish()?;
    let (seen, _) = tracer.stop()?;
    let key = (Some(report.pid), Some(dir.join("source")));
    let done = BTreeMap::from([(key, report.counts)]);
    compare(&done, &seen.sums(|row| (row.pid, row.path())))
}
