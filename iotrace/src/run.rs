//! The loop: events from a source into a view, until something ends it.

use std::{ffi::OsString, fs::File, io, os::unix::process::ExitStatusExt as _, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, getpgrp, tcgetpgrp},
};
use tokio::{
    process::{Child, Command},
    signal::unix::{Signal as Signals, SignalKind, signal},
    time::{Instant, sleep_until},
};

use crate::{
    commands::View,
    error::Failure,
    event::{Event, Lost, Time},
    exit::Exit,
    output::Output,
    source::{EventSource, Status},
};

/// What ends tracing, apart from the view being done.
pub struct Stop {
    interrupt: Signals,
    terminate: Signals,
    /// Not listened to where it is ignored, as under nohup.
    hangup: Option<Signals>,
    duration: Option<Duration>,
    deadline: Option<Instant>,
    child: Option<Child>,
}

/// Why tracing ended.
enum Reason {
    /// Asked to, or the time is over.
    Asked,
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
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: hangup.transpose()?,
            duration,
            deadline: None,
            child: None,
        })
    }

    /// Starts the time, and the command that is traced, whose end ends tracing.
    pub fn start(&mut self, command: &[OsString]) -> Result<(), Failure> {
        self.deadline = self.duration.map(|duration| Instant::now() + duration);
        let Some((program, arguments)) = command.split_first() else {
            return Ok(());
        };
        let child = Command::new(program).args(arguments).spawn();
        self.child = Some(child.map_err(|source| Failure::Command {
            command: program.to_string_lossy().into_owned(),
            source,
        })?);
        Ok(())
    }

    async fn wait(&mut self) -> Result<Reason, Failure> {
        loop {
            let signal = tokio::select! {
                _ = self.interrupt.recv() => Signal::SIGINT,
                _ = self.terminate.recv() => Signal::SIGTERM,
                () = received(&mut self.hangup) => Signal::SIGHUP,
                () = reached(self.deadline) => return Ok(Reason::Asked),
                exit = exit_of(&mut self.child) => return Ok(Reason::CommandEnded(exit?)),
            };
            // A command is asked to end, and its end then ends tracing.
            let Some(child) = &self.child else {
                return Ok(Reason::Asked);
            };
            if let Some(pid) = child.id()
                && !(signal != Signal::SIGTERM && in_foreground())
            {
                // It may have ended by now.
                let _ = kill(Pid::from_raw(pid as i32), signal);
            }
        }
    }

    /// Waits for the command, when there is nothing more to show of it.
    async fn command_end(&mut self) -> Result<Exit, Failure> {
        self.deadline = None;
        loop {
            if let Reason::CommandEnded(exit) = self.wait().await? {
                return Ok(exit);
            }
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

/// Traces until the end, with a command or without. Returns how to exit and what
/// was lost.
pub async fn run(
    mut source: impl EventSource,
    view: &mut impl View,
    out: &mut Output,
    stop: &mut Stop,
    command: &[OsString],
) -> Result<(Exit, Lost), Failure> {
    // What the view has begun to print tells that the programs are attached.
    let begun = out.flush();
    stop.start(command)?;
    let mut lost = Lost::default();
    let followed = match begun {
        Ok(()) => follow(&mut source, view, out, stop, &mut lost).await,
        Err(error) => Err(Failure::Output(error)),
    };
    let exit = match followed {
        Ok(exit) => exit,
        // Who closes the pipe has seen enough.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(failure) => return Err(failure),
    };
    if exit == Exit::Done && stop.child.is_some() {
        // A command outlives what there was to show of it, and runs untraced.
        drop(source);
        return Ok((stop.command_end().await?, lost));
    }
    Ok((exit, lost))
}

async fn follow(
    source: &mut impl EventSource,
    view: &mut impl View,
    out: &mut Output,
    stop: &mut Stop,
    lost: &mut Lost,
) -> Result<Exit, Failure> {
    let mut events = Vec::new();
    let mut time = Time::default();
    let mut exit = Exit::Done;
    let mut over = false;
    while !over && !view.done() {
        tokio::select! {
            // The command's last events are there when its end is seen.
            biased;
            reason = stop.wait() => {
                over = true;
                if let Reason::CommandEnded(code) = reason? {
                    exit = code;
                }
            }
            status = source.next(&mut events) => over = status? == Status::End,
        }
        if over {
            source.finish(&mut events)?;
        }
        for event in events.drain(..) {
            if let Event::Tick(tick) = &event {
                *lost += &tick.lost;
                time = tick.time;
            }
            view.event(event, out).map_err(Failure::Output)?;
        }
        out.flush().map_err(Failure::Output)?;
        out.check_reader().map_err(Failure::Output)?;
    }
    view.end(time, lost, out).map_err(Failure::Output)?;
    out.flush().map_err(Failure::Output)?;
    Ok(exit)
}
