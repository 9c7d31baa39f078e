//! `-- COMMAND`: exactly it and its children.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Result, ensure};

use super::Scenario;
use crate::counts::{Counts, compare};
use crate::harness::{Context, Opens, Process, Rows, SOON, Tracer, Workload, plain, this_program};
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
        name: "follow_command_that_can_not_be_started",
        proves: "a command that is not there is named, with exit code 127, and one that may not be \
                 run, with 126",
        run: not_started,
    },
];

/// What the command ends with.
pub const EXIT_CODE: i32 = 7;

/// A command with descendants, and a bystander that works all the while.
pub struct Family {
    /// Where each process of the command has a file.
    pub data: PathBuf,
    /// `-- COMMAND…`
    pub arguments: Vec<String>,
    bystander: Workload,
}

impl Family {
    /// The command is this crate's own, found at `program`; it is for iotrace to start.
    pub fn start(context: &Context, program: &Path) -> Result<Self> {
        let data = context.make_dir("data")?;
        let by = context.dir().join("bystander");
        let mut bystander = Workload::start(context, &["busy", "--file", plain(&by)?])?;
        bystander.go()?;
        let code = EXIT_CODE.to_string();
        let arguments = [
            "--",
            plain(program)?,
            "work",
            "tree",
            "--dir",
            plain(&data)?,
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
    pub fn end(self) -> Result<BTreeMap<u32, u64>> {
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
    let family = Family::start(context, &this_program())?;
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
pub fn touched(length: u64) -> Counts {
    Counts {
        reads: 2,
        writes: 1,
        read_bytes: length,
        write_bytes: length,
    }
}

fn opens(context: &Context) -> Result<()> {
    let family = Family::start(context, &this_program())?;
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

fn not_started(context: &Context) -> Result<()> {
    let no_program = context.dir().join("no-program");
    fs::write(&no_program, "#!/bin/sh\n")?;
    fs::set_permissions(&no_program, Permissions::from_mode(0o644))?;
    let commands = [
        ("/nonexistent/command", 127),
        ("no-such-command-anywhere", 127),
        (plain(&no_program)?, 126),
    ];
    for (program, exit_code) in commands {
        for subcommand in ["top", "opens"] {
            let mut command = context.iotrace(subcommand, &["--json", "--", program]);
            command.stdin(Stdio::null()).stdout(Stdio::null());
            let mut process = Process::spawn(context, "iotrace", &mut command)?;
            process.expect_exit(exit_code, SOON)?;
            let said = process.stderr().to_end(SOON)?;
            let said = String::from_utf8_lossy(&said);
            ensure!(
                said.contains(program),
                "stderr does not name {program}: {said}"
            );
        }
    }
    Ok(())
}
