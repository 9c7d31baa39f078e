//! The stories that `diagnose` exists for.

use std::fs::File;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::watch::{Verdict, diagnose, end, holds_together, judge, start};
use crate::harness::{Context, Process, SOON, Workload, plain};
use crate::scenarios::Scenario;

pub const SERVICE: Scenario = Scenario {
    name: "diagnose_service",
    proves: "of a service that makes and removes temporary files, beside a process that reads from \
             the cache and one that keeps a CPU busy, the verdict names the process, its thread, the \
             pattern of its files and the cancelled writes, and not the others",
    run: service,
};

pub const REPLAYED: Scenario = Scenario {
    name: "diagnose_replay",
    proves: "a recording of it gives the same cause, culprit and pattern",
    run: replayed,
};

pub const BACKUP: Scenario = Scenario {
    name: "diagnose_backup_through_kvm",
    proves: "a virtual machine that reads its disk, while a task of vzdump is there for it and holds its lock, is a \
             backup through kvm, and an application beside it is ruled out",
    run: backup,
};

pub const GUEST: Scenario = Scenario {
    name: "diagnose_vm_guest",
    proves: "without that task it is the virtual machine, and a backup is ruled out",
    run: guest,
};

/// The culprit first.
fn programs(context: &Context) -> Result<[Workload; 3]> {
    Ok([
        start(context, "churn", None)?,
        start(context, "cached", None)?,
        start(context, "busy", None)?,
    ])
}

fn is_of_service(verdict: &Verdict, [churn, cached, busy]: &[Workload; 3]) -> Result<()> {
    verdict.accuses("temp_file_churn", churn.pid())?;
    let file = verdict.files.first().context("no files")?;
    ensure!(
        file.contains("/churn/") && file.ends_with("/*/*.txt"),
        "the pattern is {file}"
    );
    ensure!(
        verdict.sentence.contains(", thread ") && verdict.sentence.contains(file.as_str()),
        "who makes what? {}",
        verdict.sentence
    );
    verdict.has_evidence(&["files made", "removed", file])?;
    verdict.has_evidence(&["cancelled before they reached the disk"])?;
    verdict.clears(cached.pid())?;
    let busy = format!("pid {}", busy.pid());
    ensure!(
        !verdict.sentence.contains(&busy) && !verdict.also.iter().any(|line| line.contains(&busy)),
        "it does nothing: {verdict:#?}"
    );
    ensure!(verdict.confidence > 0.5, "unsure: {verdict:#?}");
    Ok(())
}

fn service(context: &Context) -> Result<()> {
    let programs = programs(context)?;
    let all: Vec<_> = programs.iter().map(Workload::pid).collect();
    judge(context, &all, &["4"], |verdict| {
        is_of_service(verdict, &programs)
    })?;
    end(programs)
}

fn replayed(context: &Context) -> Result<()> {
    let programs = programs(context)?;
    let path = context.dir().join("rec.ndjson.zst");
    let mut command = context.iotrace("events", &["-v", "-o", plain(&path)?]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut recorder = Process::spawn(context, "recorder", &mut command)?;
    recorder.stderr().wait_for("attached", SOON, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        text.contains("attached in").then_some(())
    })?;
    let live = diagnose(context, &["4"])?;
    recorder.signal(Signal::SIGINT)?;
    recorder.expect_exit(0, SOON)?;

    let printed = context.dir().join("replayed");
    let mut command = Command::new(context.binary());
    command.args(["diagnose", "--json", "--replay", plain(&path)?]);
    command.stdin(Stdio::null()).stdout(File::create(&printed)?);
    Process::spawn(context, "replay", &mut command)?.expect_exit(0, SOON)?;
    let printed = std::fs::read_to_string(&printed)?;
    let verdict = printed
        .lines()
        .filter(|line| line.contains("\"type\":\"verdict\""))
        .collect::<Vec<_>>();
    let [verdict] = verdict[..] else {
        anyhow::bail!("not one verdict: {printed}");
    };
    let verdict: Verdict = serde_json::from_str(verdict)?;
    holds_together(&verdict)?;
    let what = |verdict: &Verdict| {
        let culprit = verdict.culprit.as_ref().map(|culprit| culprit.pid);
        (
            verdict.cause.clone(),
            culprit,
            verdict.files.first().cloned(),
        )
    };
    ensure!(
        what(&live) == what(&verdict),
        "live {:?}, of the recording {:?}",
        what(&live),
        what(&verdict)
    );
    verdict.has_evidence(&["cancelled before they reached the disk"])?;
    let header: Value = serde_json::from_str(printed.lines().next().unwrap_or_default())?;
    ensure!(header["command"] == "diagnose", "{header}");
    end(programs)
}

const KVM: &str = "/usr/bin/kvm -id 105 -name k3s,debug-threads=on -no-shutdown -drive file=";
const VZDUMP: &str = "task UPID:host:001854D2:1B2ADD95:693C976B:vzdump:105:root@pam:";

/// The virtual machine, its disk, and an application.
fn machine(context: &Context) -> Result<(Workload, String, Workload)> {
    let disk = context.dir().join("scan/disk.raw");
    let disk = plain(&disk)?.to_owned();
    let title = format!("{KVM}{disk},if=none,id=drive-scsi0,format=raw");
    let kvm = start(context, "scan", Some(&title))?;
    Ok((kvm, disk, start(context, "app", None)?))
}

fn backup(context: &Context) -> Result<()> {
    let (kvm, disk, app) = machine(context)?;
    let task = start(context, "lock", Some(VZDUMP))?;
    judge(
        context,
        &[kvm.pid(), app.pid(), task.pid()],
        &["4"],
        |verdict| {
            verdict.accuses("backup", kvm.pid())?;
            for word in ["VM 105", "vzdump", "kvm"] {
                ensure!(verdict.sentence.contains(word), "no {word}: {verdict:#?}");
            }
            ensure!(verdict.files == [disk.clone()], "its disk: {verdict:#?}");
            verdict.has_evidence(&["VM 105", "k3s"])?;
            verdict.has_evidence(&[&format!("pid {}: task UPID:", task.pid())])?;
            verdict.has_evidence(&["/run/vzdump.lock", "held"])?;
            verdict.clears(app.pid())
        },
    )?;
    end([kvm, app, task])
}

fn guest(context: &Context) -> Result<()> {
    let (kvm, disk, app) = machine(context)?;
    judge(context, &[kvm.pid(), app.pid()], &["4"], |verdict| {
        verdict.accuses("vm_guest", kvm.pid())?;
        for word in ["VM 105", "k3s"] {
            ensure!(verdict.sentence.contains(word), "no {word}: {verdict:#?}");
        }
        ensure!(verdict.files == [disk.clone()], "its disk: {verdict:#?}");
        let absent = verdict.ruled_out.first();
        let absent = absent.and_then(|line| line.strip_prefix("not running: "));
        let absent: Vec<_> = absent.unwrap_or_default().split(", ").collect();
        for cause in ["backup", "scrub", "indexing"] {
            ensure!(absent.contains(&cause), "{cause} is not ruled out");
        }
        verdict.clears(app.pid())
    })?;
    end([kvm, app])
}
