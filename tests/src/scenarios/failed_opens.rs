//! Opens that fail: the path is the caller's, made absolute, and says so.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::Scenario;
use crate::harness::{Context, Opens, Tracer, Workload};
use crate::machine;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "failed_opens",
        proves: "`opens -x` shows each failed open and only those, with error and absolute path, \
                 relative to the working directory or to a directory descriptor",
        run: |context| failed(context, true),
    },
    Scenario {
        name: "failed_opens_among_others",
        proves: "`opens` without -x shows failed and successful opens side by side",
        run: |context| failed(context, false),
    },
];

/// As the workload tells it.
#[derive(Debug, Deserialize)]
struct Failure {
    path: PathBuf,
    errno: i32,
    error: String,
}

fn failed(context: &Context, only_failed: bool) -> Result<()> {
    let dir = context.make_dir("failures")?;
    let mut arguments: Vec<OsString> = vec!["failures".into(), "--dir".into(), dir.clone().into()];
    if machine::is_root() {
        arguments.push("--root".into());
    } else {
        println!("     without EACCES: not root, so there is nothing to give up");
    }
    let mut workload = Workload::start(context, &arguments)?;
    let pid = workload.pid().to_string();
    let mut options = vec!["-p", &pid];
    if only_failed {
        options.push("-x");
    }
    let tracer = Tracer::start(context, "opens", &options, Opens::default())?;
    workload.go()?;
    let done: Vec<Failure> = workload.finish()?;
    let (seen, _) = tracer.stop()?;

    let (failed, opened): (Vec<_>, Vec<_>) =
        seen.opens.iter().partition(|open| open.errno.is_some());
    for failure in &done {
        let open = failed
            .iter()
            .find(|open| {
                open.path().as_ref() == Some(&failure.path) && open.errno == Some(failure.errno)
            })
            .with_context(|| format!("not reported: {failure:?}"))?;
        ensure!(
            open.error.as_ref() == Some(&failure.error),
            "{failure:?} is {open:?}"
        );
        ensure!(open.path_claimed, "not marked as claimed: {open:?}");
    }
    ensure!(
        failed.len() == done.len(),
        "{} failures of {}",
        failed.len(),
        done.len()
    );
    let successes = if only_failed { 0 } else { 1 };
    ensure!(
        opened.len() == successes,
        "{} successful opens, not {successes}: {opened:?}",
        opened.len()
    );
    ensure!(
        opened
            .iter()
            .all(|open| open.path() == Some(dir.join("plain"))),
        "{opened:?}"
    );
    Ok(())
}
