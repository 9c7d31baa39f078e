//! `--fail-on-loss`: the exit code tells whether everything was told.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::Scenario;
use super::cut_paths::deep_dir;
use crate::counts::Counts;
use crate::harness::{Context, Opens, Rows, Tracer, Workload, plain, this_program};
use crate::work::Report;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "fail_on_loss",
        proves: "with --fail-on-loss the exit code of `top` and `opens` is 1 when anything was lost \
                 or had no row, else 0; without it always 0",
        run: by_signal,
    },
    Scenario {
        name: "fail_on_loss_of_a_command",
        proves: "with --fail-on-loss the exit code stays that of the traced command, unless that is 0",
        run: of_a_command,
    },
];

const FAIL: &str = "--fail-on-loss";

/// The loss that is provoked here.
const CUT: &[&str] = &["path_cut"];

/// More steps than a record holds.
const LEVELS: usize = 100;

/// More files than rows.
const FILES: &str = "500";

fn by_signal(context: &Context) -> Result<()> {
    let plain_dir = context.make_dir("plain")?;
    let deep = deep_dir(context.dir(), LEVELS);
    fs::create_dir_all(&deep)?;
    for (what, dir, options, code) in [
        ("nothing lost", &plain_dir, &[FAIL][..], 0),
        ("paths cut", &deep, &[FAIL], 1),
        ("paths cut", &deep, &[], 0),
        ("too few rows", &plain_dir, &[FAIL, "--map-rows", "64"], 1),
        ("too few rows", &plain_dir, &["--map-rows", "64"], 0),
    ] {
        top(context, dir, options, code).with_context(|| format!("top, {what}, {options:?}"))?;
    }
    for (what, dir, options, code) in [
        ("nothing lost", &plain_dir, &[FAIL][..], 0),
        ("paths cut", &deep, &[FAIL], 1),
        ("paths cut", &deep, &[], 0),
    ] {
        opens(context, dir, options, code)
            .with_context(|| format!("opens, {what}, {options:?}"))?;
    }
    Ok(())
}

/// One file and one after the other, or so many that a small map is full.
fn files(context: &Context, dir: &Path) -> Result<Workload> {
    let options = ["files", "--count", FILES, "--batch", FILES, "--dir"];
    Workload::start(context, &[&options, &[plain(dir)?][..]].concat())
}

/// One interval, in which no row is free again.
fn top(context: &Context, dir: &Path, options: &[&str], code: i32) -> Result<()> {
    let mut workload = files(context, dir)?;
    let pid = workload.pid().to_string();
    let options = [&["-p", &pid, "600"], options].concat();
    let tracer = Tracer::start(context, "top", &options, Rows::allowing(CUT))?;
    workload.go()?;
    workload.finish::<Report>()?;
    let (seen, end) = tracer.stop_with(code)?;
    let lost = end.lost.values().sum::<u64>() > 0 || seen.overflow() != Counts::ZERO;
    ensure!(lost || code == 0, "nothing was lost: {:?}", end.lost);
    Ok(())
}

fn opens(context: &Context, dir: &Path, options: &[&str], code: i32) -> Result<()> {
    let mut workload = files(context, dir)?;
    let pid = workload.pid().to_string();
    let options = [&["-p", &pid], options].concat();
    let tracer = Tracer::start(context, "opens", &options, Opens::allowing(CUT))?;
    workload.go()?;
    workload.finish::<Report>()?;
    tracer.stop_with(code).map(drop)
}

fn of_a_command(context: &Context) -> Result<()> {
    let program = this_program();
    let plain_dir = context.make_dir("plain")?;
    let deep = deep_dir(context.dir(), LEVELS);
    fs::create_dir_all(&deep)?;
    for (dir, own, code) in [
        (&plain_dir, "0", 0),
        (&plain_dir, "7", 7),
        (&deep, "0", 1),
        (&deep, "7", 7),
    ] {
        let command = [
            "--",
            plain(&program)?,
            "work",
            "tree",
            "--exit-code",
            own,
            "--dir",
        ];
        let words = [&[FAIL], &command[..], &[plain(dir)?]].concat();
        let explain = || format!("{}, exit code {own}", dir.display());
        Tracer::start(context, "top", &words, Rows::allowing(CUT))
            .and_then(|tracer| tracer.finish(code))
            .with_context(explain)?;
        Tracer::start(context, "opens", &words, Opens::allowing(CUT))
            .and_then(|tracer| tracer.finish(code))
            .with_context(explain)?;
    }
    Ok(())
}
