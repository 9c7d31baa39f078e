//! What `opens --json` said.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde::Deserialize;

use super::losses::Losses;
use super::record::{End, Open, Tick, parse};
use super::tracer::Sink;

/// Every open of a run.
#[derive(Default)]
pub struct Opens {
    /// All opens, in order.
    pub opens: Vec<Open>,
    losses: Losses,
}

impl Opens {
    /// For a scenario that provokes losses of these causes, and of no other.
    pub fn allowing(causes: &'static [&'static str]) -> Self {
        Self {
            losses: Losses::allowing(causes),
            ..Self::default()
        }
    }
}

impl Sink for Opens {
    fn record(&mut self, kind: &str, line: &str) -> Result<()> {
        match kind {
            "open" => self.opens.push(Open::parse(line)?),
            "tick" => self.losses.tick(&parse::<Tick>(line)?.lost)?,
            _ => bail!("`opens` must not print a record {kind:?}: {line}"),
        }
        Ok(())
    }

    fn end(&mut self, end: &End) -> Result<()> {
        self.losses.end(&end.lost)
    }
}

/// Only how many opens there were, for floods of millions: a full record of
/// each would cost more time than the flood itself.
#[derive(Default)]
pub struct OpenCounts {
    /// Successful opens.
    pub opened: u64,
    /// Failed opens.
    pub failed: u64,
    /// Successful opens of each thread.
    pub by_thread: BTreeMap<u32, u64>,
    /// Number of ticks so far.
    pub ticks: u64,
    losses: Losses,
}

impl OpenCounts {
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
}

/// The least of an `open` record.
#[derive(Deserialize)]
struct Brief {
    tid: u32,
    errno: Option<i32>,
}

impl Sink for OpenCounts {
    fn record(&mut self, kind: &str, line: &str) -> Result<()> {
        match kind {
            "open" => {
                let open: Brief = parse(line)?;
                if open.errno.is_some() {
                    self.failed += 1;
                } else {
                    self.opened += 1;
                    *self.by_thread.entry(open.tid).or_default() += 1;
                }
            }
            "tick" => {
                self.ticks += 1;
                self.losses.tick(&parse::<Tick>(line)?.lost)?;
            }
            _ => bail!("`opens` must not print a record {kind:?}: {line}"),
        }
        Ok(())
    }

    fn end(&mut self, end: &End) -> Result<()> {
        self.losses.end(&end.lost)
    }
}
