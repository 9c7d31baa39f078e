//! What a run of scenarios says about itself, read back from its output.

use std::fmt;

use anyhow::{Result, bail};

/// How the scenarios of one or more runs ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: u32,
    pub failed: u32,
    pub skipped: u32,
}

impl Tally {
    /// From the last line of a run that ended in order.
    pub fn of(output: &str) -> Option<Self> {
        Self::parse(output.lines().last()?)
    }

    fn parse(line: &str) -> Option<Self> {
        let mut parts = line.trim_end().split(", ");
        let mut count = |what| parts.next()?.strip_suffix(what)?.parse().ok();
        let tally = Self {
            passed: count(" passed")?,
            failed: count(" failed")?,
            skipped: count(" skipped")?,
        };
        parts.next().is_none().then_some(tally)
    }

    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// A run is good only if its last line and its exit code both say so.
    pub fn judge(self, code: Option<i32>) -> Result<()> {
        if self.failed > 0 || code != Some(0) {
            bail!("{self} (exit code {code:?})");
        }
        if self.passed == 0 {
            bail!("not one scenario ran: {self}");
        }
        Ok(())
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// The scenarios that failed.
pub fn failed(output: &str) -> impl Iterator<Item = &str> {
    let lines = output.lines();
    lines.filter_map(|line| Some(line.strip_prefix("FAIL ")?.split_once(": ")?.0))
}

/// The scenarios that were skipped, and why: `SKIP NAME: kernel RELEASE: REASON`.
pub fn skipped(output: &str) -> impl Iterator<Item = (&str, &str)> {
    output.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("SKIP ")?.split_once(": ")?;
        let (_kernel, reason) = rest.split_once(": ")?;
        Some((name, reason))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_read_back() {
        let tally = Tally {
            passed: 12,
            failed: 0,
            skipped: 3,
        };
        assert_eq!(Tally::of(&format!("PASS a\n{tally}\n")), Some(tally));
        for wrong in [
            "",
            "PASS a\n",
            "12 passed",
            "1 passed, 2 failed, 3 skipped, 4 more",
            "1 passed, 0 failed, 0 skipped\nmore",
            "a passed, 0 failed, 0 skipped",
        ] {
            assert_eq!(Tally::of(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_run_is_good_only_if_both_say_so() {
        let good = |passed, failed, code| {
            let tally = Tally {
                passed,
                failed,
                skipped: 9,
            };
            tally.judge(code).is_ok()
        };
        assert!(good(1, 0, Some(0)));
        assert!(!good(1, 0, Some(1)));
        assert!(!good(1, 0, None));
        assert!(!good(1, 1, Some(0)));
        assert!(!good(0, 0, Some(0)));
    }

    #[test]
    fn what_did_not_pass_is_named() {
        let output = "PASS a (1.0 s)\nFAIL b: it: broke\nSKIP c: kernel 6.1: not: here\n";
        assert_eq!(failed(output).collect::<Vec<_>>(), ["b"]);
        assert_eq!(skipped(output).collect::<Vec<_>>(), [("c", "not: here")]);
    }
}
