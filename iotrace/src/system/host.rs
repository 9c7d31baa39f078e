//! How the whole machine fares.

use std::{
    fs::{self, File},
    io::BufReader,
    path::PathBuf,
};

use procfs::{CpuTime, FromBufReadSI as _, KernelStats, LocalSystemInfo};

use crate::event::Load;

/// Reads load average and I/O wait.
#[derive(Debug)]
pub struct Host {
    proc: PathBuf,
    /// Time waited for I/O and all time of the CPUs at the last look, in ticks.
    before: Option<(u64, u64)>,
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

    /// The load, with the share of I/O wait since the last call.
    pub fn load(&mut self) -> Option<Load> {
        let average = fs::read_to_string(self.proc.join("loadavg")).ok()?;
        let now = self.cpu_time();
        let iowait = self.before.zip(now).and_then(|(before, now)| {
            let all = now.1.checked_sub(before.1).filter(|all| *all > 0)?;
            // The kernel's figure may go back (Documentation/filesystems/proc.rst).
            Some(now.0.saturating_sub(before.0) as f64 / all as f64)
        });
        self.before = now;
        Some(Load {
            average: average.trim_end().to_owned(),
            iowait,
        })
    }

    fn cpu_time(&self) -> Option<(u64, u64)> {
        let file = BufReader::new(File::open(self.proc.join("stat")).ok()?);
        let stat = KernelStats::from_buf_read(file, &LocalSystemInfo).ok()?;
        let CpuTime {
            user,
            nice,
            system,
            idle,
            iowait,
            irq,
            softirq,
            steal,
            ..
        } = stat.total;
        let iowait = iowait.unwrap_or(0);
        let rest = [irq, softirq, steal].into_iter().flatten().sum::<u64>();
        Some((iowait, user + nice + system + idle + iowait + rest))
    }
}
