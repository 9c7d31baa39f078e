//! The temp-file story, seen by `churn`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};

use super::quantiles;
use crate::harness::{Context, Life, Lives, Pattern, Tracer, Workload, plain};
use crate::scenarios::Scenario;
use crate::scenarios::temp_files::{comm_of, files_of, python_service, rust_service};
use crate::work::ServiceReport;

pub const OF_PID: Scenario = Scenario {
    name: "churn_service",
    proves: "`churn` has one pattern for the 5,000 files of a service, and a life of each file, with \
             exact bytes, opens, threads, and a lifetime that the service can have given it",
    run: |context| one_pattern(context, rust_service(context, REQUESTS)?, By::Pid),
};

pub const OF_PATH: Scenario = Scenario {
    name: "churn_service_by_path",
    proves: "the same when all processes are looked at, and only these paths",
    run: |context| one_pattern(context, rust_service(context, REQUESTS)?, By::Path),
};

pub const IN_PYTHON: Scenario = Scenario {
    name: "churn_service_in_python",
    proves: "the same for a Python service, against the sums of Python itself",
    run: |context| one_pattern(context, python_service(context, REQUESTS)?, By::Pid),
};

const REQUESTS: u64 = 5;

/// How the service is chosen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Pid,
    Path,
}

fn one_pattern(context: &Context, service: Workload, by: By) -> Result<()> {
    let pid = service.pid().to_string();
    let options = match by {
        By::Pid => vec!["--pid".to_owned(), pid],
        By::Path => vec![
            "--path".to_owned(),
            format!("{}/*", plain(&context.dir().join("service"))?),
        ],
    };
    let how = Watch {
        requests: REQUESTS,
        of_others: by == By::Path,
        tells_files_apart: true,
    };
    watch(context, service, &options, how)
}

/// What is peculiar to a service.
#[derive(Clone, Copy)]
pub struct Watch {
    pub requests: u64,
    /// Others are looked at too, and something of theirs may be lost.
    pub of_others: bool,
    /// The file system gives another generation to an inode that is used again.
    pub tells_files_apart: bool,
}

/// What the service does is told as it was.
pub fn watch(
    context: &Context,
    mut service: Workload,
    options: &[String],
    how: Watch,
) -> Result<()> {
    let comm = comm_of(service.pid(), service.tid())?;
    let sink = match how.of_others {
        true => Lives::allowing(crate::harness::OF_OTHERS),
        false => Lives::default(),
    };
    let options: Vec<&str> = options.iter().map(String::as_str).chain(["0.1"]).collect();
    let tracer = Tracer::start(context, "churn", &options, sink)?;
    let began = Instant::now();
    service.go()?;
    let report: ServiceReport = service.finish()?;
    let length = began.elapsed();
    let (seen, _) = tracer.stop()?;

    let files = files_of(&report);
    ensure!(
        files.len() as u64 == how.requests * report.files,
        "the service made {} files",
        files.len()
    );
    let [(name, pattern)] = seen.patterns.iter().collect::<Vec<_>>()[..] else {
        bail!("not one pattern: {:?}", seen.patterns);
    };
    has_shape(Path::new(name), &report)?;
    is_of_service(pattern, &report, &comm.to_string_lossy())?;
    ensure!(
        seen.ticks > 1 || length < Duration::from_millis(200),
        "{} ticks in {length:?}",
        seen.ticks
    );

    let mut by_path: BTreeMap<PathBuf, &Life> = BTreeMap::new();
    for life in &seen.lives {
        let path = life.path().ok_or_else(|| anyhow!("no path: {life:?}"))?;
        ensure!(files.contains(&path), "not a file of the service: {life:?}");
        ensure!(by_path.insert(path, life).is_none(), "twice: {life:?}");
        ends_whole(life, &report, length)?;
        read_back(life, how)?;
        ensure!(
            life.comm().as_ref() == Some(&comm) && life.end_comm().as_ref() == Some(&comm),
            "comm is not {comm:?}: {life:?}"
        );
    }
    ensure!(by_path.len() == files.len(), "{} lives", by_path.len());
    let known: BTreeSet<_> = seen.lives.iter().filter_map(Life::file).collect();
    ensure!(
        known.len() == files.len() || !how.tells_files_apart,
        "{} files by (dev, ino, gen)",
        known.len()
    );
    println!(
        "     {} lives, {} files by (dev, ino, gen)",
        by_path.len(),
        known.len()
    );
    quantiles::are_right(&seen, pattern)
}

/// The directories of requests and the names of files have become `*`, and nothing else has.
fn has_shape(name: &Path, report: &ServiceReport) -> Result<()> {
    let directory = report.directories.first().context("no directory")?;
    let service = directory.parent().and_then(Path::file_name);
    let parts: Vec<_> = name.components().rev().collect();
    ensure!(
        parts.len() == directory.components().count() + 1
            && name.file_name().is_some_and(|name| name == "*.txt")
            && parts[1].as_os_str() == "*"
            && Some(parts[2].as_os_str()) == service,
        "the pattern is {name:?}"
    );
    Ok(())
}

fn is_of_service(pattern: &Pattern, report: &ServiceReport, comm: &str) -> Result<()> {
    let made = report.directories.len() as u64 * report.files;
    let counts = [
        pattern.created,
        pattern.deleted,
        pattern.alive,
        pattern.older,
        pattern.opens,
        pattern.write_bytes,
        pattern.read_bytes,
    ];
    let done = [
        made,
        made,
        0,
        0,
        2 * made,
        report.write_bytes,
        report.read_bytes,
    ];
    ensure!(
        counts == done,
        "the service did {done:?}, but told is {counts:?}"
    );
    let (pid, tid, comm) = (Some(report.pid), Some(report.tid), Some(comm));
    ensure!(
        (pattern.pid, pattern.tid, pattern.comm.as_deref()) == (pid, tid, comm)
            && (
                pattern.end_pid,
                pattern.end_tid,
                pattern.end_comm.as_deref()
            ) == (pid, tid, comm),
        "not the service's thread: {pattern:?}"
    );
    Ok(())
}

fn ends_whole(life: &Life, report: &ServiceReport, length: Duration) -> Result<()> {
    let ids = (
        life.pid,
        life.tid,
        life.end_pid,
        life.end_tid,
        life.end.as_str(),
    );
    ensure!(
        ids == (
            Some(report.pid),
            Some(report.tid),
            report.pid,
            report.tid,
            "unlink"
        ),
        "not the service's thread {}/{}: {life:?}",
        report.pid,
        report.tid
    );
    ensure!(life.opens == Some(2), "not two opens: {life:?}");
    ensure!(
        life.truncates == 0 && !life.path_cut && life.file_type.as_deref() == Some("regular"),
        "not a file of the service: {life:?}"
    );
    // Each file waits for all others of its request to be made, or to be read.
    let lifetime = Duration::from_nanos(life.lifetime_ns.unwrap_or(0));
    ensure!(
        lifetime > length / 1_000_000 && lifetime < length,
        "{life:?} lived {lifetime:?}, the service {length:?}"
    );
    Ok(())
}

/// It was read as it was written. What two files have in common can not be divided.
fn read_back(life: &Life, how: Watch) -> Result<()> {
    let is_whole = life.write_bytes > Some(0) && life.read_bytes == life.write_bytes;
    ensure!(
        is_whole || !how.tells_files_apart,
        "not read back as it was written: {life:?}"
    );
    Ok(())
}
