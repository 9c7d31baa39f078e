//! Processes that end between two ticks. The kernel adds what they did to the account of their
//! parent when that waits for them (`wait_task_zombie` in kernel/exit.c), where it must not be told
//! once more.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::exact::{MIB, about};
use crate::harness::{Capture, Context, Process, Procs, SOON, Skip, Tracer, Workload, plain};
use crate::scenarios::Scenario;
use crate::work::DiskReport;

pub const WITH_BPF: Scenario = Scenario {
    name: "procs_short_lived_children",
    proves: "50 children that write 1 MiB each and end between two ticks are told as ended, with all \
             50 MiB, and their parent gets none of it",
    run: with_bpf,
};

pub const WITHOUT_BPF: Scenario = Scenario {
    name: "procs_short_lived_children_without_bpf",
    proves: "with `--no-bpf` the work of such children is named as not seen, and none of it is told \
             of their parent",
    run: without_bpf,
};

pub const OF_PARENT: Scenario = Scenario {
    name: "procs_pid_of_parent",
    proves: "with `--pid` of a process whose children write it is told alone, with nothing of theirs",
    run: of_parent,
};

const CHILDREN: u64 = 50;

fn parent(context: &Context) -> Result<Workload> {
    let dir = context.make_dir("disk")?;
    let children = CHILDREN.to_string();
    let words = ["disk", "--dir", plain(&dir)?, "--children", &children];
    Workload::start(context, &words)
}

fn with_bpf(context: &Context) -> Result<()> {
    let mut parent = parent(context)?;
    let pid = parent.pid();
    let tracer = Tracer::start(context, "procs", &["1"], Procs::of_all())?;
    parent.go()?;
    let report: DiskReport = parent.finish()?;
    let (seen, _) = tracer.stop()?;

    let is_child = |ppid: Option<u32>| ppid == Some(pid);
    let ended = seen
        .rows
        .iter()
        .filter(|row| is_child(row.ppid) && row.ended);
    let ended = ended.count() as u64;
    let of_children = seen.sum(|row| is_child(row.ppid)).disk_write_bytes;
    let of_parent = seen.sum(|row| row.pid == Some(pid)).disk_write_bytes;
    println!("     {ended} ended with {of_children} bytes; of their parent {of_parent}");
    ensure!(report.pid == pid && ended == CHILDREN, "{ended} ended");
    about(of_children, CHILDREN).context("children")?;
    // Children begin with empty accounts, so that all of it is the parent's own.
    ensure!(of_parent < MIB, "their parent has {of_parent} bytes");
    Ok(())
}

fn of_parent(context: &Context) -> Result<()> {
    let mut parent = parent(context)?;
    let pid = parent.pid();
    let id = pid.to_string();
    // All: it may end without having done anything since the look before.
    let options = ["--all", "--pid", &id, "0.3"];
    let tracer = Tracer::start(context, "procs", &options, Procs::default())?;
    parent.go()?;
    let _: DiskReport = parent.finish()?;
    let (seen, _) = tracer.stop()?;
    let of_parent = seen.sum(|row| row.pid == Some(pid)).disk_write_bytes;
    ensure!(of_parent < MIB, "it has {of_parent} bytes");
    let others = seen.rows.iter().find(|row| row.pid != Some(pid));
    ensure!(others.is_none(), "another process: {others:?}");
    ensure!(
        seen.rows.last().is_some_and(|row| row.ended),
        "its end is not told"
    );
    Ok(())
}

fn without_bpf(context: &Context) -> Result<()> {
    Skip::unless_root("others' accounts are looked at")?;
    let mut parent = parent(context)?;
    let pid = parent.pid();
    let mut command = std::process::Command::new(context.binary());
    command.args(["procs", "--json", "--no-bpf", "1"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut process = Process::spawn(context, "iotrace", &mut command)?;
    let stdout = Capture::start(process.stdout()?);
    context.remember(format!("{}: stdout", process.label()), stdout.clone());
    let records = |bytes: &[u8]| -> Vec<Value> {
        let lines = bytes.split(|byte| *byte == b'\n');
        let records = lines.map(|line| serde_json::from_slice(line).ok());
        records.flatten().collect()
    };
    let ticks = |bytes: &[u8]| {
        let records = records(bytes).into_iter();
        records.filter(|record| record["type"] == "tick").count()
    };
    let header = stdout.wait_for("header", SOON, |bytes| {
        let whole = bytes.contains(&b'\n');
        records(bytes).into_iter().next().filter(|_| whole)
    })?;
    let unseen = header["unseen"].as_array().context("no `unseen`")?;
    ensure!(unseen.iter().any(|way| way == "short_lived"), "{unseen:?}");
    parent.go()?;
    let _: DiskReport = parent.finish()?;
    let seen = ticks(stdout.text().as_bytes());
    // The first may just have been written.
    stdout.wait_for("two ticks", SOON, |bytes| {
        (ticks(bytes) > seen + 1).then_some(())
    })?;
    process.signal(nix::sys::signal::Signal::SIGINT)?;
    process.expect_exit(0, SOON)?;
    let of_parent = records(&stdout.to_end(SOON)?)
        .iter()
        .filter(|record| record["type"] == "proc" && record["pid"] == pid)
        .filter_map(|record| record["disk_write_bytes"].as_u64())
        .sum::<u64>();
    println!("     of the parent {of_parent} bytes");
    ensure!(of_parent < MIB, "their parent has {of_parent} bytes");
    Ok(())
}
