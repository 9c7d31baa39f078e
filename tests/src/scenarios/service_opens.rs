//! The temp-file story, seen by `opens`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Result, anyhow, ensure};
use nix::unistd::geteuid;

use super::Scenario;
use super::temp_files::{REQUESTS, comm_of, files_of, python_service, rust_service};
use crate::harness::{Context, Open, Opens, Tracer, Workload};
use crate::work::ServiceReport;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "service_opens",
        proves: "`opens` reports every open of the service, with its absolute path, and `created` \
                 on exactly the one that made the file",
        run: |context| all_opens(context, rust_service(context, REQUESTS)?),
    },
    Scenario {
        name: "service_opens_in_python",
        proves: "the same for a Python service",
        run: |context| all_opens(context, python_service(context, REQUESTS)?),
    },
];

/// How each file is opened: to make it, then to read it.
const MAKE: &[&str] = &["O_WRONLY", "O_CREAT", "O_TRUNC", "O_CLOEXEC"];
const READ: &[&str] = &["O_RDONLY", "O_CLOEXEC"];

fn all_opens(context: &Context, mut service: Workload) -> Result<()> {
    let comm = comm_of(service.pid(), service.tid())?;
    let pid = service.pid().to_string();
    let tracer = Tracer::start(context, "opens", &["--pid", &pid], Opens::default())?;
    service.go()?;
    let report: ServiceReport = service.finish()?;
    let (seen, _) = tracer.stop()?;

    let mut by_path: BTreeMap<PathBuf, Vec<&Open>> = BTreeMap::new();
    for open in &seen.opens {
        let path = open.path().ok_or_else(|| anyhow!("no path in {open:?}"))?;
        ensure!(
            (open.pid, open.tid) == (report.pid, report.tid),
            "not the service's thread {}/{}: {open:?}",
            report.pid,
            report.tid
        );
        ensure!(open.uid == geteuid().as_raw(), "not this user: {open:?}");
        ensure!(
            open.comm().as_ref() == Some(&comm),
            "comm is not {comm:?}: {open:?}"
        );
        ensure!(
            open.fd.is_some_and(|fd| fd > 2),
            "not a new descriptor: {open:?}"
        );
        ensure!(
            !open.path_claimed,
            "the path of a success is the kernel's: {open:?}"
        );
        ensure!(!open.path_cut, "a whole path is marked as cut: {open:?}");
        by_path.entry(path).or_default().push(open);
    }
    for path in files_of(&report) {
        let opens = by_path.remove(&path).unwrap_or_default();
        let [made, read] = opens.as_slice() else {
            anyhow::bail!(
                "{}: {} opens, not 2: {opens:?}",
                path.display(),
                opens.len()
            );
        };
        check(made, true, MAKE)?;
        check(read, false, READ)?;
    }
    // Removing a directory opens it.
    for (path, opens) in by_path {
        ensure!(
            report.directories.contains(&path),
            "not of the service: {opens:?}"
        );
    }
    Ok(())
}

fn check(open: &Open, created: bool, flags: &[&str]) -> Result<()> {
    ensure!(
        open.created == Some(created),
        "created is not {created}: {open:?}"
    );
    // The kernel adds this one by itself to every 64-bit program's flags.
    let seen: BTreeSet<&str> = open
        .flags
        .iter()
        .map(String::as_str)
        .filter(|flag| *flag != "O_LARGEFILE")
        .collect();
    ensure!(
        seen == flags.iter().copied().collect(),
        "flags are not {flags:?}: {open:?}"
    );
    Ok(())
}
