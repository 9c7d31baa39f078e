//! What the random workload says it did against the rows of iotrace.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};

use crate::counts::{Counts, compare_but};
use crate::harness::Io;
use crate::work::{AngerFile, AngerReport};

/// Process, thread, device, inode and generation.
type Key = (
    Option<u32>,
    Option<u32>,
    Option<String>,
    Option<u64>,
    Option<u64>,
);

/// Compares all sums, those of each file and of each thread too, but for so many operations that the
/// kernel left out; returns what was done, in words.
pub fn same<'rows>(
    report: &AngerReport,
    rows: impl Iterator<Item = &'rows Io>,
    left_out: u64,
) -> Result<String> {
    let mut done = BTreeMap::new();
    for touched in &report.touched {
        let file = touched.file;
        let (device, generation) = (file.device(), file.generation.map(u64::from));
        let (pid, tid) = (Some(touched.pid), Some(touched.tid));
        let key = (pid, tid, Some(device), Some(file.ino), generation);
        *done.entry(key).or_insert(Counts::ZERO) += touched.counts;
    }
    let untold = devices_without_generations(report.touched.iter().map(|touched| touched.file));
    let mut reported = BTreeMap::new();
    for row in rows {
        let has = !row.dev.as_ref().is_some_and(|dev| untold.contains(dev));
        let generation = row.generation.filter(|_| has);
        let key = (row.pid, row.tid, row.dev.clone(), row.ino, generation);
        *reported.entry(key).or_insert(Counts::ZERO) += row.counts;
    }
    by("file", &done, &reported, left_out, |key| {
        (None, None, key.2.clone(), key.3, key.4)
    })?;
    by("thread", &done, &reported, left_out, |key| {
        (key.0, key.1, None, None, None)
    })?;
    by("thread and file", &done, &reported, left_out, Key::clone)?;
    let total: Counts = done.values().copied().sum();
    Ok(format!(
        "{total} by {} pairs of thread and file",
        done.len()
    ))
}

/// Fails when the workload did not do what makes it hard.
pub fn went_wild(report: &AngerReport) -> Result<()> {
    println!(
        "       {} processes, {} threads, {} ids reused, {} descriptors received, {} calls failed",
        report.processes, report.threads, report.reused, report.received, report.failed
    );
    ensure!(report.reused > 0, "no id was used twice");
    ensure!(report.received > 0, "no descriptor came over a socket");
    ensure!(report.failed > 0, "no call failed");
    let files: BTreeSet<_> = report.touched.iter().map(|touched| touched.file).collect();
    let inodes: BTreeSet<_> = files.iter().map(|file| (file.dev, file.ino)).collect();
    ensure!(
        inodes.len() < files.len(),
        "no inode was used twice: use --dir on ext4 or xfs"
    );
    Ok(())
}

/// Compares sums over a part of the key.
fn by(
    what: &str,
    done: &BTreeMap<Key, Counts>,
    reported: &BTreeMap<Key, Counts>,
    left_out: u64,
    part: impl Fn(&Key) -> Key,
) -> Result<()> {
    let fold = |sums: &BTreeMap<Key, Counts>| {
        let mut folded = BTreeMap::new();
        for (key, counts) in sums {
            *folded.entry(part(key)).or_insert(Counts::ZERO) += *counts;
        }
        folded
    };
    compare_but(&fold(done), &fold(reported), left_out).with_context(|| format!("by {what}"))
}

/// The file systems that do not tell generations to user space, though the kernel has them.
fn devices_without_generations(files: impl Iterator<Item = AngerFile>) -> BTreeSet<String> {
    files
        .filter(|file| file.generation.is_none())
        .map(AngerFile::device)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::same;
    use crate::counts::Counts;
    use crate::harness::Io;
    use crate::work::AngerReport;

    const ROWS: [&str; 3] = [
        r#"{"pid":1,"tid":2,"dev":"8:1","ino":5,"gen":9,"reads":2,"writes":0,"read_bytes":7,"write_bytes":0}"#,
        r#"{"pid":1,"tid":2,"dev":"8:1","ino":5,"gen":9,"reads":1,"writes":1,"read_bytes":0,"write_bytes":3}"#,
        r#"{"pid":1,"tid":3,"dev":"0:4","ino":5,"gen":77,"reads":0,"writes":1,"read_bytes":0,"write_bytes":0}"#,
    ];

    fn report() -> AngerReport {
        let touched = |tid: u32, dev: u64, generation: Option<u32>, counts: [u64; 4]| {
            let [reads, writes, read_bytes, write_bytes] = counts;
            json!({
                "pid": 1,
                "tid": tid,
                "file": { "dev": dev, "ino": 5, "generation": generation },
                "counts": Counts { reads, writes, read_bytes, write_bytes },
            })
        };
        let disk = touched(2, libc::makedev(8, 1), Some(9), [3, 1, 7, 3]);
        let memory = touched(3, libc::makedev(0, 4), None, [0, 1, 0, 0]);
        let report = json!({
            "touched": [disk, memory],
            "processes": 1,
            "threads": 2,
            "received": 0,
            "failed": 0,
            "reused": 0,
        });
        serde_json::from_value(report).expect("a report")
    }

    fn agrees(rows: &[String]) -> bool {
        let rows: Vec<Io> = rows
            .iter()
            .map(|row| Io::parse(row).expect("a row"))
            .collect();
        same(&report(), rows.iter(), 0).is_ok()
    }

    #[test]
    fn one_wrong_number_is_found() {
        let rows = ROWS.map(str::to_owned);
        assert!(agrees(&rows));
        for (from, to) in [
            ("\"reads\":2", "\"reads\":3"),
            ("\"read_bytes\":7", "\"read_bytes\":6"),
            ("\"write_bytes\":3", "\"write_bytes\":4"),
            ("\"pid\":1", "\"pid\":2"),
            ("\"tid\":3", "\"tid\":2"),
            ("\"gen\":9", "\"gen\":8"),
            ("\"ino\":5", "\"ino\":6"),
            ("\"dev\":\"8:1\"", "\"dev\":\"8:2\""),
        ] {
            let index = rows.iter().position(|row| row.contains(from));
            let index = index.expect("something to falsify");
            let mut wrong = rows.clone();
            wrong[index] = wrong[index].replace(from, to);
            assert!(!agrees(&wrong), "{from} to {to}");
        }
        assert!(!agrees(&rows[1..]));
        assert!(!agrees(&[&rows[..], &rows[..1]].concat()));
    }
}
