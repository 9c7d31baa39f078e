//! How the whole machine fares.

use std::path::PathBuf;

use super::{state::CpuTime, text};
use crate::event::Load;

/// Reads load average and I/O wait.
#[derive(Debug)]
pub struct Host {
    proc: PathBuf,
    /// At the last look.
    before: Option<CpuTime>,
}

impl Host {
    /// Reads below `proc`, normally `/proc`.
    pub fn new(proc: impl Into<PathBuf>) -> Self {
        let mut host = Self {
            proc: proc.into(),
            before: None,
        };
        host.before = host.cpu_time();
        host
    }

    /// The load, with the share of I/O wait since the last call. `now` is what the CPUs did until
    /// now, if somebody has looked already.
    pub fn load(&mut self, now: Option<CpuTime>) -> Option<Load> {
        let average = text::read(self.proc.join("loadavg"))?;
        let now = now.or_else(|| self.cpu_time());
        let iowait = self.before.zip(now).and_then(|(before, now)| {
            let all = now.all.checked_sub(before.all).filter(|all| *all > 0)?;
            // The kernel's figure may go back (Documentation/filesystems/proc.rst).
            Some(now.iowait.saturating_sub(before.iowait) as f64 / all as f64)
        });
        self.before = now;
        Some(Load {
            average: average.trim_end().to_owned(),
            iowait,
        })
    }

    fn cpu_time(&self) -> Option<CpuTime> {
        CpuTime::of(&text::read(self.proc.join("stat"))?)
    }
}
