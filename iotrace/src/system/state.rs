//! How the system fares: pressure, waiting CPUs, swap, pages to be written.

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{process::page_bytes, text};
use crate::event::System;

/// Reads how the system fares.
#[derive(Debug)]
pub struct State {
    proc: PathBuf,
    before: Look,
}

/// What all CPUs did since the system started, ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuTime {
    /// Waiting for I/O.
    pub iowait: u64,
    /// All of it.
    pub all: u64,
}

impl CpuTime {
    /// As `/proc/stat` has it.
    pub fn of(stat: &str) -> Option<Self> {
        let times = times(
            stat.lines()
                .find_map(|line| line.strip_prefix("cpu "))?
                .trim_start(),
        );
        let all = times
            .iter()
            .fold(0_u64, |sum, part| sum.saturating_add(*part));
        let iowait = *times.get(IOWAIT)?;
        Some(Self { iowait, all })
    }
}

/// Counters since the system started.
#[derive(Debug, Default)]
struct Look {
    /// Microseconds.
    io_some: Option<u64>,
    io_full: Option<u64>,
    memory_some: Option<u64>,
    /// Ticks, by the number of the CPU.
    cpus: BTreeMap<u32, Vec<u64>>,
    all_cpus: Option<CpuTime>,
    /// Pages.
    swap_in: Option<u64>,
    swap_out: Option<u64>,
}

impl State {
    /// Reads below `proc`, normally `/proc`. Takes the first look.
    pub fn new(proc: impl Into<PathBuf>) -> Self {
        let proc = proc.into();
        let before = Look::at(&proc);
        Self { proc, before }
    }

    /// The system since the last look, which was `elapsed` ago:
    ///
    /// - `pressure/io` and `pressure/memory` (Documentation/accounting/psi.rst; since 4.20, and
    ///   not with `psi=0`);
    /// - `stat`, CPUs that were there at both looks, in order of their numbers;
    /// - `vmstat`, `pswpin` and `pswpout`, which count swap in memory (zram) too;
    /// - `meminfo`, `Dirty` and `Writeback`, as they are now.
    pub fn sample(&mut self, elapsed: Duration) -> System {
        let now = Look::at(&self.proc);
        let before = std::mem::replace(&mut self.before, now);
        let now = &self.before;
        let memory = text::read(self.proc.join("meminfo")).unwrap_or_default();
        let kib = |key| Some(text::number(&memory, key, 1)?.saturating_mul(1024));
        System {
            io_some: share(now.io_some, before.io_some, elapsed),
            io_full: share(now.io_full, before.io_full, elapsed),
            memory_some: share(now.memory_some, before.memory_some, elapsed),
            iowait: iowait(&now.cpus, &before.cpus),
            swap_in_bytes: pages(now.swap_in, before.swap_in),
            swap_out_bytes: pages(now.swap_out, before.swap_out),
            dirty_bytes: kib("Dirty:"),
            writeback_bytes: kib("Writeback:"),
        }
    }
}

impl State {
    /// What all CPUs did until the last look.
    pub fn cpu_time(&self) -> Option<CpuTime> {
        self.before.all_cpus
    }
}

impl Look {
    fn at(proc: &Path) -> Self {
        let stat = text::read(proc.join("stat")).unwrap_or_default();
        let io = text::read(proc.join("pressure/io")).unwrap_or_default();
        let memory = text::read(proc.join("pressure/memory")).unwrap_or_default();
        let vmstat = text::read(proc.join("vmstat")).unwrap_or_default();
        Self {
            io_some: total(&io, "some"),
            io_full: total(&io, "full"),
            memory_some: total(&memory, "some"),
            cpus: cpus(&stat),
            all_cpus: CpuTime::of(&stat),
            swap_in: text::number(&vmstat, "pswpin", 1),
            swap_out: text::number(&vmstat, "pswpout", 1),
        }
    }
}

/// `some avg10=0.05 avg60=0.08 avg300=0.31 total=263614988`
fn total(pressure: &str, kind: &str) -> Option<u64> {
    let mut lines = pressure.lines().map(str::split_ascii_whitespace);
    let mut words = lines.find_map(|mut words| (words.next()? == kind).then_some(words))?;
    words.find_map(|word| word.strip_prefix("total=")?.parse().ok())
}

fn share(now: Option<u64>, before: Option<u64>, elapsed: Duration) -> Option<f64> {
    let micros = now?.saturating_sub(before?) as f64;
    let elapsed = elapsed.as_secs_f64() * 1e6;
    // The kernel's clock and that of the caller are not read at the same moment.
    (elapsed > 0.0).then(|| (micros / elapsed).min(1.0))
}

/// Lines `cpu0 user nice system idle iowait irq softirq steal …`
/// (Documentation/filesystems/proc.rst). What follows is in `user` and `nice` too.
fn cpus(stat: &str) -> BTreeMap<u32, Vec<u64>> {
    let lines = stat.lines().filter_map(|line| {
        let (number, rest) = line.strip_prefix("cpu")?.split_once(' ')?;
        Some((number.parse().ok()?, times(rest)))
    });
    lines.collect()
}

fn times(words: &str) -> Vec<u64> {
    let words = words.split(' ');
    words.map_while(|word| word.parse().ok()).take(8).collect()
}

/// Place of the time waited for I/O.
const IOWAIT: usize = 4;

fn iowait(now: &BTreeMap<u32, Vec<u64>>, before: &BTreeMap<u32, Vec<u64>>) -> Vec<f64> {
    let shares = now.iter().filter_map(|(number, now)| {
        // Times of waiting and of idling may go back (Documentation/filesystems/proc.rst), so
        // they are compared one by one.
        let passed = now.iter().zip(before.get(number)?);
        let passed = passed.map(|(now, before)| now.saturating_sub(*before));
        let passed = passed.collect::<Vec<_>>();
        let all = passed
            .iter()
            .fold(0_u64, |sum, part| sum.saturating_add(*part));
        let waited = *passed.get(IOWAIT)?;
        // No tick has passed when looks follow each other at once.
        Some(waited as f64 / all.max(1) as f64)
    });
    shares.collect()
}

fn pages(now: Option<u64>, before: Option<u64>) -> Option<u64> {
    let pages = now?.saturating_sub(before?);
    Some(pages.saturating_mul(page_bytes().into()))
}
