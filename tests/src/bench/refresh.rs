//! What `top` itself uses for a table.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::Common;
use super::crowd;
use super::files::{Files, shape};
use super::tracers::Spec;

/// Seconds between tables: more than one takes to be printed.
const TICK: u64 = 5;
const TABLES: usize = 4;

/// Processor time of a table, in nanoseconds.
pub struct Refresh {
    /// Of the first one, for which names come through the ring.
    pub first_ns: f64,
    /// Of one with the same rows again.
    pub later_ns: f64,
}

impl Refresh {
    /// Of tables with `rows` rows, of so many (thread, file) pairs that are read each time.
    pub fn measure(
        common: &Common,
        files: &Files,
        backend: &str,
        live: usize,
        rows: usize,
    ) -> Result<Self> {
        let (threads, count) = shape(live);
        let top = common.iotrace(&format!(
            "top -C {TICK} --rows {rows} --backend {backend} --map-rows {}",
            2 * live
        ));
        let tracer = Spec::program("top", &top).start(&common.memory)?;
        let mut used = Vec::new();
        let work = |_, _| files.read(count);
        crowd::passes(threads, TABLES, work, |_| {
            let before = tracer.used_ns()?;
            sleep(Duration::from_secs(TICK));
            used.push(tracer.used_ns()? - before);
            Ok(())
        })?;
        tracer.stop()?;
        let (first, later) = used.split_first().context("no table")?;
        let mut later = later.to_vec();
        later.sort_unstable();
        Ok(Self {
            first_ns: *first as f64,
            later_ns: *later.get(later.len() / 2).context("one table")? as f64,
        })
    }
}
