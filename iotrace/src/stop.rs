//! What ends tracing: a signal, the time, the end of the traced command.

use std::{
    ffi::OsString, fs::File, os::unix::process::ExitStatusExt as _, process::Stdio, time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, getpgrp, tcgetpgrp},
};
use tokio::{
    process::{Child, Command},
    signal::unix::{Signal as Signals, SignalKind, signal},
    time::{Instant, sleep_until},
};

use crate::{error::Failure, exit::Exit, output::one_line};

/// What ends tracing, apart from the view being done.
pub struct Stop {
    /// Signals to us.
    pub signals: Requests,
    duration: Option<Duration>,
    deadline: Option<Instant>,
    child: Option<Child>,
}

/// The signals by which people ask for the end.
pub struct Requests {
    interrupt: Signals,
    terminate: Signals,
    /// Not listened to where it is ignored, as under nohup.
    hangup: Option<Signals>,
}

/// Why tracing ended.
pub enum Reason {
    /// The time is over.
    Time,
    /// Somebody asked for it.
    Signal,
    /// The command ended.
    CommandEnded(Exit),
}

impl Stop {
    /// Listens for signals; ends `duration` after the start.
    pub fn new(duration: Option<Duration>) -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|source| Failure::Wait {
                what: "signals",
                source,
            })
        };
        let hangup = (!is_ignored(libc::SIGHUP)).then(|| listen(SignalKind::hangup()));
        Ok(Self {
            signals: Requests {
                interrupt: listen(SignalKind::interrupt())?,
                terminate: listen(SignalKind::terminate())?,
                hangup: hangup.transpose()?,
            },
            duration,
            deadline: None,
            child: None,
        })
    }

    /// Starts the time, and the command that is traced, whose end ends tracing.
    /// Its stdout goes to `stdout`.
    pub fn start(&mut self, command: &[OsString], stdout: Stdio) -> Result<(), Failure> {
        self.deadline = self.duration.map(|duration| Instant::now() + duration);
        let Some((program, arguments)) = command.split_first() else {
            return Ok(());
        };
        let child = Command::new(program).args(arguments).stdout(stdout).spawn();
        self.child = Some(child.map_err(|source| Failure::Command {
            command: one_line(program),
            source,
        })?);
        Ok(())
    }

    /// Waits for whatever comes first. Dropping the future loses nothing.
    pub async fn wait(&mut self) -> Result<Reason, Failure> {
        loop {
            let signal = tokio::select! {
                signal = self.signals.next() => signal,
                () = reached(self.deadline) => return Ok(Reason::Time),
                exit = exit_of(&mut self.child) => return Ok(Reason::CommandEnded(exit?)),
            };
            // A command is asked to end, and its end then ends tracing.
            if !self.forward(signal) {
                return Ok(Reason::Signal);
            }
        }
    }

    /// Passes a signal on to the command; false when there is none.
    pub fn forward(&self, signal: Signal) -> bool {
        let Some(pid) = self.child.as_ref().and_then(Child::id) else {
            return false;
        };
        if signal == Signal::SIGTERM || !in_foreground() {
            // It may have ended by now.
            let _ = kill(Pid::from_raw(pid as i32), signal);
        }
        true
    }

    /// Whether a command was started that has not ended yet, as far as is known.
    pub fn has_command(&self) -> bool {
        self.child.is_some()
    }

    /// Waits for the command, when there is nothing more to show of it.
    pub async fn command_end(&mut self) -> Result<Exit, Failure> {
        self.deadline = None;
        loop {
            if let Reason::CommandEnded(exit) = self.wait().await? {
                return Ok(exit);
            }
        }
    }
}

impl Requests {
    /// Waits for one.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::SIGINT,
            _ = self.terminate.recv() => Signal::SIGTERM,
            () = received(&mut self.hangup) => Signal::SIGHUP,
        }
    }
}

async fn received(signals: &mut Option<Signals>) {
    match signals {
        Some(signals) => {
            signals.recv().await;
        }
        None => std::future::pending().await,
    }
}

async fn reached(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Whether the terminal sends its signals (Ctrl-C, hang-up) to our process group,
/// and so to the command too.
fn in_foreground() -> bool {
    let Ok(terminal) = File::open("/dev/tty") else {
        return false;
    };
    tcgetpgrp(&terminal).is_ok_and(|group| group == getpgrp())
}

fn is_ignored(signal: libc::c_int) -> bool {
    // SAFETY: all zeros are a valid `sigaction`, which the call then fills.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut action) == 0
            && action.sa_sigaction == libc::SIG_IGN
    }
}

/// The exit of the command; never, when there is none.
async fn exit_of(child: &mut Option<Child>) -> Result<Exit, Failure> {
    let Some(child) = child else {
        return std::future::pending().await;
    };
    let status = child.wait().await.map_err(|source| Failure::Wait {
        what: "the command",
        source,
    })?;
    // 128 + the signal, as shells have it.
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    Ok(Exit::Command(code.unwrap_or(1) as u8))
}
