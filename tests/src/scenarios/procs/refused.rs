//! Command lines that mean nothing.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::harness::Context;
use crate::scenarios::Scenario;
use crate::scenarios::usage::refused;

pub const USAGE: Scenario = Scenario {
    name: "procs_usage_errors",
    proves: "a wrong command line of `procs` or `diagnose` is told, with exit code 2",
    run: usage,
};

/// Wrong command lines, each with the word that the message must repeat.
const WRONG: &[(&[&str], &str)] = &[
    (&["procs", "0"], "0"),
    (&["procs", "1", "0"], "0"),
    (&["procs", "--by", "disk"], "disk"),
    (&["procs", "--sort", "size"], "size"),
    (&["procs", "--pid", "0"], "0"),
    (&["procs", "--rows", "0"], "0"),
    (&["procs", "-t", "--by", "user"], "--by"),
    (&["procs", "--files", "--by", "user"], "--by"),
    (&["procs", "--files", "--no-bpf"], "--no-bpf"),
    (&["procs", "--no-bpf", "--backend", "syscall"], "--no-bpf"),
    (&["procs", "--path", "/x"], "--files"),
    (&["procs", "--replay", "/x", "-t"], "--replay"),
    (&["diagnose", "0"], "0"),
    (&["diagnose", "soon"], "soon"),
    (&["diagnose", "4", "--replay", "/x"], "--replay"),
    (&["diagnose", "--no-bpf", "--replay", "/x"], "--no-bpf"),
    (&["diagnose", "--catalogue", "/nonexistent"], "/nonexistent"),
];

fn usage(context: &Context) -> Result<()> {
    for (arguments, word) in WRONG {
        let mut command = Command::new(context.binary());
        command.args(*arguments);
        let said = refused(context, &mut command, 2)
            .with_context(|| format!("iotrace {}", arguments.join(" ")))?;
        ensure!(
            said.contains(word),
            "{arguments:?}: {word:?} is not named in: {said}"
        );
    }
    Ok(())
}
