//! What `/proc` and `/sys` tell in each interval, as events.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    clock::Clock,
    devices::Devices,
    process,
    processes::Processes,
    state::{CpuTime, State},
    work::works,
};
use crate::event::{Event, Exit, Proc};

/// What is looked at.
#[derive(Clone, Debug, Default)]
pub struct Subjects {
    /// Threads beside processes.
    pub threads: bool,
    /// Devices, the system and its work too.
    pub system: bool,
    /// Lock files that tell of such work.
    pub lock_files: Vec<PathBuf>,
    /// iotrace itself too.
    pub own: bool,
}

/// Looks again and again.
#[derive(Debug)]
pub struct Survey {
    processes: Processes,
    /// With the lock files that tell of work of the system.
    system: Option<(Devices, State, Vec<PathBuf>)>,
    hears_exits: bool,
    /// A process that is not told of.
    hidden: Option<u32>,
}

/// Whether ends of threads can be told apart: the kernel tells them by the ids of the initial
/// namespace, `/proc` by those of its own.
pub fn hears_exits() -> bool {
    process::in_initial_pid_namespace()
}

/// Whether accounts of other users' processes may be read, as far as those of the first process
/// tell: it may be of this user, in a container. (`/proc/PID/io` asks `ptrace_may_access`; with
/// `hidepid` the process is not even there. A kernel without such accounts denies nobody's.) Root
/// reads them, but for those of a process that has capabilities which this one has not.
pub fn reads_others() -> bool {
    let reads = |process| fs::read(format!("/proc/{process}/io")).is_ok();
    nix::unistd::geteuid().is_root() || reads("1") || !reads("self")
}

impl Survey {
    /// Takes the first look.
    pub fn new(subjects: &Subjects, clock: &Clock) -> Self {
        Self {
            processes: Processes::new("/proc", subjects.threads, clock),
            system: subjects.system.then(|| {
                (
                    Devices::new("/proc", "/sys", "/dev"),
                    State::new("/proc"),
                    subjects.lock_files.clone(),
                )
            }),
            hears_exits: hears_exits(),
            hidden: (!subjects.own).then(std::process::id),
        }
    }

    /// Takes note of the processes that are there. To be called before the ends of others are asked
    /// for: else one might be missed without its end being known.
    pub fn list(&mut self) {
        self.processes.list();
    }

    /// A thread has ended.
    pub fn exited(&mut self, exit: &Exit, clock: &Clock) {
        if self.hears_exits {
            self.processes.exited(exit, clock);
        }
    }

    /// Ends of threads that are in a sum only, since this was asked last.
    pub fn lost(&mut self) -> u64 {
        self.processes.lost()
    }

    /// What all CPUs did until the last look, if that was looked at.
    pub fn cpu_time(&self) -> Option<CpuTime> {
        let (_, state, _) = self.system.as_ref()?;
        state.cpu_time()
    }

    /// Appends what has happened since the last look, of processes that are let through.
    pub fn look(
        &mut self,
        clock: &Clock,
        elapsed: Duration,
        admits: impl Fn(&Proc) -> bool,
        events: &mut Vec<Event>,
    ) {
        let processes = self.processes.sample(clock).into_iter();
        let shown = processes.filter(|proc| Some(proc.pid) != self.hidden && admits(proc));
        events.extend(shown.map(Event::Proc));
        if let Some((devices, state, lock_files)) = &mut self.system {
            events.extend(devices.sample().into_iter().map(Event::Device));
            events.push(Event::System(state.sample(elapsed)));
            let works = works(Path::new("/proc"), Path::new("/sys"), lock_files);
            events.extend(works.into_iter().map(Event::Work));
        }
    }
}
