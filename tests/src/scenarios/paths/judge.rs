//! What a workload did against what `top` said, way by way.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::gaps::Here;
use crate::counts::{Moved, compare};
use crate::harness::{Context, Io, Skip};
use crate::work::{PathsReport, Untried};

/// Whether pipes and sockets are shown too. The workloads do not count those.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum AllFiles {
    Yes,
    No,
}

/// Process, thread (none if it is the kernel's choice) and file.
type Key = (Option<u32>, Option<u32>, PathBuf);

/// Of one way.
#[derive(Default)]
struct Sums {
    done: BTreeMap<Key, Moved>,
    seen: BTreeMap<Key, Moved>,
}

/// Fails unless each way was seen exactly, by thread and file, or is a gap and was not seen at all.
/// Prints the figures first, and what could not be tried.
pub fn judge(
    context: &Context,
    here: &Here,
    suffix: &str,
    report: &PathsReport,
    rows: &[Io],
    all_files: AllFiles,
) -> Result<()> {
    let untried: BTreeSet<&Untried> = report.untried.iter().collect();
    for Untried { way, why } in &untried {
        println!("untried: {way}{suffix}: {why}");
    }
    let mut ways: BTreeMap<&str, Sums> = BTreeMap::new();
    let mut way_of = BTreeMap::new();
    for done in &report.done {
        let key = (Some(done.pid), here.thread(done), done.path.clone());
        let moved = here.visible(&done.way, done.moved);
        let sums = ways.entry(&done.way).or_default();
        *sums.done.entry(key).or_default() += moved;
        way_of.insert(&done.path, (done.way.as_str(), done.tid.is_none()));
    }
    let mut wrong = Vec::new();
    for row in rows {
        let path = row.path();
        let Some((way, any_thread)) = path.as_ref().and_then(|path| way_of.get(path)) else {
            if is_stray(context, report, row, all_files) {
                wrong.push(format!("was not touched: {row:?}"));
            }
            continue;
        };
        if row.layer.is_some() {
            wrong.push(format!("the layer was not asked for: {row:?}"));
        }
        let tid = row.tid.filter(|_| !any_thread);
        let key = (row.pid, tid, path.unwrap_or_default());
        let sums = ways.entry(way).or_default();
        *sums.seen.entry(key).or_default() += row.moved();
    }
    for (way, sums) in &ways {
        if let Err(error) = sums.judge(here, way, suffix) {
            wrong.push(format!("{way}: {error:#}"));
        }
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    match untried.first() {
        Some(Untried { way, why }) if ways.is_empty() => Skip::because(format!("{way}: {why}")),
        _ => Ok(()),
    }
}

/// Whether a row is of the workload, or in its directory, though it did not touch the file.
fn is_stray(context: &Context, report: &PathsReport, row: &Io, all_files: AllFiles) -> bool {
    let path = row.path();
    if path.is_some_and(|path| path.starts_with(context.dir())) {
        return true;
    }
    let channel = matches!(row.file_type.as_deref(), Some("fifo" | "socket"));
    if channel && all_files == AllFiles::Yes {
        return false;
    }
    row.pid.is_some_and(|pid| report.pids.contains(&pid))
}

impl Sums {
    fn judge(&self, here: &Here, way: &str, suffix: &str) -> Result<()> {
        let figure = |sums: &BTreeMap<Key, Moved>| {
            let sum: Moved = sums.values().copied().sum();
            sum.figure()
        };
        let (reported, real) = (figure(&self.seen), figure(&self.done));
        let gap = here.is_gap(way);
        let proven = matches!(gap, Ok(true)) && self.seen.is_empty();
        let note = if proven { " gap" } else { "" };
        println!("accuracy: {way}{suffix} {reported}/{real}{note}");
        match gap? {
            true if proven => Ok(()),
            true => bail!("named as not seen, but reported: {:?}", self.seen),
            false => compare(&self.done, &self.seen),
        }
    }
}
