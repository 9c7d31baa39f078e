//! The kernel's own measurement of its programs.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
    time::Instant,
};

use aya::sys::enable_stats;

use super::{load::Attached, reason::Reason, sys};
use crate::cost::{Measured, ProgramCost};

/// The kernel measures, for as long as this is there. It counts the open descriptors that ask for
/// it, so it ends with this process however that ends, and the switch that others may have set
/// (`kernel.bpf_stats_enabled`) is left alone.
#[derive(Debug)]
pub struct Stats {
    _switch: OwnedFd,
    began: Instant,
    /// Somebody else may have had it measure before.
    before: Vec<(u64, u64)>,
    programs: Vec<(String, OwnedFd)>,
}

impl Attached {
    /// Has the kernel measure the running programs until this is dropped. Takes `CAP_SYS_ADMIN`.
    ///
    /// # Errors
    /// What the kernel said, when it does not.
    pub fn measure(&mut self) -> Result<(), Reason> {
        let switch = enable_stats(aya::sys::Stats::RunTime);
        let switch = switch.map_err(|error| Reason::new("bpf_stats", &error))?;
        let programs = self.program_fds();
        let before = programs.and_then(|programs| Ok((read(&programs)?, programs)));
        let (before, programs) = before.map_err(|error| Reason::new("bpf_stats", &error))?;
        self.stats = Some(Stats {
            _switch: switch,
            began: Instant::now(),
            before,
            programs,
        });
        Ok(())
    }

    /// What it has measured until now; `None` if it was not asked to.
    pub fn measured(&self) -> Option<Measured> {
        let stats = self.stats.as_ref()?;
        let time = stats.began.elapsed();
        let now = read(&stats.programs)
            .inspect_err(|error| log::warn!("cannot read what the programs cost: {error}"))
            .ok()?;
        let programs = stats.programs.iter().zip(&stats.before).zip(now);
        let programs = programs.map(|(((name, _), before), now)| ProgramCost {
            program: name.clone(),
            runs: now.0.saturating_sub(before.0),
            run_ns: now.1.saturating_sub(before.1),
        });
        Some(Measured {
            time,
            programs: programs.collect(),
        })
    }
}

/// Runs and nanoseconds of each program.
fn read(programs: &[(String, OwnedFd)]) -> io::Result<Vec<(u64, u64)>> {
    let runs = |(_, program): &(String, OwnedFd)| sys::runs(program.as_fd());
    programs.iter().map(runs).collect()
}
