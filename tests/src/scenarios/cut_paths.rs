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
        proves: "a path of 70 or 200 levels is told from its end and marked; nothing else is lost",
        run: |context| {
            CUT_AT
                .into_iter()
                .try_for_each(|levels| top(context, levels))
        },
    },
    Scenario {
        name: "cut_path_in_opens",
        proves: "an open 70 or 200 levels deep is told with the end of its path, marked as cut",
        run: |context| {
            CUT_AT
                .into_iter()
                .try_for_each(|levels| opens(context, levels))
        },
    },
    Scenario {
        name: "deep_path_is_whole",
        proves: "a path of 60 levels is told whole by `top` and `opens`",
        run: whole,
    },
];

/// Steps of the file's path. The longest is more than any reasonable path has, in less than a
/// path may be long.
const CUT_AT: [usize; 2] = [70, 200];

/// Steps that a record holds in any case.
const WHOLE: usize = 60;

/// The loss that is provoked here.
const CUT: &str = "path_cut";

/// A workload with one file, whose path has that many steps.
fn deep(context: &Context, levels: usize) -> Result<(PathBuf, Workload)> {
    let dir = deep_dir(context.dir(), levels - 1);
    fs::create_dir_all(&dir)?;
    let options = ["--count", "1", "--batch", "1", "--dir"].map(OsString::from);
    let arguments = [&["files".into()], &options[..], &[dir.clone().into()]].concat();
    Ok((dir.join("0.txt"), Workload::start(context, &arguments)?))
}

/// The path of a directory that is that deep.
pub fn deep_dir(parent: &Path, levels: usize) -> PathBuf {
    let above = parent.components().count() - 1;
    (above..levels).fold(parent.to_owned(), |dir, level| {
        dir.join(format!("d{level}"))
    })
}

fn top(context: &Context, levels: usize) -> Result<()> {
    let (file, mut workload) = deep(context, levels)?;
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

fn opens(context: &Context, levels: usize) -> Result<()> {
    let (file, mut workload) = deep(context, levels)?;
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

fn whole(context: &Context) -> Result<()> {
    let (file, mut workload) = deep(context, WHOLE)?;
    let pid = workload.pid().to_string();
    let top = Tracer::start(context, "top", &["-p", &pid, "0.1"], Rows::default())?;
    let opens = Tracer::start(context, "opens", &["-p", &pid], Opens::default())?;
    workload.go()?;
    workload.finish::<Report>()?;
    // That no path is cut is checked with every record.
    let rows = top.stop()?.0.rows;
    let opens = opens.stop()?.0.opens;

    let paths = rows.iter().map(|row| (row.path(), row.path_cut));
    let mut paths: Vec<_> = paths
        .chain(opens.iter().map(|open| (open.path(), open.path_cut)))
        .collect();
    ensure!(paths.len() > 2, "only {paths:?}");
    paths.dedup();
    ensure!(paths == [(Some(file), false)], "told: {paths:?}");
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
