//! `-- COMMAND`: exactly it and its children.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};

use super::Scenario;
use crate::counts::{Counts, compare};
use crate::harness::{Context, Opens, Process, Rows, SOON, Tracer, Workload};
use crate::work::Report;
use crate::work::tree::PROCESSES;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "follow_command_in_top",
        proves: "`top -- COMMAND` counts the command, its children and grandchildren, nobody else, \
                 and ends with the command's exit code",
        run: top,
    },
    Scenario {
        name: "follow_command_in_opens",
        proves: "`opens -- COMMAND` shows the opens of the command, its children and grandchildren, \
                 nobody else's, and ends with the command's exit code",
        run: opens,
    },
    Scenario {
        name: "follow_command_that_is_not_there",
        proves: "a command that can not be started is named, and the exit code is not 0",
        run: not_there,
    },
];

/// What the command ends with.
const EXIT_CODE: i32 = 7;

/// A command with descendants, and a bystander that works all the while.
struct Family {
    data: PathBuf,
    bystander: Workload,
    arguments: Vec<String>,
}

impl Family {
    fn start(context: &Context) -> Result<Self> {
        let data = context.make_dir("data")?;
        let plain = |path: &Path| path.to_str().map(str::to_owned).context("a plain path");
        let mut bystander = Workload::start(
            context,
            &["busy", "--file", &plain(&context.dir().join("bystander"))?],
        )?;
        bystander.go()?;
        // This very binary, even if another build has replaced the file meanwhile.
        let program = format!("/proc/{}/exe", std::process::id());
        let code = EXIT_CODE.to_string();
        let data_path = plain(&data)?;
        let arguments = [
            "--",
            &program,
            "work",
            "tree",
            "--dir",
            &data_path,
            "--exit-code",
            &code,
        ];
        Ok(Self {
            arguments: arguments.map(str::to_owned).to_vec(),
            data,
            bystander,
        })
    }

    /// Ends the bystander; returns the length of each process's file.
    fn end(self) -> Result<BTreeMap<u32, u64>> {
        let report: Report = self.bystander.finish()?;
        ensure!(report.counts.writes > 0, "the bystander did nothing");
        let mut lengths = BTreeMap::new();
        for entry in fs::read_dir(&self.data)? {
            let entry = entry?;
            let pid = entry.file_name().to_string_lossy().parse()?;
            lengths.insert(pid, entry.metadata()?.len());
        }
        ensure!(
            lengths.len() == PROCESSES,
            "{} processes ran",
            lengths.len()
        );
        Ok(lengths)
    }
}

fn top(context: &Context) -> Result<()> {
    let family = Family::start(context)?;
    let data = family.data.clone();
    let options = [&["0.1".to_owned()], &family.arguments[..]].concat();
    let tracer = Tracer::start(context, "top", &options, Rows::default())?;
    let (seen, _) = tracer.finish(EXIT_CODE)?;
    let lengths = family.end()?;

    // Whatever else they read, such as libraries, is theirs too.
    let pids: BTreeSet<_> = seen.rows.iter().filter_map(|row| row.pid).collect();
    ensure!(
        pids == lengths.keys().copied().collect(),
        "rows of {pids:?}, but the processes are {lengths:?}"
    );
    let mut reported = seen.sums(|row| (row.pid, row.path().unwrap_or_default()));
    reported.retain(|(_, path), _| path.starts_with(&data));
    let done = lengths
        .iter()
        .map(|(pid, length)| ((Some(*pid), data.join(pid.to_string())), touched(*length)))
        .collect();
    compare(&done, &reported)
}

/// A file is written at once, and read at once and to the end.
fn touched(length: u64) -> Counts {
    Counts {
        reads: 2,
        writes: 1,
        read_bytes: length,
        write_bytes: length,
    }
}

fn opens(context: &Context) -> Result<()> {
    let family = Family::start(context)?;
    let data = family.data.clone();
    let tracer = Tracer::start(context, "opens", &family.arguments, Opens::default())?;
    let (seen, _) = tracer.finish(EXIT_CODE)?;
    let lengths = family.end()?;

    let mut reported: BTreeMap<u32, Vec<Option<bool>>> = BTreeMap::new();
    for open in &seen.opens {
        ensure!(
            lengths.contains_key(&open.pid),
            "not of the command: {open:?}"
        );
        if open.path() == Some(data.join(open.pid.to_string())) {
            reported.entry(open.pid).or_default().push(open.created);
        }
    }
    for pid in lengths.keys() {
        let created = reported.remove(pid).unwrap_or_default();
        ensure!(
            created == [Some(true), Some(false)],
            "process {pid} made and read its file, but reported is {created:?}"
        );
    }
    Ok(())
}

fn not_there(context: &Context) -> Result<()> {
    const COMMAND: &str = "/nonexistent/command";
    for subcommand in ["top", "opens"] {
        let mut command = context.iotrace(subcommand, &["--json", "--", COMMAND]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut process = Process::spawn(context, "iotrace", &mut command)?;
        let status = process.wait(SOON)?;
        ensure!(
            matches!(status.code(), Some(1 | 127)),
            "{subcommand} ended with {status}"
        );
        let said = process.stderr().to_end(SOON)?;
        let said = String::from_utf8_lossy(&said);
        ensure!(
            said.contains(COMMAND),
            "stderr does not name the command: {said}"
        );
    }
    Ok(())
}
