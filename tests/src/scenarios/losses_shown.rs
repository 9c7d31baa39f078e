//! Losses where a person looks.

use std::fs;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};

use super::Scenario;
use super::cut_paths::deep_dir;
use crate::harness::{Capture, Context, Process, SOON, plain, this_program};

pub const SCENARIOS: &[Scenario] = &[Scenario {
    name: "losses_are_shown",
    proves: "what was lost stands in a header line of `top`, and in its last line on stderr",
    run: shown,
}];

/// More steps than a record holds.
const LEVELS: usize = 100;

/// The processes of the command write a file each, and each name is lost in part.
fn shown(context: &Context) -> Result<()> {
    let dir = deep_dir(context.dir(), LEVELS);
    fs::create_dir_all(&dir)?;
    let program = this_program();
    let words = [
        "--",
        plain(&program)?,
        "work",
        "tree",
        "--dir",
        plain(&dir)?,
    ];
    let mut command = context.iotrace("top", &[&["-C", "0.2"], &words[..]].concat());
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut process = Process::spawn(context, "iotrace", &mut command)?;
    let stdout = Capture::start(process.stdout()?);
    context.remember(format!("{}: stdout", process.label()), stdout.clone());
    process.expect_exit(0, SOON)?;
    let tables = stdout.to_end(SOON)?;
    let stderr = process.stderr().to_end(SOON)?;

    let tables = String::from_utf8_lossy(&tables);
    let headers = tables.lines().filter(|line| line.contains("loadavg:"));
    let mut in_headers = 0;
    for header in headers {
        in_headers += told(header).with_context(|| format!("header {header:?}"))?;
    }
    let stderr = String::from_utf8_lossy(&stderr);
    let last = stderr.lines().last().unwrap_or_default();
    let at_the_end = told(last).with_context(|| format!("last line of stderr {last:?}"))?;
    println!("     {last}");
    ensure!(at_the_end > 0, "nothing was lost: nothing was proved");
    ensure!(
        in_headers == at_the_end,
        "the headers tell {in_headers} losses, and stderr {at_the_end}"
    );
    Ok(())
}

/// The number behind `lost:`, which must be explained unless it is 0.
fn told(line: &str) -> Result<u64> {
    let (_, text) = line.split_once("lost: ").context("tells no losses")?;
    let (number, causes) = text.split_once(' ').unwrap_or((text, ""));
    let number = number.parse().context("no number of losses")?;
    ensure!(
        causes
            == if number == 0 {
                String::new()
            } else {
                format!("(path_cut {number})")
            },
        "the losses are explained as {causes:?}"
    );
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn a_loss_is_told_with_its_cause() -> anyhow::Result<()> {
        assert_eq!(told("reads: 1 lost: 0")?, 0);
        assert_eq!(told("lost: 12 (path_cut 12)")?, 12);
        for wrong in [
            "reads: 1",
            "lost: ",
            "lost: 3",
            "lost: 0 (path_cut 0)",
            "lost: 3 (path_cut 2)",
        ] {
            assert!(told(wrong).is_err(), "{wrong}");
        }
        Ok(())
    }
}
