//! What iotrace costs on this machine: times, so each figure comes with how sure it is.

use std::fmt::Write;
use std::io::Read;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::FILE;
use super::figures::{Figures, NOTHING, median};
use super::record::{Collector, Record};
use crate::arch::Arch;
use crate::vm::Programs;
use crate::{binaries, marked, process};

/// Measures, prints, and writes the section of the document.
pub fn run() -> Result<()> {
    if !process::is_root() {
        bail!("root is needed to load programs into the kernel");
    }
    binaries::build(Arch::HOST)?;
    let opensnoop = Programs::peers(Arch::HOST)?.command("opensnoop")?;
    let mut child = Command::new(binaries::path(Arch::HOST, "iotrace-tests"))
        .args(["bench", "native", "--iotrace"])
        .arg(binaries::path(Arch::HOST, "iotrace"))
        .args(["--opensnoop", &opensnoop.join(" ")])
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start iotrace-tests")?;
    let mut stdout = child.stdout.take().context("iotrace-tests has no stdout")?;
    let mut collector = Collector::default();
    let mut buffer = [0; 4096];
    while let length @ 1.. = stdout.read(&mut buffer)? {
        collector.push(&buffer[..length]);
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("the measuring program failed: {status}");
    }
    let text = render(&collector.records);
    println!("{text}");
    marked::put(FILE, "cargo xtask bench --native", &text)
}

fn render(records: &[Record]) -> String {
    let figures = Figures::of(records);
    let cpus = records.iter().find_map(|record| match record {
        Record::Machine { cpus, .. } => Some(*cpus),
        _ => None,
    });
    let mut text = format!(
        "Kernel {}, {} processors.\n\n",
        version(&figures.kernel),
        cpus.unwrap_or_default()
    );
    ratios(&mut text, &figures);
    for (tracer, reason) in &figures.absent {
        // Writing to a String can not fail.
        let _ = writeln!(text, "\nNot measured: {tracer}: {reason}");
    }
    let _ = writeln!(
        text,
        "\n| what | median | least to most |\n| --- | --: | --: |"
    );
    for (name, unit, mut values) in single(records) {
        values.sort_by(f64::total_cmp);
        let middle = median(&values).unwrap_or_default();
        let spread = match values.as_slice() {
            [least, .., most] => format!("{least:.1} to {most:.1}"),
            _ => String::new(),
        };
        let _ = writeln!(text, "| {name} | {middle:.2} {unit} | {spread} |");
    }
    text
}

/// The numbers of a release: the rest names somebody's build.
fn version(release: &str) -> &str {
    let end = release.find(|c: char| c != '.' && !c.is_ascii_digit());
    &release[..end.unwrap_or(release.len())]
}

fn ratios(text: &mut String, figures: &Figures) {
    let _ = writeln!(
        text,
        "| call | tracer | takes | times as long as without | 95 % range |\n\
         | --- | --- | --: | --: | --: |"
    );
    for workload in &figures.workloads {
        for tracer in &figures.tracers {
            let pairs = figures.pairs(tracer, workload);
            let mut times: Vec<_> = pairs.iter().map(|(with, _)| *with).collect();
            times.sort_by(f64::total_cmp);
            let time = median(&times).unwrap_or_default();
            let _ = write!(text, "| {workload} | {tracer} | {time:.0} ns |");
            let ratios: Vec<_> = pairs.iter().map(|(with, without)| with / without).collect();
            let _ = match range(&ratios) {
                Some((middle, least, most)) if tracer != NOTHING => {
                    writeln!(text, " {middle:.2} | {least:.2} to {most:.2} |")
                }
                _ => writeln!(text, " 1 | |"),
            };
        }
    }
}

/// Figures by their names, in the order in which they came.
fn single(records: &[Record]) -> Vec<(&str, &str, Vec<f64>)> {
    let mut all: Vec<(&str, &str, Vec<f64>)> = Vec::new();
    for record in records {
        let Record::Figure { name, value, unit } = record else {
            continue;
        };
        match all.iter_mut().find(|(found, ..)| found == name) {
            Some((_, _, values)) => values.push(*value),
            None => all.push((name, unit, vec![*value])),
        }
    }
    all
}

const RESAMPLES: usize = 2000;

/// The median, and the range in which it lies in 95 of 100 cases: what it would be had others of
/// the same runs been made (bootstrap).
fn range(values: &[f64]) -> Option<(f64, f64, f64)> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = median(&sorted)?;
    // The same values give the same range.
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        values[(state % values.len() as u64) as usize]
    };
    let mut medians = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        let mut sample: Vec<_> = values.iter().map(|_| next()).collect();
        sample.sort_by(f64::total_cmp);
        medians.push(median(&sample)?);
    }
    medians.sort_by(f64::total_cmp);
    Some((
        middle,
        medians[RESAMPLES / 40],
        medians[RESAMPLES - 1 - RESAMPLES / 40],
    ))
}

#[cfg(test)]
mod tests {
    use super::super::figures::tests::call;
    use super::*;

    #[test]
    fn a_range_is_around_the_median() {
        assert_eq!(range(&[]), None);
        assert_eq!(range(&[2.0; 5]), Some((2.0, 2.0, 2.0)));
        let values = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 9.0];
        let (middle, least, most) = range(&values).expect("there are values");
        assert_eq!(middle, 1.3);
        assert!(
            (1.0..1.3).contains(&least) && most > 1.3 && most < 9.0,
            "{least} {most}"
        );
    }

    #[test]
    fn a_release_is_only_its_numbers() {
        assert_eq!(version("6.18.44-some-thing"), "6.18.44");
        assert_eq!(version("7.0"), "7.0");
    }

    #[test]
    fn ratios_and_figures_are_shown() {
        let figure = |value| Record::Figure {
            name: "start".to_owned(),
            value,
            unit: "ms".to_owned(),
        };
        let text = render(&[
            call(0, NOTHING, "pread", 200.0),
            call(0, "top", "pread", 300.0),
            figure(60.0),
            figure(80.0),
        ]);
        for line in [
            "| pread | nothing | 200 ns | 1 | |",
            "| pread | top | 300 ns | 1.50 | 1.50 to 1.50 |",
            "| start | 70.00 ms | 60.0 to 80.0 |",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
    }
}
