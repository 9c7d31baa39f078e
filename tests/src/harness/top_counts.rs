//! What `top --json` said, summed up at once: a long run has too many rows to keep.

use anyhow::{Context as _, Result, bail};

use super::record::End;
use super::rows::Rows;
use super::tracer::Sink;
use crate::counts::Counts;

/// Only the sums, checked as `Rows` checks them.
#[derive(Default)]
pub struct TopCounts {
    /// Everything that the ticks counted.
    pub total: Counts,
    rows: Rows,
}

impl TopCounts {
    /// For a run that provokes losses of these causes, and of no other.
    pub fn allowing(causes: &'static [&'static str]) -> Self {
        Self {
            total: Counts::ZERO,
            rows: Rows::allowing(causes),
        }
    }
}

impl Sink for TopCounts {
    fn record(&mut self, kind: &str, line: &str) -> Result<()> {
        self.rows.record(kind, line)?;
        if kind == "tick" {
            let Some(tick) = self.rows.ticks.pop() else {
                bail!("no tick was kept");
            };
            self.total += tick.total.context("a tick without totals")?;
            self.rows.rows.clear();
        }
        Ok(())
    }

    fn end(&mut self, end: &End) -> Result<()> {
        self.rows.end(end)
    }
}
