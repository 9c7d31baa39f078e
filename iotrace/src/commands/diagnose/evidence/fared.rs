//! How the system fared.

use crate::event::System;

/// How the system fared while it was watched: sums over the looks at it.
#[derive(Clone, Debug, Default)]
pub struct Fared {
    /// How often it was looked at.
    pub looks: u64,
    /// Shares of the time in which some task waited for I/O, with their number.
    io_some: (f64, u64),
    /// The same for memory.
    memory_some: (f64, u64),
    /// Bytes read from swap.
    pub swap_in_bytes: u64,
    /// Bytes written to swap.
    pub swap_out_bytes: u64,
    /// Bytes that waited to be written, or were being written, when last looked at.
    pub dirty_bytes: u64,
}

impl Fared {
    pub(super) fn add(&mut self, system: &System) {
        let add = |sum: &mut (f64, u64), share: Option<f64>| {
            if let Some(share) = share {
                *sum = (sum.0 + share, sum.1 + 1);
            }
        };
        self.looks += 1;
        add(&mut self.io_some, system.io_some);
        add(&mut self.memory_some, system.memory_some);
        let add = |sum: &mut u64, bytes: Option<u64>| *sum = sum.saturating_add(bytes.unwrap_or(0));
        add(&mut self.swap_in_bytes, system.swap_in_bytes);
        add(&mut self.swap_out_bytes, system.swap_out_bytes);
        let waiting = system.dirty_bytes.zip(system.writeback_bytes);
        self.dirty_bytes = waiting.map_or(0, |(dirty, writeback)| dirty.saturating_add(writeback));
    }

    /// Share of the time in which some task waited for I/O, when known.
    pub fn io_some(&self) -> Option<f64> {
        mean(self.io_some)
    }

    /// The same for memory.
    pub fn memory_some(&self) -> Option<f64> {
        mean(self.memory_some)
    }
}

fn mean((sum, number): (f64, u64)) -> Option<f64> {
    (number > 0).then(|| sum / number as f64)
}
