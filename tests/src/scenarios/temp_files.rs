//! The temp-file story, seen by `top`.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, ensure};
use nix::unistd::geteuid;

use super::Scenario;
use crate::counts::Counts;
use crate::harness::{Context, Rows, Tracer, Workload};
use crate::work::ServiceReport;
use crate::work::service::file_path;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "temp_file_service",
        proves: "`top` reports the exact bytes and calls of a thread that makes, reads and removes \
                 1,000 files a request, file by file, although inodes are reused",
        run: |context| counted_exactly(context, rust_service(context, REQUESTS)?),
    },
    Scenario {
        name: "temp_file_service_in_python",
        proves: "the same for a Python service, against the sums of Python itself",
        run: |context| counted_exactly(context, python_service(context, REQUESTS)?),
    },
];

/// Of each service.
pub const REQUESTS: u64 = 3;

/// The service as a Rust program.
pub fn rust_service(context: &Context, requests: u64) -> Result<Workload> {
    rust_service_in(context, context.make_dir("service")?, requests)
}

/// The same in another directory.
pub fn rust_service_in(context: &Context, dir: PathBuf, requests: u64) -> Result<Workload> {
    let options = [OsString::from("--dir"), dir.into()];
    let rest = ["--requests", &requests.to_string()].map(OsString::from);
    let name = [OsString::from("service")];
    Workload::start(context, &[&name[..], &options, &rest].concat())
}

/// The service as a Python program. That Python is missing is a failure: the
/// story is about it.
pub fn python_service(context: &Context, requests: u64) -> Result<Workload> {
    let python = python().ok_or_else(|| anyhow!("no python3 in /usr/bin or PATH"))?;
    let dir = context.make_dir("service")?;
    let script = context.dir().join("service.py");
    fs::write(&script, include_str!("../service.py"))?;
    let mut command = Command::new(python);
    command.arg("-B").arg(script).arg(dir);
    command.arg(requests.to_string());
    Workload::spawn(context, &mut command)
}

pub fn python() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    std::iter::once(PathBuf::from("/usr/bin"))
        .chain(env::split_paths(&path))
        .map(|dir| dir.join("python3"))
        .find(|python| python.is_file())
}

/// The name of a thread, as the kernel has it.
pub fn comm_of(pid: u32, tid: u32) -> Result<OsString> {
    let path = format!("/proc/{pid}/task/{tid}/comm");
    let mut comm = fs::read(&path).with_context(|| path)?;
    comm.pop_if(|last| *last == b'\n');
    Ok(OsString::from_vec(comm))
}

/// Every file that the service made.
pub fn files_of(report: &ServiceReport) -> BTreeSet<PathBuf> {
    let paths = |directory: &PathBuf| -> Vec<PathBuf> {
        (0..report.files)
            .map(|index| file_path(directory, index))
            .collect()
    };
    report.directories.iter().flat_map(paths).collect()
}

fn counted_exactly(context: &Context, mut service: Workload) -> Result<()> {
    let comm = comm_of(service.pid(), service.tid())?;
    let pid = service.pid().to_string();
    let tracer = Tracer::start(context, "top", &["-p", &pid, "0.1"], Rows::default())?;
    service.go()?;
    let report: ServiceReport = service.finish()?;
    let (seen, _) = tracer.stop()?;

    let files = files_of(&report);
    ensure!(
        files.len() as u64 == REQUESTS * report.files,
        "the service made {} files",
        files.len()
    );
    for row in &seen.rows {
        let path = row.path().ok_or_else(|| anyhow!("no path in {row:?}"))?;
        ensure!(files.contains(&path), "not a file of the service: {row:?}");
        ensure!(
            (row.pid, row.tid) == (Some(report.pid), Some(report.tid)),
            "not the service's thread {}/{}: {row:?}",
            report.pid,
            report.tid
        );
        ensure!(
            row.uid == Some(geteuid().as_raw()),
            "not this user: {row:?}"
        );
        ensure!(
            row.comm().as_ref() == Some(&comm),
            "comm is not {comm:?}: {row:?}"
        );
        ensure!(
            row.file_type.as_deref() == Some("regular"),
            "not regular: {row:?}"
        );
        ensure!(!row.path_cut, "a whole path is marked as cut: {row:?}");
    }
    let by_path = seen.sums(|row| row.path());
    ensure!(
        by_path.len() == files.len(),
        "{} paths of {}",
        by_path.len(),
        files.len()
    );
    let inodes = seen.sums(|row| (row.dev.clone(), row.ino));
    println!("     {} files in {} inodes", files.len(), inodes.len());
    ensure!(
        inodes.len() < files.len(),
        "no inode was used twice, so reuse is not tested: use --dir on ext4 or xfs"
    );
    let by_file = seen.sums(|row| (row.dev.clone(), row.ino, row.generation));
    ensure!(
        by_file.len() == files.len(),
        "{} files by (dev, ino, gen) of {}: a reused inode is another file",
        by_file.len(),
        files.len()
    );
    read_back_whole(&by_path)?;
    same_sums(&report, by_path.into_values().sum())
}

/// Every file was read back as long as it was written.
fn read_back_whole(by_path: &BTreeMap<Option<PathBuf>, Counts>) -> Result<()> {
    for (path, counts) in by_path {
        let path = path.as_deref().unwrap_or(Path::new("?"));
        ensure!(
            counts.read_bytes == counts.write_bytes,
            "{}: {counts}",
            path.display()
        );
    }
    Ok(())
}

fn same_sums(report: &ServiceReport, seen: Counts) -> Result<()> {
    let done = Counts {
        read_bytes: report.read_bytes,
        write_bytes: report.write_bytes,
        reads: report.reads.unwrap_or(seen.reads),
        writes: report.writes.unwrap_or(seen.writes),
    };
    ensure!(seen == done, "reported {seen}, but the service did {done}");
    Ok(())
}
