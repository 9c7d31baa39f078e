//! What was recorded is told as it was live.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::Scenario;
use super::temp_files::{REQUESTS, rust_service};
use crate::harness::{Context, Process, SOON, Workload, plain};
use crate::work::{Report, ServiceReport};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "recording_replays_as_live",
        proves: "`top`, `opens` and `churn` tell of a recording, from a file and from a pipe, what \
                 they told live beside it",
        run: as_live,
    },
    Scenario {
        name: "each_operation_is_told",
        proves: "`events --each` tells every read with its place, size and time, and counts it too",
        run: each_operation,
    },
];

/// A process that prints NDJSON into a file.
struct Printing {
    process: Process,
    output: PathBuf,
}

impl Printing {
    fn start(context: &Context, name: &str, args: &[&str]) -> Result<Self> {
        let output = context.dir().join(format!("{name}.ndjson"));
        let mut command = context.iotrace(args[0], &args[1..]);
        // Tells when it is attached.
        command.arg("-v");
        command.stdin(Stdio::null()).stdout(File::create(&output)?);
        let process = Process::spawn(context, name, &mut command)?;
        Ok(Self { process, output })
    }

    fn attached(&self) -> Result<()> {
        let stderr = self.process.stderr();
        stderr.wait_for("line that tells it is attached", SOON, |bytes| {
            let text = String::from_utf8_lossy(bytes);
            text.contains("attached in").then_some(())
        })
    }

    fn stop(mut self) -> Result<Vec<Value>> {
        self.process.signal(Signal::SIGINT)?;
        self.process.expect_exit(0, SOON)?;
        records(&self.output)
    }
}

fn records(path: &Path) -> Result<Vec<Value>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    text.lines()
        .map(|line| serde_json::from_str(line).with_context(|| line.to_owned()))
        .collect()
}

/// What `iotrace ARGS… --json` prints, and what it says.
fn replay(context: &Context, args: &[&str], stdin: Stdio) -> Result<(Vec<Value>, String)> {
    let mut command = Command::new(context.binary());
    command.args(args).arg("--json").stdin(stdin);
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(
        output.status.success(),
        "{command:?}: {}: {said}",
        output.status
    );
    let text = String::from_utf8(output.stdout)?;
    let records = text.lines().map(serde_json::from_str);
    Ok((records.collect::<Result<_, _>>()?, said))
}

fn of_kind<'a>(records: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    records.iter().filter(move |record| record["type"] == kind)
}

/// Reads, writes and bytes by file.
fn sums(records: &[Value]) -> BTreeMap<String, [u64; 4]> {
    let mut sums = BTreeMap::new();
    for row in of_kind(records, "io") {
        let key = format!("{} {} {}", row["tid"], row["ino"], row["gen"]);
        let sum: &mut [u64; 4] = sums.entry(key).or_default();
        let names = ["reads", "writes", "read_bytes", "write_bytes"];
        for (sum, name) in sum.iter_mut().zip(names) {
            *sum += row[name].as_u64().unwrap_or(0);
        }
    }
    sums
}

/// Some fields of records, in order, as far as they do not depend on the moment.
fn told(records: &[Value], kind: &str, fields: &[&str]) -> Vec<Vec<Value>> {
    let fields = |record: &Value| fields.iter().map(|name| record[*name].clone()).collect();
    of_kind(records, kind).map(fields).collect()
}

const OPEN: &[&str] = &[
    "pid",
    "tid",
    "uid",
    "comm",
    "fd",
    "errno",
    "flags",
    "mode",
    "created",
    "path",
    "dev",
    "ino",
    "gen",
    "file_type",
];
const LIFE: &[&str] = &[
    "path",
    "end",
    "write_bytes",
    "read_bytes",
    "opens",
    "tid",
    "end_tid",
];
const PATTERN: &[&str] = &[
    "pattern",
    "created",
    "deleted",
    "older",
    "alive",
    "write_bytes",
    "read_bytes",
    "opens",
    "tid",
];

/// The last record of each pattern.
fn patterns(records: &[Value]) -> BTreeSet<String> {
    let all = told(records, "churn", PATTERN);
    let last: BTreeMap<String, Vec<Value>> = all
        .into_iter()
        .map(|fields| (fields[0].to_string(), fields))
        .collect();
    last.into_values()
        .map(|fields| format!("{fields:?}"))
        .collect()
}

fn lives(records: &[Value]) -> BTreeSet<String> {
    let all = told(records, "life", LIFE).into_iter();
    all.map(|fields| format!("{fields:?}")).collect()
}

/// Runs the service while it is recorded, and watched by others too.
fn record(context: &Context) -> Result<(PathBuf, [Vec<Value>; 3])> {
    let mut service = rust_service(context, REQUESTS)?;
    let pid = service.pid().to_string();
    let recording = context.dir().join("rec.ndjson.zst");
    let name = recording.to_str().context("a path in UTF-8")?;
    let recorder = Printing::start(context, "recorder", &["events", "-o", name, "--pid", &pid])?;
    let live = [
        Printing::start(context, "top", &["top", "--json", "--pid", &pid, "0.5"])?,
        Printing::start(context, "opens", &["opens", "--json", "--pid", &pid])?,
        Printing::start(context, "churn", &["churn", "--json", "--pid", &pid, "0.5"])?,
    ];
    for one in live.iter().chain([&recorder]) {
        one.attached()?;
    }
    service.go()?;
    let _: ServiceReport = service.finish()?;
    let [top, opens, churn] = live;
    let seen = [top.stop()?, opens.stop()?, churn.stop()?];
    let printed = recorder.stop()?;
    ensure!(printed.is_empty(), "the recorder printed {printed:?}");
    Ok((recording, seen))
}

fn as_live(context: &Context) -> Result<()> {
    let (recording, [top, opens, churn]) = record(context)?;
    let path = recording.to_str().context("a path in UTF-8")?;
    let from_file = |command| replay(context, &[command, "--replay", path], Stdio::null());
    let (replayed, said) = from_file("top")?;
    ensure!(said.is_empty(), "of a whole recording it says {said:?}");
    ensure!(
        !sums(&top).is_empty() && sums(&replayed) == sums(&top),
        "top differs"
    );
    let (piped, _) = replay(
        context,
        &["top", "--replay", "-"],
        File::open(&recording)?.into(),
    )?;
    ensure!(piped == replayed, "a pipe gives something else than a file");

    let (replayed, _) = from_file("opens")?;
    let live = told(&opens, "open", OPEN);
    ensure!(
        live.len() >= 6000 && told(&replayed, "open", OPEN) == live,
        "opens differ"
    );

    let (replayed, _) = from_file("churn")?;
    ensure!(
        lives(&churn).len() == 3000 && lives(&replayed) == lives(&churn),
        "lives differ"
    );
    ensure!(patterns(&replayed) == patterns(&churn), "patterns differ");

    // Once more recorded it is the same.
    let again = context.dir().join("again.ndjson");
    let again_name = again.to_str().context("a path in UTF-8")?;
    let copy = ["events", "--replay", path, "-o", again_name];
    replay(context, &copy, Stdio::null())?;
    let (first, _) = from_file("events")?;
    let (second, _) = replay(context, &["events", "--replay", again_name], Stdio::null())?;
    ensure!(
        first.len() > 9000 && first == second,
        "what is recorded again differs"
    );
    Ok(())
}

/// Few enough for the ring of an emulated CPU.
const CALLS: u64 = 20_000;
/// The workload reads its file round and round.
const SIZE: u64 = 4096;

fn each_operation(context: &Context) -> Result<()> {
    let file = context.dir().join("file");
    let path = plain(&file)?;
    let calls = CALLS.to_string();
    let options = ["pread", "--file", path, "--calls", &calls];
    let mut workload = Workload::start(context, &options)?;
    let pid = workload.pid().to_string();
    let arguments = ["events", "--each", "--json", "--path", path, "--pid", &pid];
    let printing = Printing::start(context, "events", &arguments)?;
    printing.attached()?;
    workload.go()?;
    workload.finish::<Report>()?;
    let records = printing.stop()?;
    let reads: Vec<&Value> = of_kind(&records, "read").collect();
    let lost: u64 = of_kind(&records, "end")
        .filter_map(|end| end["lost"].as_object())
        .flat_map(|lost| lost.values())
        .filter_map(Value::as_u64)
        .sum();
    ensure!(
        reads.len() as u64 <= CALLS && reads.len() as u64 + lost >= CALLS,
        "{} of {CALLS} reads told, {lost} lost",
        reads.len()
    );
    ensure!(lost < CALLS / 2, "{lost} of {CALLS} lost");
    for (n, read) in reads.iter().enumerate() {
        ensure!(
            read["bytes"] == 1 && read["size_bytes"] == 1 && read["path"] == path,
            "{read}"
        );
        let place = read["offset_bytes"].as_u64();
        let expected = n as u64 % SIZE;
        ensure!(
            lost > 0 || place == Some(expected),
            "{read}, the {n}th, is not at {expected}"
        );
        let latency = read["latency_ns"].as_u64();
        ensure!(
            latency.is_some_and(|latency| latency > 0),
            "{read} took no time"
        );
    }
    let counted: u64 = sums(&records).values().map(|[reads, ..]| reads).sum();
    ensure!(
        counted <= CALLS && counted + lost >= CALLS,
        "{counted} of {CALLS} counted"
    );
    Ok(())
}
