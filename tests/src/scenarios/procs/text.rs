//! What people see of `procs`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;

use crate::harness::{Capture, Context, Process, SOON, Skip, Workload, plain};
use crate::scenarios::Scenario;
use crate::work::DiskReport;

pub const TEXT: Scenario = Scenario {
    name: "procs_text",
    proves: "the table has its titles and the row of a process that writes, and the summary its bytes",
    run: text,
};

pub const OF_A_USER: Scenario = Scenario {
    name: "procs_as_ordinary_user",
    proves: "without rights own processes are told, with one line that says what is missing, or none \
             with `--no-bpf`; exit code 0",
    run: of_a_user,
};

/// A user without rights.
const NOBODY: u32 = 65_534;

const TITLES: &[&str] = &[
    "PID", "USER", "READ/s", "WRITE/s", "CANC/s", "WAIT", "CALLS/s", "MEAN", "TOT_R", "TOT_W",
    "COMMAND",
];

fn text(context: &Context) -> Result<()> {
    let dir = context.make_dir("disk")?;
    let words = ["disk", "--dir", plain(&dir)?, "--write", "50"];
    let mut workload = Workload::start(context, &words)?;
    let pid = workload.pid().to_string();
    let mut command = context.iotrace("procs", &["--pid", &pid, "0.5"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut process = Process::spawn(context, "iotrace", &mut command)?;
    let stdout = Capture::start(process.stdout()?);
    context.remember(format!("{}: stdout", process.label()), stdout.clone());
    let row = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let row = text
            .lines()
            .find(|line| line.split(' ').next() == Some(&*pid) && line.contains("MiB"));
        row.map(str::to_owned)
    };
    stdout.wait_for("table", SOON, |bytes| {
        String::from_utf8_lossy(bytes)
            .contains("COMMAND")
            .then_some(())
    })?;
    workload.go()?;
    let row = stdout.wait_for("row of the workload", SOON, row)?;
    let _: DiskReport = workload.finish()?;
    process.signal(Signal::SIGINT)?;
    process.expect_exit(0, SOON)?;
    let text = String::from_utf8_lossy(&stdout.to_end(SOON)?).into_owned();
    let titles = text.lines().find(|line| line.starts_with("PID"));
    let titles: Vec<_> = titles.context("no titles")?.split_whitespace().collect();
    for title in TITLES {
        ensure!(titles.contains(title), "no {title} in {titles:?}");
    }
    ensure!(row.contains("work disk --dir"), "no command line: {row}");
    let said = String::from_utf8_lossy(&process.stderr().to_end(SOON)?).into_owned();
    ensure!(
        said.contains("50 MiB to be written") && said.contains("lost: 0"),
        "the summary is {said}"
    );
    Ok(())
}

/// Where the binary was built, another user may not be able to look.
fn copy(context: &Context) -> Result<PathBuf> {
    let copy = context.dir().join("iotrace");
    fs::copy(context.binary(), &copy)?;
    fs::set_permissions(&copy, Permissions::from_mode(0o755))?;
    Ok(copy)
}

fn of_a_user(context: &Context) -> Result<()> {
    Skip::unless_root("a process is given to another user")?;
    let binary = copy(context)?;
    for (options, lines) in [(&["--no-bpf"][..], 0), (&[][..], 1)] {
        let mut other = Command::new(&binary);
        other.args(["procs", "--no-bpf", "300"]);
        other
            .uid(NOBODY)
            .gid(NOBODY)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let other = Process::spawn(context, "another of this user", &mut other)?;
        let mut command = Command::new(&binary);
        command
            .args(["procs", "--json", "--all", "0.2", "2"])
            .args(options);
        command.uid(NOBODY).gid(NOBODY);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = Process::spawn(context, "iotrace", &mut command)?;
        let stdout = Capture::start(process.stdout()?);
        process.expect_exit(0, SOON)?;
        let said = String::from_utf8_lossy(&process.stderr().to_end(SOON)?).into_owned();
        let printed = String::from_utf8_lossy(&stdout.to_end(SOON)?).into_owned();
        ensure!(
            said.lines().count() == lines,
            "{options:?}: not {lines} lines: {said}"
        );
        let missing = ["without the kernel's help", "CAP_BPF", "CAP_PERFMON"];
        let tells = missing.iter().all(|word| said.contains(word));
        ensure!(tells || lines == 0, "{options:?}: what is missing? {said}");
        let own = format!("\"pid\":{},", other.pid());
        let row = printed
            .lines()
            .find(|line| line.contains(&own) && line.contains("\"disk_read_bytes\":"));
        let row = row.with_context(|| format!("{options:?}: not told: {printed}"))?;
        ensure!(row.contains("\"comm\":\"iotrace\""), "not it: {row}");
        // Others are there, but what they do is theirs.
        let foreign = printed
            .lines()
            .find(|line| line.contains("\"pid\":1,") && line.contains("disk_write_bytes"));
        ensure!(foreign.is_none(), "of root: {foreign:?}");
        let header = printed.lines().next().unwrap_or_default();
        ensure!(header.contains("\"other_users\""), "untold: {header}");
    }
    Ok(())
}
