//! What tracing costs: CPU time of iotrace itself, and of its kernel programs where that is
//! measured.

use std::time::{Duration, Instant};

use crate::system::usage::CpuUsed;

/// What it cost to trace, from the moment when all programs were attached.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cost {
    /// How long was traced.
    pub traced: Duration,
    /// CPU time that iotrace used in that time: all threads, without those of a traced command.
    pub cpu: CpuUsed,
    /// CPU time that it used before, to load and attach its programs.
    pub start: CpuUsed,
    /// CPU time of refreshes.
    pub refreshes: Refreshes,
    /// What the kernel programs cost; `None` where it was not measured.
    pub programs: Option<Measured>,
}

/// CPU time of refreshes: each reads the counters of an interval, folds and prints them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refreshes {
    /// How many.
    pub count: u64,
    /// All of them.
    pub total: Duration,
    /// The most expensive one.
    pub longest: Duration,
}

/// What the kernel measured of its programs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// How long it measured.
    pub time: Duration,
    /// Each program.
    pub programs: Vec<ProgramCost>,
}

/// Runs of a kernel program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProgramCost {
    /// Its name.
    pub program: String,
    /// How often it ran.
    pub runs: u64,
    /// For how long in all, nanoseconds.
    pub run_ns: u64,
}

impl Cost {
    /// The part of one CPU that iotrace took while it traced.
    pub fn share(&self) -> Option<f64> {
        share(self.cpu.total(), self.traced)
    }
}

impl Refreshes {
    /// Counts one.
    fn add(&mut self, cpu: Duration) {
        self.count += 1;
        self.total += cpu;
        self.longest = self.longest.max(cpu);
    }

    /// CPU time of one, on average.
    pub fn mean(&self) -> Option<Duration> {
        let count = u32::try_from(self.count).ok()?;
        self.total.checked_div(count)
    }
}

impl Measured {
    /// The part of one CPU that a program took.
    pub fn share(&self, program: &ProgramCost) -> Option<f64> {
        share(Duration::from_nanos(program.run_ns), self.time)
    }
}

impl ProgramCost {
    /// Nanoseconds of a run, on average.
    pub fn ns_per_run(&self) -> Option<u64> {
        self.run_ns.checked_div(self.runs)
    }
}

/// The part of `all` that is `part`; `None` of nothing.
fn share(part: Duration, all: Duration) -> Option<f64> {
    (!all.is_zero()).then(|| part.as_secs_f64() / all.as_secs_f64())
}

/// Measures what iotrace itself costs.
#[derive(Debug)]
pub struct Meter {
    began: Instant,
    start: CpuUsed,
    /// At the last lap.
    last: CpuUsed,
    refreshes: Refreshes,
}

impl Meter {
    /// Begins now.
    pub fn start() -> Self {
        let start = CpuUsed::now();
        Self {
            began: Instant::now(),
            start,
            last: start,
            refreshes: Refreshes::default(),
        }
    }

    /// Ends a lap: what was done since the last one, which was a refresh if it showed an interval.
    pub fn lap(&mut self, is_refresh: bool) {
        let now = CpuUsed::now();
        if is_refresh {
            let used = now.since(self.last).total();
            log::debug!("a refresh took {} us of CPU", used.as_micros());
            self.refreshes.add(used);
        }
        self.last = now;
    }

    /// What it cost until now, and what the kernel measured meanwhile.
    pub fn read(&self, programs: Option<Measured>) -> Cost {
        Cost {
            traced: self.began.elapsed(),
            cpu: CpuUsed::now().since(self.start),
            start: self.start,
            refreshes: self.refreshes,
            programs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_what_there_was() {
        let cost = Cost {
            traced: Duration::from_secs(4),
            cpu: CpuUsed {
                user: Duration::from_millis(30),
                system: Duration::from_millis(10),
            },
            ..Cost::default()
        };
        assert_eq!(cost.share(), Some(0.01));
        assert_eq!(Cost::default().share(), None);

        let program = ProgramCost {
            program: "one".to_owned(),
            runs: 4,
            run_ns: 1_000_000_000,
        };
        let measured = Measured {
            time: Duration::from_secs(4),
            programs: Vec::new(),
        };
        assert_eq!(measured.share(&program), Some(0.25));
        assert_eq!(program.ns_per_run(), Some(250_000_000));
        assert_eq!(ProgramCost::default().ns_per_run(), None);
    }

    #[test]
    fn only_laps_that_show_an_interval_are_refreshes() {
        let mut meter = Meter::start();
        meter.lap(false);
        assert_eq!(meter.read(None).refreshes.mean(), None);
        // Work that an optimiser can not leave out.
        let text: String = (0..100_000).map(|n| n.to_string()).collect();
        assert!(!text.is_empty());
        meter.lap(true);
        meter.lap(true);
        let cost = meter.read(None);
        let Refreshes {
            count,
            total,
            longest,
        } = cost.refreshes;
        assert_eq!(count, 2);
        assert!(longest <= total && total <= cost.cpu.total(), "{cost:?}");
        assert!(cost.refreshes.mean() <= Some(longest));
    }
}
