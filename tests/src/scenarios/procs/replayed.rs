//! A recording told by `procs`.

use std::fs::File;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;

use super::exact::{MIB, about};
use crate::harness::{Account, Context, Process, Procs, SOON, Sink as _, Tracer, Workload, plain};
use crate::scenarios::Scenario;
use crate::work::DiskReport;

pub const REPLAYED: Scenario = Scenario {
    name: "procs_replay",
    proves: "of a recording `procs` tells the same sums of a process as it told live beside it",
    run: replayed,
};

fn replayed(context: &Context) -> Result<()> {
    let dir = context.make_dir("disk")?;
    let words = [
        "disk",
        "--dir",
        plain(&dir)?,
        "--write",
        "24",
        "--read",
        "8",
        "--cancel",
        "5",
    ];
    let mut workload = Workload::start(context, &words)?;
    let pid = workload.pid();
    let path = context.dir().join("rec.ndjson.zst");
    let recording = plain(&path)?;
    let mut command = context.iotrace("events", &["-v", "-o", recording]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut recorder = Process::spawn(context, "recorder", &mut command)?;
    recorder.stderr().wait_for("attached", SOON, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        text.contains("attached in").then_some(())
    })?;
    let tracer = Tracer::start(context, "procs", &["0.4"], Procs::of_all())?;
    workload.go()?;
    let _: DiskReport = workload.finish()?;
    let (live, _) = tracer.stop()?;
    recorder.signal(Signal::SIGINT)?;
    recorder.expect_exit(0, SOON)?;

    let printed = context.dir().join("replayed");
    let mut command = Command::new(context.binary());
    command.args(["procs", "--json", "--replay", recording]);
    command.stdin(Stdio::null()).stdout(File::create(&printed)?);
    Process::spawn(context, "replay", &mut command)?.expect_exit(0, SOON)?;
    let mut seen = Procs::of_all();
    for line in std::fs::read_to_string(&printed)?.lines() {
        let record: serde_json::Value = serde_json::from_str(line)?;
        let kind = record["type"].as_str().context("a record of no type")?;
        if !["header", "end"].contains(&kind) {
            seen.record(kind, line)?;
        }
    }
    let [live, seen]: [Account; 2] =
        [&live, &seen].map(|rows| rows.sum(|row| row.pid == Some(pid)));
    ensure!(live == seen, "live {live:?}, of the recording {seen:?}");
    about(live.disk_write_bytes, 24 + 5)?;
    ensure!(live.disk_read_bytes == 8 * MIB, "{live:?}");
    Ok(())
}
