//! Clear answers when it can not work.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::Scenario;
use crate::harness::{Context, Process, SOON};
use crate::machine;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "usage_errors_are_told",
        proves: "a wrong pid, interval, backend or number of rows is named, with exit code 2",
        run: usage,
    },
    Scenario {
        name: "privileges_are_asked_for",
        proves: "without rights one message names the capabilities and the command to run, with \
                 exit code 69",
        run: privileges,
    },
    Scenario {
        name: "missing_btf_is_told",
        proves: "on a kernel without BTF one message says so, with exit code 69",
        run: missing_btf,
    },
];

const WRONG_USAGE: i32 = 2;
pub const UNAVAILABLE: i32 = 69;

/// A user without rights.
const NOBODY: u32 = 65_534;

/// Wrong command lines, each with the word that the message must repeat.
const WRONG: &[(&[&str], &str)] = &[
    (&["top", "--pid", "abc"], "abc"),
    (&["top", "--pid", "0"], "0"),
    (&["top", "--pid", "99999999"], "99999999"),
    (&["top", "0"], "0"),
    (&["top", "-1"], "-1"),
    (&["top", "abc"], "abc"),
    (&["top", "nan"], "nan"),
    (&["top", "1", "0"], "0"),
    (&["top", "-r", "0"], "0"),
    (&["top", "--sort", "size"], "size"),
    (&["top", "--backend", "magic"], "magic"),
    (&["top", "--pid", "1", "--", "true"], "--pid"),
    (&["opens", "--pid", "abc"], "abc"),
    (&["opens", "--pid", "99999999"], "99999999"),
    (&["opens", "--backend", "magic"], "magic"),
    (&["opens", "-f", "O_NONSENSE"], "O_NONSENSE"),
    (&["opens", "-d", "-5"], "-5"),
    (
        &["opens", "-d", "18446744073709551615"],
        "18446744073709551615",
    ),
    (&["nonsense"], "nonsense"),
];

fn usage(context: &Context) -> Result<()> {
    for (arguments, word) in WRONG {
        let mut command = Command::new(context.binary());
        command.args(*arguments);
        let said = refused(context, &mut command, WRONG_USAGE)
            .with_context(|| format!("iotrace {}", arguments.join(" ")))?;
        ensure!(
            said.contains(word),
            "{arguments:?}: {word:?} is not named in: {said}"
        );
    }
    Ok(())
}

fn privileges(context: &Context) -> Result<()> {
    // Where the binary was built, another user may not be able to look.
    let copy = context.dir().join("iotrace");
    fs::copy(context.binary(), &copy)?;
    fs::set_permissions(&copy, Permissions::from_mode(0o755))?;
    for subcommand in ["top", "opens"] {
        let mut command = Command::new(&copy);
        command.args([subcommand, "--backend", context.backend().name()]);
        if machine::is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        let said = refused(context, &mut command, UNAVAILABLE).context(subcommand)?;
        for word in ["CAP_BPF", "CAP_PERFMON", "sudo"] {
            ensure!(
                said.contains(word),
                "{subcommand}: {word:?} is not named in: {said}"
            );
        }
        once(&said, "CAP_BPF")?;
    }
    Ok(())
}

fn missing_btf(context: &Context) -> Result<()> {
    const BTF: &str = "/nonexistent/btf";
    let mut command = context.iotrace("top", &["--btf", BTF]);
    let said = refused(context, &mut command, UNAVAILABLE)?;
    once(&said, BTF)
}

/// Runs what must be refused; returns what it said on stderr.
pub fn refused(context: &Context, command: &mut Command, exit_code: i32) -> Result<String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut process = Process::spawn(context, "iotrace", command)?;
    let stdout = crate::harness::Capture::start(process.stdout()?);
    process.expect_exit(exit_code, SOON)?;
    let said = String::from_utf8_lossy(&process.stderr().to_end(SOON)?).into_owned();
    let printed = stdout.to_end(SOON)?;
    ensure!(
        printed.is_empty(),
        "messages go to stderr alone, but stdout has {} bytes",
        printed.len()
    );
    ensure!(!said.contains("panicked"), "a panic is no message: {said}");
    Ok(said)
}

/// One message, not the same from each layer.
fn once(said: &str, word: &str) -> Result<()> {
    let times = said.matches(word).count();
    ensure!(times == 1, "{word:?} is said {times} times: {said}");
    Ok(())
}
