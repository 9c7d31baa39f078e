//! What `churn --json` said: lives, patterns, and that they agree.

use std::collections::BTreeMap;
use std::ffi::OsString;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use super::life::{Life, Pattern};
use super::losses::Losses;
use super::record::{End, parse};
use super::tracer::Sink;

/// The lives and patterns of a run without options that leave some out.
#[derive(Default)]
pub struct Lives {
    /// All lives, in the order in which they were told.
    pub lives: Vec<Life>,
    /// All patterns, as the end told them.
    pub patterns: BTreeMap<OsString, Pattern>,
    /// Number of ticks.
    pub ticks: u64,
    /// Most files that were followed at a tick.
    pub most_files: u64,
    /// Patterns since the last tick.
    interval: BTreeMap<OsString, Pattern>,
    losses: Losses,
}

/// The end of an interval.
#[derive(Deserialize)]
struct Tick {
    interval_ns: u64,
    files: u64,
    lost: BTreeMap<String, u64>,
}

impl Lives {
    /// For a scenario that provokes losses of these causes, and of no other.
    pub fn allowing(causes: &'static [&'static str]) -> Self {
        Self {
            losses: Losses::allowing(causes),
            ..Self::default()
        }
    }

    /// The same, where the kernel may leave out runs of programs too.
    pub fn or_left_out(self) -> Self {
        Self {
            losses: self.losses.or_left_out(),
            ..self
        }
    }

    /// How many operations the kernel may have left out, at the most.
    pub fn left_out(&self) -> u64 {
        self.losses.left_out()
    }

    /// The sum over all patterns.
    pub fn sum(&self, of: fn(&Pattern) -> u64) -> u64 {
        self.patterns.values().map(of).sum()
    }

    fn pattern(&mut self, pattern: Pattern) -> Result<()> {
        let name = pattern.name().context("no name")?;
        ensure!(
            self.interval.insert(name, pattern.clone()).is_none(),
            "twice in one interval: {pattern:?}"
        );
        Ok(())
    }

    fn tick(&mut self, tick: &Tick) -> Result<()> {
        ensure!(tick.interval_ns > 0, "an interval of no length");
        self.interval.clear();
        self.ticks += 1;
        self.most_files = self.most_files.max(tick.files);
        self.losses.tick(&tick.lost)
    }

    /// Every life is in a pattern, and in one only.
    fn is_conserved(&self) -> Result<()> {
        let older = self.lives.iter().filter(|life| life.lifetime_ns.is_none());
        let lives = (self.lives.len() as u64, older.count() as u64);
        let patterns = (self.sum(|one| one.deleted), self.sum(|one| one.older));
        ensure!(
            lives == patterns,
            "lives, older ones: {lives:?}, but the patterns have {patterns:?}"
        );
        let longest = self.lives.iter().filter_map(|life| life.lifetime_ns).max();
        let patterns = self.patterns.values();
        let told = patterns.filter_map(|one| one.lifetime_max_ns).max();
        ensure!(
            longest == told,
            "the longest life is {longest:?}, but the patterns have {told:?}"
        );
        self.sums(|life| life.write_bytes, |one| one.write_bytes)?;
        self.sums(|life| life.read_bytes, |one| one.read_bytes)?;
        self.sums(|life| life.opens, |one| one.opens)
    }

    /// Files that still live have their part of the sums of patterns.
    fn sums(&self, of_life: fn(&Life) -> Option<u64>, of: fn(&Pattern) -> u64) -> Result<()> {
        let lives: u64 = self.lives.iter().filter_map(of_life).sum();
        let patterns = self.sum(of);
        let alive = self.sum(|one| one.alive);
        ensure!(
            lives == patterns || lives < patterns && alive > 0,
            "the lives have {lives}, the patterns {patterns} with {alive} alive"
        );
        Ok(())
    }
}

impl Sink for Lives {
    fn record(&mut self, kind: &str, line: &str) -> Result<()> {
        match kind {
            "life" => self.lives.push(Life::parse(line)?),
            "churn" => self.pattern(Pattern::parse(line)?)?,
            "tick" => self.tick(&parse(line)?)?,
            _ => bail!("`churn` must not print a record {kind:?}: {line}"),
        }
        Ok(())
    }

    fn end(&mut self, end: &End) -> Result<()> {
        self.patterns = std::mem::take(&mut self.interval);
        self.is_conserved()?;
        self.losses.end(&end.lost)
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::End;
    use super::{Lives, Sink};

    const LIFE: &str = r#"{"type":"life","ts":"2026-01-01T00:00:00.000000009Z","path":"/a",
        "created_ts":"2026-01-01T00:00:00.000000002Z","lifetime_ns":7,"end":"unlink","write_bytes":5,
        "read_bytes":0,"opens":1,"truncates":0,"pid":1,"tid":1,"comm":"a","end_pid":1,"end_tid":1,
        "end_comm":"a","file_type":"regular"}"#;
    const PATTERN: &str = r#"{"type":"churn","pattern":"/a","created":1,"deleted":1,"older":0,"alive":0,
        "lifetime_p50_ns":7,"lifetime_p95_ns":7,"lifetime_max_ns":7,"write_bytes":5,"read_bytes":0,
        "opens":1,"largest_burst":1}"#;
    const TICK: &str = r#"{"type":"tick","interval_ns":5,"files":1,"lost":{}}"#;

    fn run(lives: &[&str], last: &str) -> anyhow::Result<Lives> {
        let mut sink = Lives::default();
        for life in lives {
            sink.record("life", life)?;
        }
        sink.record("churn", PATTERN)?;
        sink.record("tick", TICK)?;
        sink.record("churn", last)?;
        sink.end(&End {
            lost: std::collections::BTreeMap::new(),
        })?;
        Ok(sink)
    }

    #[test]
    fn the_last_patterns_are_the_lives_or_an_error() -> anyhow::Result<()> {
        assert_eq!(run(&[LIFE], PATTERN)?.patterns.len(), 1);
        assert!(run(&[], PATTERN).is_err());
        assert!(run(&[LIFE, LIFE], PATTERN).is_err());
        let more = [
            ("\"created\":1", "\"created\":2"),
            ("\"write_bytes\":5", "\"write_bytes\":6"),
            ("\"opens\":1", "\"opens\":0"),
            ("\"lifetime_max_ns\":7", "\"lifetime_max_ns\":8"),
            ("\"lifetime_p50_ns\":7", "\"lifetime_p50_ns\":8"),
        ];
        for (from, to) in more {
            assert!(run(&[LIFE], &PATTERN.replace(from, to)).is_err(), "{to}");
        }
        Ok(())
    }

    #[test]
    fn a_life_fits_its_times() {
        for (from, to) in [
            ("\"lifetime_ns\":7", "\"lifetime_ns\":8"),
            ("\"lifetime_ns\":7", "\"older_than_ns\":7"),
            ("\"unlink\"", "\"gone\""),
            ("\"pid\":1,", ""),
            ("\"opens\":1", "\"opens\":1,\"ino\":1"),
        ] {
            assert!(
                run(&[&LIFE.replacen(from, to, 1)], PATTERN).is_err(),
                "{to}"
            );
        }
    }
}
