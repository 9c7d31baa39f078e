//! Losses, as the ticks and the end of a stream tell them.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

/// By cause.
pub type Lost = BTreeMap<String, u64>;

/// What all ticks have told so far.
#[derive(Clone, Debug, Default)]
pub struct Losses {
    sum: Lost,
    /// Causes of loss that the scenario provokes.
    allowed: &'static [&'static str],
}

impl Losses {
    /// For a scenario that provokes losses of these causes, and of no other.
    pub fn allowing(allowed: &'static [&'static str]) -> Self {
        Self {
            allowed,
            ..Self::default()
        }
    }

    /// Takes in those of a tick.
    pub fn tick(&mut self, lost: &Lost) -> Result<()> {
        for (cause, count) in lost {
            *self.sum.entry(cause.clone()).or_default() += count;
        }
        nothing_lost(lost, self.allowed)
    }

    /// The end must tell what the ticks have told.
    pub fn end(&self, lost: &Lost) -> Result<()> {
        ensure!(
            *lost == self.sum,
            "the end says {lost:?}, but its ticks {:?}",
            self.sum
        );
        nothing_lost(lost, self.allowed)
    }
}

/// Operations without a row. [`super::Rows`] compares them with the overflow, which
/// has their bytes too, so the sums of a scenario tell whether it meant them.
pub const ROWS_FULL: &str = "rows_full";

/// Fails on every loss whose cause was not provoked.
fn nothing_lost(lost: &Lost, allowed: &[&str]) -> Result<()> {
    let unexpected: Vec<_> = lost
        .iter()
        .filter(|(cause, count)| **count > 0 && *cause != ROWS_FULL)
        .filter(|(cause, _)| !allowed.contains(&cause.as_str()))
        .collect();
    ensure!(unexpected.is_empty(), "lost: {unexpected:?}");
    Ok(())
}

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
