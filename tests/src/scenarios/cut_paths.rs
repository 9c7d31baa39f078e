//! Paths deeper than the kernel side walks: told in part, marked and counted.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::Scenario;
use crate::harness::{Context, Opens, Rows, Tracer, Workload};
use crate::work::{Report, bytes_of_file};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "cut_path_in_top",
        proves: "a path of 200 levels is told from its end and marked; nothing else is lost",
        run: top,
    },
    Scenario {
        name: "cut_path_in_opens",
        proves: "an open 200 levels deep is told with the end of its path, marked as cut",
        run: opens,
    },
];

/// More than any reasonable path has, in less than a path may be long.
const LEVELS: usize = 200;

/// The loss that is provoked here.
const CUT: &str = "path_cut";

/// A workload with one file at the bottom.
fn deep(context: &Context) -> Result<(PathBuf, Workload)> {
    let dir = (0..LEVELS).fold(context.dir().to_owned(), |dir, level| {
        dir.join(format!("d{level}"))
    });
    fs::create_dir_all(&dir)?;
    let options = ["--count", "1", "--batch", "1", "--dir"].map(OsString::from);
    let arguments = [&["files".into()], &options[..], &[dir.clone().into()]].concat();
    Ok((dir.join("0.txt"), Workload::start(context, &arguments)?))
}

fn top(context: &Context) -> Result<()> {
    let (file, mut workload) = deep(context)?;
    let pid = workload.pid().to_string();
    let tracer = Tracer::start(context, "top", &["-p", &pid, "0.1"], Rows::allowing(&[CUT]))?;
    workload.go()?;
    let report: Report = workload.finish()?;
    let (seen, end) = tracer.stop()?;

    ensure!(
        report.counts.write_bytes == bytes_of_file(0),
        "the workload did {}",
        report.counts
    );
    ensure!(
        seen.total() == report.counts,
        "reported {}, done {}",
        seen.total(),
        report.counts
    );
    for row in &seen.rows {
        is_end_of(&file, row.path(), row.path_cut).with_context(|| format!("{row:?}"))?;
    }
    ensure!(
        end.lost.get(CUT).is_some_and(|count| *count > 0),
        "not counted: {:?}",
        end.lost
    );
    Ok(())
}

fn opens(context: &Context) -> Result<()> {
    let (file, mut workload) = deep(context)?;
    let pid = workload.pid().to_string();
    let tracer = Tracer::start(context, "opens", &["-p", &pid], Opens::allowing(&[CUT]))?;
    workload.go()?;
    workload.finish::<Report>()?;
    let (seen, end) = tracer.stop()?;

    ensure!(seen.opens.len() == 2, "{} opens, not 2", seen.opens.len());
    for open in &seen.opens {
        is_end_of(&file, open.path(), open.path_cut).with_context(|| format!("{open:?}"))?;
    }
    ensure!(end.lost.get(CUT) == Some(&2), "not counted: {:?}", end.lost);
    Ok(())
}

/// What is told is true, if not the whole truth, and says so.
fn is_end_of(file: &Path, told: Option<PathBuf>, cut: bool) -> Result<()> {
    let told = told.context("no path at all")?;
    ensure!(cut, "not marked as cut");
    ensure!(told.is_relative(), "a cut path must not look whole");
    ensure!(file.ends_with(&told), "not the end of {}", file.display());
    Ok(())
}
