//! Losses, as the ticks and the end of a stream tell them.

use std::collections::BTreeMap;

use std::error::Error;
use std::fmt;

use anyhow::{Result, ensure};

use crate::machine;

/// By cause.
pub type Lost = BTreeMap<String, u64>;

/// What all ticks have told so far.
#[derive(Clone, Debug, Default)]
pub struct Losses {
    sum: Lost,
    /// Causes of loss that the scenario provokes.
    allowed: &'static [&'static str],
    /// The scenario knows what to do with [`LeftOut`].
    or_left_out: bool,
}

/// Causes by which operations are missed where the kernel preempts programs.
const LEFT_OUT: [&str; 2] = [NOT_RUN, "return_missed"];

/// The cause that is left where the kernel does not: AIO requests end in interrupts, and `aio_done`
/// does not run while it runs already.
const NOT_RUN: &str = "recursion";

/// The cause by which iotrace tells of kprobes that were left out in interrupts, because another
/// one ran on that CPU. The kernel counts them from 6.7 on, whatever it preempts.
const IN_INTERRUPTS: &str = "probe_missed";

/// The error of a run in which the kernel did not run programs: nothing is proved, for or against.
/// iotrace told it, but for kprobes in interrupts, which the kernel leaves out while another
/// program of one runs on that CPU, and does not count before 6.7.
#[derive(Debug)]
pub struct LeftOut(u64);

impl LeftOut {
    /// So many ends of requests were missed in interrupts, with backend kprobe.
    pub fn in_interrupts(missed: u64) -> Self {
        Self(missed)
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the kernel left out {} runs of programs", self.0)
    }
}

impl Error for LeftOut {}

impl Losses {
    /// For a scenario that provokes losses of these causes, and of no other.
    pub fn allowing(allowed: &'static [&'static str]) -> Self {
        Self {
            allowed,
            ..Self::default()
        }
    }

    /// The same, where the kernel may leave out runs too.
    pub fn or_left_out(self) -> Self {
        Self {
            or_left_out: machine::preempts_programs(),
            ..self
        }
    }

    /// How many operations the kernel may have left out, at the most.
    pub fn left_out(&self) -> u64 {
        let counts = LEFT_OUT.iter().filter_map(|cause| self.sum.get(*cause));
        counts.sum()
    }

    /// Takes in those of a tick.
    pub fn tick(&mut self, lost: &Lost) -> Result<()> {
        for (cause, count) in lost {
            *self.sum.entry(cause.clone()).or_default() += count;
        }
        self.nothing_lost(lost)
    }

    /// Fails on every loss whose cause was not provoked.
    fn nothing_lost(&self, lost: &Lost) -> Result<()> {
        let mut unexpected: Vec<_> = lost
            .iter()
            .filter(|(cause, count)| **count > 0 && *cause != ROWS_FULL)
            .filter(|(cause, _)| !self.allowed.contains(&cause.as_str()))
            .collect();
        if self.or_left_out {
            unexpected.retain(|(cause, _)| !LEFT_OUT.contains(&cause.as_str()));
        }
        let left_out = |(cause, _): &(&String, &u64)| {
            [IN_INTERRUPTS, NOT_RUN].contains(&cause.as_str())
                || machine::preempts_programs() && LEFT_OUT.contains(&cause.as_str())
        };
        if !unexpected.is_empty() && unexpected.iter().all(left_out) {
            return Err(LeftOut(unexpected.iter().map(|(_, count)| **count).sum()).into());
        }
        ensure!(unexpected.is_empty(), "lost: {unexpected:?}");
        Ok(())
    }

    /// The end must tell what the ticks have told.
    pub fn end(&self, lost: &Lost) -> Result<()> {
        ensure!(
            *lost == self.sum,
            "the end says {lost:?}, but its ticks {:?}",
            self.sum
        );
        self.nothing_lost(lost)
    }
}

/// Operations without a row. [`super::Rows`] compares them with the overflow, which
/// has their bytes too, so the sums of a scenario tell whether it meant them.
pub const ROWS_FULL: &str = "rows_full";

#[cfg(test)]
mod tests {
    use super::{Losses, Lost};

    fn lost(ring_full: u64, read_failed: u64) -> Lost {
        [
            ("ring_full".to_owned(), ring_full),
            ("read_failed".to_owned(), read_failed),
        ]
        .into()
    }

    #[test]
    fn only_provoked_losses_are_allowed() -> anyhow::Result<()> {
        Losses::allowing(&["ring_full"]).tick(&lost(9, 0))?;
        assert!(Losses::allowing(&["ring_full"]).tick(&lost(9, 1)).is_err());
        assert!(Losses::default().tick(&lost(9, 0)).is_err());
        Ok(())
    }

    #[test]
    fn the_end_is_the_sum_of_the_ticks() -> anyhow::Result<()> {
        let mut losses = Losses::allowing(&["ring_full"]);
        losses.tick(&lost(2, 0))?;
        losses.tick(&lost(3, 0))?;
        losses.end(&lost(5, 0))?;
        assert!(losses.end(&lost(4, 0)).is_err());
        assert!(losses.end(&lost(6, 0)).is_err());
        assert!(losses.end(&Lost::default()).is_err());
        Ok(())
    }
}
