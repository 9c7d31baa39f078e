//! What is printed: one JSON object a line, which `cargo xtask bench` reads.

use std::io::{self, Write as _};

use anyhow::Result;
use serde::Serialize;

/// One line.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Record<'a> {
    /// Where it was measured.
    Machine {
        /// The kernel's release.
        kernel: String,
        /// Processors.
        cpus: usize,
    },
    /// What a call costs with a tracer attached.
    Call {
        /// Which time of all.
        round: u32,
        /// Its name.
        tracer: &'a str,
        /// The kind of call.
        workload: &'a str,
        /// Per call; with a clock that counts instructions, those.
        ns: f64,
    },
    /// A tracer that could not be measured.
    Absent {
        /// Its name.
        tracer: &'a str,
        /// Why.
        reason: String,
    },
    /// A point of a curve.
    Point {
        /// Name of the plot.
        plot: &'a str,
        /// Name of the curve.
        series: &'a str,
        /// Where on the axis below.
        x: f64,
        /// How high.
        y: f64,
    },
    /// A single figure.
    Figure {
        /// What it is.
        name: String,
        /// How much.
        value: f64,
        /// Of what.
        unit: &'a str,
    },
}

impl Record<'_> {
    /// Prints it at once: who waits wants to see how far it is.
    pub fn say(&self) -> Result<()> {
        let mut stdout = io::stdout().lock();
        serde_json::to_writer(&mut stdout, self)?;
        stdout.write_all(b"\n")?;
        Ok(stdout.flush()?)
    }
}
