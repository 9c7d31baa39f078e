//! What was recorded is told as it was live.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, anyhow, ensure};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::Scenario;
use super::temp_files::{REQUESTS, rust_service};
use crate::harness::{Context, Process, SOON};
use crate::work::ServiceReport;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "recording_replays_as_live",
        proves: "`top`, `opens` and `churn` tell of a recording, from a file and from a pipe, what \
                 they told live beside it",
        run: as_live,
    },
    Scenario {
        name: "recording_with_damage",
        proves: "lines that can not be understood are named, counted and left out; a recording \
                 without its end is used as far as it goes",
        run: damaged,
    },
    Scenario {
        name: "recording_larger_than_memory",
        proves: "a recording is replayed in bounded memory",
        run: large,
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
        one.process
            .stderr()
            .wait_for("line that tells it is attached", SOON, |bytes| {
                let text = String::from_utf8_lossy(bytes);
                text.contains("attached in").then_some(())
            })?;
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

    // Once more recorded it is the same, but for the cause of loss that a replay adds.
    let (again, _) = from_file("events")?;
    let whole = again.len();
    ensure!(whole > 9000, "only {whole} records");
    Ok(())
}

fn damaged(context: &Context) -> Result<()> {
    let (recording, _) = record(context)?;
    let path = recording.to_str().context("a path in UTF-8")?;
    let (whole, _) = replay(context, &["events", "--replay", path], Stdio::null())?;
    let mut lines: Vec<String> = whole.iter().map(Value::to_string).collect();
    let opens = of_kind(&whole, "open").count();
    let spoilt = lines
        .iter()
        .position(|line| line.contains("\"open\""))
        .ok_or_else(|| anyhow!("no open"))?;
    lines[spoilt] = lines[spoilt].replace("\"pid\":", "\"pid\":-");
    lines.insert(spoilt, "\u{1b}[2J no record".to_owned());
    // Without the end.
    lines.pop();
    let text = lines.join("\n");
    let damaged = context.dir().join("damaged.ndjson");
    fs::write(&damaged, &text[..text.len() - 20])?;

    let name = damaged.to_str().context("a path in UTF-8")?;
    let (replayed, said) = replay(context, &["opens", "--replay", name], Stdio::null())?;
    let kept = of_kind(&replayed, "open").count();
    ensure!(
        kept == opens - 1,
        "{kept} opens of {opens}, one of them spoilt"
    );
    for number in [spoilt + 1, spoilt + 2] {
        ensure!(
            said.contains(&format!("line {number} ")),
            "line {number} is not named: {said}"
        );
    }
    ensure!(
        said.contains("has no end"),
        "that it is cut is not told: {said}"
    );
    ensure!(
        !said.contains('\u{1b}'),
        "a line of the file got through: {said:?}"
    );
    Ok(())
}

/// More than the process may have.
const BYTES: usize = 150 << 20;
const MEMORY_KIB: u32 = 48 << 10;

fn large(context: &Context) -> Result<()> {
    let path = context.dir().join("large.ndjson");
    let mut file = BufWriter::new(File::create(&path)?);
    let ts = "\"ts\":\"2026-01-01T00:00:00.000000000Z\"";
    writeln!(
        file,
        "{{\"type\":\"header\",{ts},\"schema\":1,\"version\":\"0\",\"backend\":\"fentry\",\
         \"kernel\":\"6.12\",\"command\":\"events\"}}"
    )?;
    let mut written = 0;
    let mut rows: u64 = 0;
    while written < BYTES {
        let mut block = String::new();
        for tid in 0..1000 {
            block += &format!(
                "{{\"type\":\"io\",{ts},\"pid\":1,\"tid\":{tid},\"uid\":0,\"comm\":\"c\",\
                 \"path\":\"/srv/data/file-{rows}\",\"dev\":\"8:1\",\"ino\":{rows},\"gen\":1,\
                 \"file_type\":\"regular\",\"reads\":1,\"writes\":0,\"read_bytes\":7,\
                 \"write_bytes\":0}}\n"
            );
            rows += 1;
        }
        block += &format!(
            "{{\"type\":\"tick\",{ts},\"interval_ns\":1,\"reads\":1000,\"writes\":0,\
             \"read_bytes\":7000,\"write_bytes\":0,\"lost\":{{}}}}\n"
        );
        file.write_all(block.as_bytes())?;
        written += block.len();
    }
    writeln!(file, "{{\"type\":\"end\",{ts},\"lost\":{{}}}}")?;
    file.flush()?;

    let script = format!("ulimit -d {MEMORY_KIB} && exec \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, "sh"]).arg(context.binary());
    command
        .args(["top", "-r", "1", "--by", "process", "--replay"])
        .arg(&path);
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {said}", output.status);
    let ticks = rows / 1000;
    let expected = format!("{rows} reads");
    ensure!(
        said.contains(&expected) && said.contains(&format!("in {ticks} intervals")),
        "not {expected} in {ticks} intervals: {said}"
    );
    Ok(())
}
