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
    proves: "with `--no-bpf` the 50 MiB of such children are told once, of their parent",
    run: without_bpf,
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
    let ticks = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        text.matches("\"type\":\"tick\"").count()
    };
    stdout.wait_for("header", SOON, |bytes| bytes.contains(&b'\n').then_some(()))?;
    parent.go()?;
    let written = |bytes: &[u8]| {
        let whole = bytes
            .rsplitn(2, |byte| *byte == b'\n')
            .nth(1)
            .unwrap_or(&[]);
        let rows = whole.split(|byte| *byte == b'\n');
        let rows = rows.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
        let of = |id: &'static str| {
            move |row: &Value| {
                let bytes = (row[id] == pid).then(|| row["disk_write_bytes"].as_u64());
                bytes.flatten().unwrap_or(0)
            }
        };
        rows.map(|row| [of("pid")(&row), of("ppid")(&row)])
            .fold([0, 0], |sum, more| [sum[0] + more[0], sum[1] + more[1]])
    };
    stdout.wait_for("50 MiB", SOON, |bytes| {
        let [own, children] = written(bytes);
        (own + children >= CHILDREN * MIB).then_some(())
    })?;
    // What is told twice comes with the next tick.
    let seen = ticks(stdout.text().as_bytes());
    stdout.wait_for("another tick", SOON, |bytes| {
        (ticks(bytes) > seen).then_some(())
    })?;
    let _: DiskReport = parent.finish()?;
    process.signal(nix::sys::signal::Signal::SIGINT)?;
    process.expect_exit(0, SOON)?;
    let [own, children] = written(&stdout.to_end(SOON)?);
    println!("     of the parent {own} bytes, of children that were seen {children}");
    about(own + children, CHILDREN)?;
    ensure!(own > CHILDREN / 2 * MIB, "their parent has only {own}");
    Ok(())
}
