//! What can be attached while calls are measured, and how it is started and ended.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::cpu;
use super::floor::Floor;
use crate::bpf::Objects;

/// Compiling a script of bpftrace takes long where the processor is emulated.
const START: Duration = Duration::from_secs(120);
/// Who has programs in the kernel is done with most of it.
const QUIET: Duration = Duration::from_secs(20);
const END: Duration = Duration::from_secs(30);
/// What else is left to do after a start or an end.
const SETTLE: Duration = Duration::from_secs(1);

/// One of them.
pub struct Spec {
    /// As results name it.
    pub name: String,
    kind: Kind,
}

enum Kind {
    Nothing,
    Floor,
    /// A command, all of whose output goes to files.
    Program(Vec<String>),
}

impl Spec {
    /// No tracer at all.
    pub fn nothing() -> Self {
        Self {
            name: "nothing".to_owned(),
            kind: Kind::Nothing,
        }
    }

    /// The cheapest one that there can be.
    pub fn floor() -> Self {
        Self {
            name: "floor".to_owned(),
            kind: Kind::Floor,
        }
    }

    /// A command.
    pub fn program<W: AsRef<str>>(name: &str, command: &[W]) -> Self {
        Self {
            name: name.to_owned(),
            kind: Kind::Program(
                command
                    .iter()
                    .map(|word| word.as_ref().to_owned())
                    .collect(),
            ),
        }
    }

    /// Starts it and waits until it is attached and quiet; output goes to files in `dir`.
    pub fn start(&self, dir: &Path) -> Result<Tracer> {
        let mut tracer = Tracer {
            child: None,
            floor: None,
            objects: Objects::default(),
        };
        match &self.kind {
            Kind::Nothing => {}
            Kind::Floor => tracer.floor = Some(Floor::attach()?),
            Kind::Program(command) => tracer.spawn(command, dir)?,
        }
        sleep(SETTLE);
        Ok(tracer)
    }
}

/// A tracer that is attached; killed when dropped.
pub struct Tracer {
    child: Option<Child>,
    floor: Option<Floor>,
    objects: Objects,
}

impl Tracer {
    fn spawn(&mut self, command: &[String], dir: &Path) -> Result<()> {
        let before = Objects::now()?;
        let (program, words) = command.split_first().context("no command")?;
        let errors = dir.join("tracer.err");
        let mut command = Command::new(program);
        command
            .args(words)
            // A guest has no /etc/localtime. opensnoop would look for it at each line that it
            // prints, and print that.
            .env("TZ", "UTC0")
            .stdin(Stdio::null())
            .stdout(File::create(dir.join("tracer.out"))?)
            .stderr(File::create(&errors)?);
        // SAFETY: prctl(2) is async-signal-safe and touches nothing of this process.
        unsafe {
            command.pre_exec(|| {
                nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(std::io::Error::from)
            });
        }
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let pid = child.id();
        let deadline = Instant::now() + START;
        let outcome = loop {
            if let Some(status) = child.try_wait()? {
                let errors = fs::read_to_string(&errors).unwrap_or_default();
                let last = errors
                    .lines()
                    .last()
                    .unwrap_or("it said nothing")
                    .to_owned();
                break Err(format!("it ended with {status}: {last}"));
            }
            let new = Objects::now()?.since(&before);
            // Not reaped yet: an end meanwhile is found by the next look.
            if !new.programs.is_empty() {
                match cpu::settles(pid, QUIET) {
                    Ok(true) => break Ok(Objects::now()?.since(&before)),
                    Ok(false) => break Err("it is busy with itself".to_owned()),
                    Err(_) => {}
                }
            }
            if Instant::now() > deadline {
                break Err(format!("it was not attached after {} s", START.as_secs()));
            }
            sleep(Duration::from_millis(20));
        };
        self.child = Some(child);
        match outcome {
            Ok(objects) => self.objects = objects,
            Err(reason) => bail!(reason),
        }
        Ok(())
    }

    /// Its process, if it has one.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Processor time of its process until now, in nanoseconds.
    pub fn used_ns(&self) -> Result<u64> {
        self.pid().map_or(Ok(0), cpu::used_ns)
    }

    /// Ends it, and waits until the kernel has nothing of it any more.
    pub fn stop(mut self) -> Result<()> {
        self.floor = None;
        if let Some(mut child) = self.child.take() {
            let early = child.try_wait()?;
            ensure!(early.is_none(), "it ended by itself: {early:?}");
            kill(Pid::from_raw(i32::try_from(child.id())?), Signal::SIGINT)?;
            let deadline = Instant::now() + END;
            while child.try_wait()?.is_none() {
                if Instant::now() > deadline {
                    child.kill()?;
                }
                sleep(Duration::from_millis(10));
            }
        }
        let deadline = Instant::now() + END;
        loop {
            // Looking all the time would take the one processor from those who clean up.
            sleep(SETTLE);
            let left = Objects::now()?.common(&self.objects);
            if left.is_empty() {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "it left behind {left}");
        }
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Both fail only when it has ended and was reaped.
            child.kill().ok();
            child.wait().ok();
        }
    }
}
