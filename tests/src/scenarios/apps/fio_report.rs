//! What fio says that it did.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::counts::Counts;

/// As it writes it with `--output-format=json`.
#[derive(Deserialize)]
struct Report {
    jobs: Vec<Job>,
}

#[derive(Deserialize)]
struct Job {
    jobname: String,
    error: i64,
    read: Direction,
    write: Direction,
}

#[derive(Deserialize)]
struct Direction {
    io_bytes: u64,
    total_ios: u64,
    short_ios: u64,
}

/// What each job did, in order; jobs of one name follow each other.
pub fn read(path: &Path) -> Result<BTreeMap<String, Vec<Counts>>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let report: Report = serde_json::from_str(&text).context("the report of fio")?;
    let mut jobs: BTreeMap<String, Vec<Counts>> = BTreeMap::new();
    for job in report.jobs {
        let name = &job.jobname;
        ensure!(job.error == 0, "job {name} failed: {}", job.error);
        // It would go on with the rest, and count both as one.
        ensure!(
            job.read.short_ios + job.write.short_ios == 0,
            "job {name} had short operations"
        );
        let counts = Counts {
            reads: job.read.total_ios,
            writes: job.write.total_ios,
            read_bytes: job.read.io_bytes,
            write_bytes: job.write.io_bytes,
        };
        ensure!(counts != Counts::ZERO, "job {name} did nothing");
        jobs.entry(job.jobname).or_default().push(counts);
    }
    Ok(jobs)
}
