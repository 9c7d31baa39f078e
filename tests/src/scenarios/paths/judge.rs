//! What a workload did against what `top` said, way by way.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};

use super::gaps::Here;
use crate::counts::{Counts, Moved, compare};
use crate::harness::{Io, LeftOut, Skip};
use crate::machine;
use crate::work::{PathsReport, Untried};

/// Whether pipes and sockets are shown too. The workloads do not count those.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum AllFiles {
    Yes,
    No,
}

/// What file systems of the virtual machines do not do; anything else that is not tried there would
/// be a test that was lost.
const EXPECTED: [(&str, &str); 3] = [
    // tmpfs before 6.6.
    ("direct", "the file system has no O_DIRECT"),
    (
        "mapped_writes",
        "the file system lets pages be written without a fault",
    ),
    ("mapped_reads_cold", "the file system keeps its pages"),
];

/// Process, thread (none if it is the kernel's choice) and file.
type Key = (Option<u32>, Option<u32>, PathBuf);

/// Of one way.
#[derive(Default)]
struct Sums {
    done: BTreeMap<Key, Moved>,
    seen: BTreeMap<Key, Moved>,
}

/// Of what is in `dir` or was done by the workload: fails unless each way was seen exactly, by thread and file, or is a gap and was not seen at all.
/// Prints the figures of each way when it is judged, and what could not be tried: those of a way
/// that failed are different, or are not printed.
pub fn judge(
    dir: &Path,
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
    let is_expected = |untried: &&Untried| {
        let known = |(way, why): &(&str, &str)| *way == untried.way && untried.why.starts_with(why);
        EXPECTED.iter().any(known)
    };
    let unexpected: Vec<_> = untried.iter().filter(|one| !is_expected(one)).collect();
    ensure!(
        unexpected.is_empty() || !machine::is_emulated(),
        "untried, where it can be tried: {unexpected:?}"
    );
    let mut ways: BTreeMap<&str, Sums> = BTreeMap::new();
    let mut way_of = BTreeMap::new();
    for done in &report.done {
        let key = (Some(done.pid), here.thread(done), done.path.clone());
        let moved = done.moved;
        let sums = ways.entry(&done.way).or_default();
        *sums.done.entry(key).or_default() += moved;
        way_of.insert(&done.path, (done.way.as_str(), done.tid.is_none()));
    }
    let (mut wrong, mut missed) = (Vec::new(), 0);
    for row in rows {
        let path = row.path();
        let Some((way, any_thread)) = path.as_ref().and_then(|path| way_of.get(path)) else {
            if is_stray(dir, report, row, all_files) {
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
        let ends_in_interrupts = here.misses_interrupts() && *way == "aio_direct";
        match sums.judge(here, way, suffix) {
            Err(_) if ends_in_interrupts && sums.missed() > 0 => missed += sums.missed(),
            Err(error) => wrong.push(format!("{way}: {error:#}")),
            Ok(()) => {}
        }
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    if missed > 0 {
        return Err(LeftOut::in_interrupts(missed).into());
    }
    match untried.first() {
        Some(Untried { way, why }) if ways.is_empty() => Skip::because(format!("{way}: {why}")),
        _ => Ok(()),
    }
}

/// Whether a row is of the workload, or in its directory, though it did not touch the file.
fn is_stray(dir: &Path, report: &PathsReport, row: &Io, all_files: AllFiles) -> bool {
    let path = row.path();
    if path.is_some_and(|path| path.starts_with(dir)) {
        return true;
    }
    // The program and its libraries are mapped too.
    if row.counts == Counts::ZERO && row.extra.cloned_bytes == 0 {
        return false;
    }
    let channel = matches!(row.file_type.as_deref(), Some("fifo" | "socket"));
    if channel && all_files == AllFiles::Yes {
        return false;
    }
    row.pid.is_some_and(|pid| report.pids.contains(&pid))
}

/// What of a way may stand in the table.
enum Seen {
    /// Exactly what was done.
    All,
    /// Nothing, as was said before.
    Not,
}

impl Sums {
    /// How many operations were not reported; 0 where anything was that was not done.
    fn missed(&self) -> u64 {
        let operations = |sums: &BTreeMap<Key, Moved>, key| {
            let moved = sums.get(key).copied().unwrap_or_default();
            moved.counts.reads + moved.counts.writes
        };
        let mut missed = 0;
        for key in self.done.keys().chain(self.seen.keys()) {
            let (done, seen) = (operations(&self.done, key), operations(&self.seen, key));
            if seen > done {
                return 0;
            }
            missed += done - seen;
        }
        missed
    }

    fn judge(&self, here: &Here, way: &str, suffix: &str) -> Result<()> {
        let figure = |sums: &BTreeMap<Key, Moved>| {
            let sum: Moved = sums.values().copied().sum();
            sum.figure()
        };
        let (reported, real) = (figure(&self.seen), figure(&self.done));
        let judged = self.compare(here, way);
        // Sums that are equal only as a whole must not look exact in the table.
        if judged.is_ok() || reported != real {
            let gap = matches!(judged, Ok(Seen::Not));
            let note = if gap { " gap" } else { "" };
            println!("accuracy: {way}{suffix} {reported}/{real}{note}");
        }
        judged.map(drop)
    }

    fn compare(&self, here: &Here, way: &str) -> Result<Seen> {
        if !here.is_gap(way)? {
            compare(&self.done, &self.seen)?;
            return Ok(Seen::All);
        }
        ensure!(
            self.seen.is_empty(),
            "named as not seen, but reported: {:?}",
            self.seen
        );
        Ok(Seen::Not)
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Result;

    use super::{AllFiles, judge};
    use crate::cli::Backend;
    use crate::harness::Io;
    use crate::scenarios::paths::gaps::Here;
    use crate::work::PathsReport;

    const DONE: &str = r#"{"pids":[7],"untried":[],"done":[
        {"way":"plain","pid":7,"tid":8,"reaper":null,"path":"/d/plain/a","reads":2,"writes":0,
         "read_bytes":5,"write_bytes":0},
        {"way":"reflink","pid":7,"tid":8,"reaper":null,"path":"/d/reflink/a","reads":0,"writes":0,
         "read_bytes":0,"write_bytes":0,"cloned_bytes":9}]}"#;

    fn row(tid: u32, path: &str, reads: u64, bytes: u64, cloned: u64) -> Result<Io> {
        Io::parse(&format!(
            r#"{{"pid":7,"tid":{tid},"path":"{path}","reads":{reads},"writes":0,"read_bytes":{bytes},
                "write_bytes":0,"cloned_bytes":{cloned},"file_type":"regular"}}"#
        ))
    }

    fn is_good(backend: Backend, unseen: &[&str], rows: &[Io]) -> Result<bool> {
        let here = Here::of(backend, (6, 12), unseen);
        let report: PathsReport = serde_json::from_str(DONE)?;
        Ok(judge("/d".as_ref(), &here, "", &report, rows, AllFiles::No).is_ok())
    }

    #[test]
    fn all_of_it_and_nothing_else() -> Result<()> {
        let one = || row(8, "/d/plain/a", 1, 2, 0);
        let rest = || row(8, "/d/plain/a", 1, 3, 0);
        let clone = || row(8, "/d/reflink/a", 0, 0, 9);
        let all = |rows: &[Io]| is_good(Backend::Fentry, &[], rows);
        assert!(all(&[one()?, rest()?, clone()?])?);
        assert!(!all(&[one()?, clone()?])?, "not all");
        assert!(!all(&[one()?, rest()?, rest()?, clone()?])?, "twice");
        assert!(!all(&[one()?, rest()?])?, "not named");
        let other = row(9, "/d/plain/a", 1, 3, 0)?;
        assert!(!all(&[one()?, other, clone()?])?, "another thread");
        for path in ["/d/plain/b", "/elsewhere"] {
            let stray = row(8, path, 1, 1, 0)?;
            assert!(!all(&[one()?, rest()?, clone()?, stray])?, "{path}");
        }
        Ok(())
    }

    #[test]
    fn a_gap_is_empty() -> Result<()> {
        let plain = || row(8, "/d/plain/a", 2, 5, 0);
        let clone = || row(8, "/d/reflink/a", 0, 0, 9);
        let unseen = ["reflink"];
        assert!(is_good(Backend::Kprobe, &unseen, &[plain()?])?);
        assert!(!is_good(Backend::Kprobe, &unseen, &[plain()?, clone()?])?);
        assert!(is_good(Backend::Kprobe, &[], &[plain()?, clone()?])?);
        assert!(!is_good(Backend::Fentry, &unseen, &[plain()?])?);
        Ok(())
    }
}
