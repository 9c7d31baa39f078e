//! What a person sees: the tables of `top` and the lines of `opens`.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};

use super::Scenario;
use super::text::{Line, Text};
use crate::harness::{Capture, Context, Process, SOON, Workload};
use crate::work::Report;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "top_prints_three_tables",
        proves: "`top -C 0.5 3` prints three tables with the columns of filetop and the right row",
        run: three_tables,
    },
    Scenario {
        name: "opens_prints_lines",
        proves: "`opens` prints the columns of opensnoop and a line for each open",
        run: lines,
    },
];

const TABLES: usize = 3;
const TOP: &str = "PID TID COMM READS WRITES R_KB W_KB T FILE";
const OPENS: &str = "PID COMM FD ERR PATH";

fn three_tables(context: &Context) -> Result<()> {
    let (file, busy) = busy(context)?;
    let (pid, tid) = (busy.pid().to_string(), busy.tid().to_string());
    let mut command = context.iotrace("top", &["-C", "-r", "1000", "0.5", "3"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut process = Process::spawn(context, "iotrace", &mut command)?;
    let stdout = Capture::start(process.stdout()?);
    context.remember(format!("{}: stdout", process.label()), stdout.clone());
    process.expect_exit(0, SOON)?;
    let text = stdout.to_end(SOON)?;
    busy.finish::<Report>()?;

    let text = String::from_utf8(text).context("text is UTF-8")?;
    let rows: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let titles: Vec<&str> = TOP.split(' ').collect();
    let tables: Vec<_> = rows.split(|row| *row == titles).skip(1).collect();
    ensure!(tables.len() == TABLES, "{} tables", tables.len());
    for (number, table) in tables.iter().enumerate() {
        let row = table
            .iter()
            .find(|row| row.last().is_some_and(|path| Path::new(path) == file))
            .with_context(|| format!("no row of {} in table {}", file.display(), number + 1))?;
        let [row_pid, row_tid, _comm, reads, writes, _, _, kind, _path] = row.as_slice() else {
            anyhow::bail!("not the columns of the title: {row:?}");
        };
        ensure!(
            [*row_pid, *row_tid] == [pid.as_str(), tid.as_str()],
            "wrong thread: {row:?}"
        );
        ensure!(
            reads.parse::<u64>()? > 0 && writes.parse::<u64>()? > 0,
            "nothing done: {row:?}"
        );
        ensure!(*kind == "R", "not a regular file: {row:?}");
    }
    Ok(())
}

fn lines(context: &Context) -> Result<()> {
    let (file, busy) = busy(context)?;
    let pid = busy.pid().to_string();
    let opens = Text::start(context, "opens", &["-p", &pid])?;
    opens.wait_for_lines(&[Line(vec![pid.clone(), file.display().to_string()])])?;
    let text = opens.stop()?;
    busy.finish::<Report>()?;

    let text = String::from_utf8(text).context("text is UTF-8")?;
    let mut lines = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let titles = lines.next().unwrap_or_default();
    ensure!(
        titles == OPENS.split(' ').collect::<Vec<_>>(),
        "titles are {titles:?}"
    );
    let mut count = 0;
    for line in lines {
        let [line_pid, _comm, fd, error, path] = line.as_slice() else {
            anyhow::bail!("not the columns of the title: {line:?}");
        };
        ensure!(*line_pid == pid, "not the process asked for: {line:?}");
        ensure!(
            fd.parse::<u32>()? > 2 && *error == "0",
            "not a success: {line:?}"
        );
        ensure!(Path::new(path) == file, "another file: {line:?}");
        count += 1;
    }
    ensure!(count > 0, "no lines");
    Ok(())
}

/// A workload that is at it already.
fn busy(context: &Context) -> Result<(PathBuf, Workload)> {
    let file = context.dir().join("busy");
    let path = file.to_str().context("the directory has a plain name")?;
    let mut busy = Workload::start(context, &["busy", "--file", path])?;
    busy.go()?;
    Ok((file, busy))
}
