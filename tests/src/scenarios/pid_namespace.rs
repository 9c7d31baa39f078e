//! iotrace in a PID namespace of its own, as in a container: its ids are not those of the kernel
//! programs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::Scenario;
use super::follow::{EXIT_CODE, Family, touched};
use super::own_process::own_rows;
use crate::counts::compare;
use crate::harness::{Context, Process, Rows, SOON, Skip, Tracer};
use crate::work::NAMESPACE_CHILD;
use crate::work::tree::PROCESSES;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "pid_namespace_follow_command",
        proves: "inside a PID namespace `top -- COMMAND` counts the command and its descendants, \
                 nobody else",
        run: follow,
    },
    Scenario {
        name: "pid_namespace_own_process_is_not_shown",
        proves: "inside a PID namespace `top --json > FILE` does not show its own writes, \
                 unless asked with --include-self",
        run: own_process,
    },
];

fn follow(context: &Context) -> Result<()> {
    unless_possible()?;
    // The namespace has a /proc of its own, where this process is not.
    let program = context.dir().join("program");
    fs::copy("/proc/self/exe", &program)?;
    let family = Family::start(context, &program)?;
    let data = family.data.clone();
    let options = [
        vec!["--json".to_owned(), "0.1".to_owned()],
        family.arguments.clone(),
    ]
    .concat();
    let mut command = inside(&context.iotrace("top", &options));
    let tracer = Tracer::spawn(context, "top", &mut command, Rows::default())?;
    let (seen, _) = tracer.finish(EXIT_CODE)?;
    let lengths = family.end()?;

    // The files are named by ids of the namespace; rows have those of the host.
    let pids: BTreeSet<_> = seen.rows.iter().filter_map(|row| row.pid).collect();
    ensure!(
        pids.len() == PROCESSES,
        "rows of {pids:?}, but {PROCESSES} processes ran"
    );
    let mut reported = seen.sums(|row| row.path().unwrap_or_default());
    reported.retain(|path, _| path.starts_with(&data));
    let done = lengths
        .iter()
        .map(|(pid, length)| (data.join(pid.to_string()), touched(*length)))
        .collect();
    compare(&done, &reported)
}

fn own_process(context: &Context) -> Result<()> {
    unless_possible()?;
    let own = own_rows(context, "excluded.ndjson", &[], inside, host_pid)?;
    ensure!(own.is_empty(), "shows itself: {own:?}");
    // Without this the check above might look for something that is never there.
    let shown = ["--include-self"];
    let own = own_rows(context, "included.ndjson", &shown, inside, host_pid)?;
    ensure!(!own.is_empty(), "--include-self does not show its writes");
    Ok(())
}

fn unless_possible() -> Result<()> {
    Skip::unless_root("can not make a PID namespace")?;
    if !Path::new("/proc/self/ns/pid").exists() {
        return Skip::because("the kernel has no PID namespaces");
    }
    Ok(())
}

/// The same command in a new PID namespace.
fn inside(command: &Command) -> Command {
    let mut wrapped = Command::new("/proc/self/exe");
    wrapped.args(["work", "pid-namespace", "--"]);
    wrapped.arg(command.get_program()).args(command.get_args());
    wrapped
}

/// The process in the namespace, by its id outside of it.
fn host_pid(process: &Process) -> Result<u32> {
    let pid = process.stderr().wait_for("process id", SOON, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let (_, rest) = text.split_once(NAMESPACE_CHILD)?;
        Some(rest.split_once('\n')?.0.to_owned())
    })?;
    pid.parse()
        .with_context(|| format!("{pid:?} is no process id"))
}
