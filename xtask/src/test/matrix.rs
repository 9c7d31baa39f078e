//! The scenarios in virtual machines, as many at a time as there are processors.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::accuracy::{self, Accuracy};
use super::cells::{Cell, cells};
use super::queue;
use super::results::{self, CellResult};
use super::tally::{self, Tally};
use crate::arch::Arch;
use crate::vm::System;

/// A machine that has not finished by then hangs: the slowest (7.2 with fentry) took 18 minutes
/// beside another one, and was not done after 20 where builds ran too.
const TIMEOUT: Duration = Duration::from_secs(2000);
/// More guests than this at a time are not worth their memory.
const MOST_AT_A_TIME: usize = 4;

/// By architecture, kernel, and whether they have programs to trace.
type Systems = BTreeMap<(Arch, &'static str, bool), System>;

/// One virtual machine, after its end.
struct Done {
    output: String,
    seconds: f64,
    /// What it told; nothing when its output is not whole.
    result: Option<CellResult>,
    judgement: Result<()>,
}

/// Whether there is a cell whose name contains one of `only`.
pub fn has_any(all_scenarios: bool, only: &[String]) -> bool {
    cells(all_scenarios)
        .iter()
        .any(|cell| is_wanted(cell, only))
}

fn is_wanted(cell: &Cell, only: &[String]) -> bool {
    only.is_empty() || only.iter().any(|part| cell.to_string().contains(part))
}

/// Runs the cells whose names contain one of `only`, or all, and adds to `tally`; an error when one
/// of them is not as it must be. A complete run goes into the table of results.
pub fn run(all_scenarios: bool, only: &[String], tally: &mut Tally) -> Result<()> {
    let mut cells = cells(all_scenarios);
    let in_all = cells.len();
    cells.retain(|cell| is_wanted(cell, only));
    if cells.is_empty() {
        bail!("no part of the matrix has any of {only:?} in its name");
    }
    let mut systems = Systems::new();
    for cell in &cells {
        if let Entry::Vacant(free) = systems.entry(key(cell)) {
            let system = System::prepare(cell.arch, cell.kernel)?;
            free.insert(if cell.has_programs() {
                system.with_programs()?
            } else {
                system
            });
        }
    }

    let workers = thread::available_parallelism()?.get().min(MOST_AT_A_TIME);
    eprintln!(
        "xtask: {} virtual machines, {workers} at a time",
        cells.len()
    );
    let mut count = 0;
    let done = queue::run(
        &cells,
        workers,
        |cell| run_cell(&systems, cell),
        |cell, done| {
            count += 1;
            print_block(cell, done, count, cells.len());
        },
    );

    let mut bad = Vec::new();
    for (cell, done) in cells.iter().zip(&done) {
        if let Some(result) = &done.result {
            tally.add(result.tally);
        }
        if let Err(error) = &done.judgement {
            bad.push(format!("{cell}: {error:#}"));
        }
    }
    let results: Vec<_> = done.into_iter().filter_map(|done| done.result).collect();
    if results.len() == in_all {
        results::save(&results)?;
        accuracy::save(&results)?;
    }
    if !bad.is_empty() {
        bail!(
            "{} of the virtual machines:\n  {}",
            bad.len(),
            bad.join("\n  ")
        );
    }
    Ok(())
}

fn key(cell: &Cell) -> (Arch, &'static str, bool) {
    (cell.arch, cell.kernel, cell.has_programs())
}

fn run_cell(systems: &Systems, cell: &Cell) -> Done {
    let start = Instant::now();
    let mut output = Vec::new();
    let code = boot(systems, cell, &mut output);
    let output = String::from_utf8_lossy(&output).into_owned();
    let (result, judgement) = match code {
        Ok(code) => judge(cell, &output, code),
        Err(error) => (None, Err(error)),
    };
    Done {
        seconds: start.elapsed().as_secs_f64(),
        output,
        result,
        judgement,
    }
}

fn boot(systems: &Systems, cell: &Cell, output: &mut Vec<u8>) -> Result<u8> {
    let system = systems
        .get(&key(cell))
        .context("its system was not prepared")?;
    let log = format!("console {cell}").replace(' ', "-");
    system.run(&cell.command(), cell.cpus(), TIMEOUT, &log, &mut |bytes| {
        output.extend_from_slice(bytes);
        Ok(())
    })
}

/// What the output says, and whether that is good.
fn judge(cell: &Cell, output: &str, code: u8) -> (Option<CellResult>, Result<()>) {
    let Some(release) = cell.release(output) else {
        return (
            None,
            Err(anyhow::anyhow!("another system than this booted")),
        );
    };
    let Some(tally) = Tally::of(output) else {
        let error =
            anyhow::anyhow!("the scenarios ended without their last line (exit code {code})");
        return (None, Err(error));
    };
    let owned = |(name, reason): (&str, &str)| (name.to_owned(), reason.to_owned());
    let result = CellResult {
        cell: *cell,
        release: release.to_owned(),
        tally,
        failed: tally::failed(output).map(str::to_owned).collect(),
        skipped: tally::skipped(output).map(owned).collect(),
        accuracy: Accuracy::of(output),
    };
    (Some(result), tally.judge(Some(code.into())))
}

/// All that one machine said in one piece, under a title.
fn print_block(cell: &Cell, done: &Done, count: usize, in_all: usize) {
    let mut block = format!("=== {cell} ({:.1} s; {count} of {in_all})\n", done.seconds);
    block += done.output.trim_end();
    block.push('\n');
    let mut stdout = std::io::stdout().lock();
    // Who does not want to read it gets the exit code at least.
    let _ = stdout.write_all(block.as_bytes());
    let _ = stdout.flush();
    if let Err(error) = &done.judgement {
        eprintln!("xtask: error: {cell}: {error:#}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test::cells::Part;

    #[test]
    fn only_a_whole_output_of_the_right_system_is_a_result() {
        let cell = Cell {
            kernel: "6.1",
            arch: Arch::X86_64,
            backend: "fentry",
            part: Part::All,
        };
        let judge = |output: &str, code| {
            let (result, judgement) = judge(&cell, output, code);
            (result.is_some(), judgement.is_ok())
        };
        let good = "6.1.0-1 x86_64\nPASS a (1 s)\n1 passed, 0 failed, 0 skipped\n";
        assert_eq!(judge(good, 0), (true, true));
        assert_eq!(judge(good, 1), (true, false));
        let failed = "6.1.0-1 x86_64\nFAIL a: b\n1 passed, 1 failed, 0 skipped\n";
        assert_eq!(judge(failed, 1), (true, false));
        assert_eq!(judge("6.1.0-1 x86_64\nPASS a (1 s)\n", 0), (false, false));
        assert_eq!(judge(&good.replace("6.1.0", "6.2.0"), 0), (false, false));
    }
}
