//! `iotrace doctor` tells the truth: what it says works, works, and what stands in the way is named.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Scenario;
use crate::harness::{Capture, Context, Envelope, Process, SOON, Skip, is_harmful, parse};
use crate::machine;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "doctor_names_the_backend_that_is_taken",
        proves: "`doctor` ends with 0, and `top` and `opens` take the backends that it names",
        run: backends,
    },
    Scenario {
        name: "doctor_records_are_as_documented",
        proves: "`doctor --json` prints checks with known groups and states, then one verdict",
        run: records,
    },
    Scenario {
        name: "doctor_text_is_readable",
        proves: "no line of `doctor` is longer than 100 columns, and the last one is the verdict",
        run: text,
    },
    Scenario {
        name: "doctor_asks_for_privileges",
        proves: "without rights `doctor` names both capabilities and ends with 69",
        run: privileges,
    },
    Scenario {
        name: "doctor_misses_btf",
        proves: "without type information `doctor` says where it looked and ends with 69",
        run: missing_btf,
    },
];

const UNAVAILABLE: i32 = 69;
/// A user without rights.
const NOBODY: u32 = 65_534;
const WIDTH: usize = 100;

const GROUPS: [&str; 10] = [
    "kernel",
    "types",
    "privileges",
    "container",
    "programs",
    "maps",
    "hooks",
    "features",
    "backends",
    "choice",
];
const STATES: [&str; 5] = ["ok", "missing", "reduced", "unknown", "info"];
const CHECK_FIELDS: [&str; 8] = [
    "type", "ts", "group", "name", "state", "found", "means", "advice",
];
const DOCTOR_FIELDS: [&str; 9] = [
    "type",
    "ts",
    "works",
    "backend",
    "refused",
    "verdict",
    "version",
    "kernel",
    "architecture",
];

fn backends(context: &Context) -> Result<()> {
    let (checks, verdict) = examine(context, &mut doctor(context, &["--json"]), 0)?;
    ensure!(verdict["works"] == true, "{verdict}");
    for command in ["top", "opens"] {
        let named = verdict["backend"][command].as_str();
        let named = named.with_context(|| format!("no backend for {command}: {verdict}"))?;
        ensure!(
            state(&checks, "choice", command)? == "ok",
            "the choice for {command} is not ok"
        );
        let taken = taken(context, command)?;
        ensure!(taken == named, "{command} takes {taken}, not {named}");
        // Nothing is both chosen and refused for the same command.
        ensure!(
            state(&checks, "backends", named)? != "missing",
            "{named} is chosen and missing"
        );
    }
    // The backend under test is one that works, or the run makes no sense.
    let tested = context.backend().name();
    let tested = state(&checks, "backends", tested)?;
    ensure!(tested != "missing", "the backend under test is missing");
    Ok(())
}

/// The backend that a command takes without being asked for one.
fn taken(context: &Context, subcommand: &str) -> Result<String> {
    let mut command = Command::new(context.binary());
    match subcommand {
        "top" => command.args(["top", "--json", "0.1", "1"]),
        _ => command.args([subcommand, "--json", "-d", "0.1"]),
    };
    let said = said(context, &mut command, 0)?;
    let header: Value = parse(said.lines().next().unwrap_or_default())?;
    let backend = header["backend"].as_str().context("no backend")?;
    Ok(backend.to_owned())
}

fn records(context: &Context) -> Result<()> {
    for btf in [None, Some("/nonexistent/btf")] {
        let mut arguments = vec!["--json"];
        arguments.extend(btf.iter().flat_map(|path| ["--btf", path]));
        let code = if btf.is_some() { UNAVAILABLE } else { 0 };
        let (checks, verdict) = examine(context, &mut doctor(context, &arguments), code)?;
        ensure!(checks.len() > 15, "only {} checks", checks.len());
        for check in &checks {
            known_fields(check, &CHECK_FIELDS)?;
            one_of(check, "group", &GROUPS)?;
            one_of(check, "state", &STATES)?;
            for text in ["name", "found", "means", "advice"] {
                let value = &check[text];
                let absent = value.is_null() && text != "name";
                let told = value.as_str().is_some_and(|text| !text.is_empty());
                ensure!(absent || told, "{text} of {check}");
            }
        }
        known_fields(&verdict, &DOCTOR_FIELDS)?;
        ensure!(verdict["kernel"] == machine::kernel(), "{verdict}");
        let release = &find(&checks, "kernel", "release")?["found"];
        ensure!(release == &verdict["kernel"], "{release}");
    }
    Ok(())
}

fn text(context: &Context) -> Result<()> {
    let said = said(context, &mut doctor(context, &[]), 0)?;
    readable(&said)?;
    let last = said.lines().last().unwrap_or_default();
    ensure!(last.starts_with("Tracing will work"), "last line: {last}");
    Ok(())
}

fn privileges(context: &Context) -> Result<()> {
    // Where the binary was built, another user may not be able to look.
    let copy = context.dir().join("iotrace");
    fs::copy(context.binary(), &copy)?;
    fs::set_permissions(&copy, Permissions::from_mode(0o755))?;
    let as_nobody = |arguments: &[&str]| {
        let mut command = Command::new(&copy);
        command.arg("doctor").args(arguments);
        if machine::is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    };
    let said = said(context, &mut as_nobody(&[]), UNAVAILABLE)?;
    readable(&said)?;
    let last = said.lines().last().unwrap_or_default();
    for word in ["CAP_BPF", "CAP_PERFMON"] {
        ensure!(last.contains(word), "{word} is not named in: {last}");
    }
    for word in ["sudo", "setcap"] {
        ensure!(said.contains(word), "{word} is not named in: {said}");
    }
    let (checks, verdict) = examine(context, &mut as_nobody(&["--json"]), UNAVAILABLE)?;
    ensure!(verdict["works"] == false, "{verdict}");
    for name in ["CAP_BPF", "CAP_PERFMON"] {
        ensure!(state(&checks, "privileges", name)? == "missing", "{name}");
    }
    Ok(())
}

fn missing_btf(context: &Context) -> Result<()> {
    Skip::unless_root("privileges are what is missing first")?;
    const BTF: &str = "/nonexistent/btf";
    let said = said(context, &mut doctor(context, &["--btf", BTF]), UNAVAILABLE)?;
    readable(&said)?;
    ensure!(said.contains(BTF), "{BTF} is not named");
    let mut command = doctor(context, &["--json", "--btf", BTF]);
    let (checks, verdict) = examine(context, &mut command, UNAVAILABLE)?;
    ensure!(state(&checks, "types", "file")? == "missing", "{checks:?}");
    ensure!(verdict["backend"] == serde_json::json!({}), "{verdict}");
    Ok(())
}

fn doctor(context: &Context, arguments: &[&str]) -> Command {
    let mut command = Command::new(context.binary());
    command.arg("doctor").args(arguments);
    command
}

/// What it writes to stdout until it ends with that code.
fn said(context: &Context, command: &mut Command, code: i32) -> Result<String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut process = Process::spawn(context, "iotrace", command)?;
    let stdout = Capture::start(process.stdout()?);
    context.remember(format!("{}: stdout", process.label()), stdout.clone());
    process.expect_exit(code, SOON)?;
    Ok(String::from_utf8(stdout.to_end(SOON)?)?)
}

/// Its checks and its verdict.
fn examine(context: &Context, command: &mut Command, code: i32) -> Result<(Vec<Value>, Value)> {
    let said = said(context, command, code)?;
    let mut records = Vec::new();
    for line in said.lines() {
        let envelope = Envelope::parse(line)?;
        let record: Value = parse(line)?;
        records.push((envelope.kind, record));
    }
    let (kind, verdict) = records.pop().context("no record")?;
    ensure!(kind == "doctor", "the last record is {kind:?}");
    let checks = records.into_iter().map(|(kind, record)| {
        ensure!(kind == "check", "a record {kind:?} before the last");
        Ok(record)
    });
    Ok((checks.collect::<Result<_>>()?, verdict))
}

fn find<'checks>(checks: &'checks [Value], group: &str, name: &str) -> Result<&'checks Value> {
    let mut checks = checks.iter();
    checks
        .find(|check| check["group"] == group && check["name"] == name)
        .with_context(|| format!("no check {name:?} of {group}"))
}

fn state<'checks>(checks: &'checks [Value], group: &str, name: &str) -> Result<&'checks str> {
    find(checks, group, name)?["state"]
        .as_str()
        .context("no state")
}

fn known_fields(record: &Value, known: &[&str]) -> Result<()> {
    let fields = record.as_object().context("no object")?;
    for field in fields.keys() {
        ensure!(
            known.contains(&field.as_str()),
            "{field:?} is not documented"
        );
    }
    Ok(())
}

fn one_of(record: &Value, field: &str, known: &[&str]) -> Result<()> {
    let value = record[field].as_str().unwrap_or_default();
    ensure!(known.contains(&value), "{field} of {record}");
    Ok(())
}

fn readable(text: &str) -> Result<()> {
    for line in text.lines() {
        let columns = line.chars().count();
        ensure!(columns <= WIDTH, "{columns} columns: {line:?}");
        ensure!(!line.contains(is_harmful), "harmful: {line:?}");
    }
    Ok(())
}
