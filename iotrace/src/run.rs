//! The loop: events from a source into a view, until something ends it.

use std::{
    ffi::OsString,
    io::{self, IsTerminal as _},
    os::unix::process::ExitStatusExt as _,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
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
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
    deadline: Option<Instant>,
    child: Option<Child>,
    /// A signal has reached the command.
    forwarded: bool,
}

/// Why tracing ended.
enum Reason {
    /// Asked to, or the time is over.
    Asked,
    /// The command ended.
    CommandEnded(Exit),
}

impl Stop {
    /// Listens for signals; ends after `duration`.
    pub fn new(duration: Option<Duration>) -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|source| Failure::Wait {
                what: "signals",
                source,
            })
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
            deadline: duration.map(|duration| Instant::now() + duration),
            child: None,
            forwarded: false,
        })
    }

    /// Starts the command that is traced; its end ends tracing.
    pub fn start(&mut self, command: &[OsString]) -> Result<(), Failure> {
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
        let far = Instant::now() + Duration::from_secs(86_400 * 365);
        loop {
            let signal = tokio::select! {
                _ = self.interrupt.recv() => Signal::SIGINT,
                _ = self.terminate.recv() => Signal::SIGTERM,
                _ = self.hangup.recv() => Signal::SIGHUP,
                () = sleep_until(self.deadline.unwrap_or(far)) => return Ok(Reason::Asked),
                exit = exit_of(&mut self.child) => return Ok(Reason::CommandEnded(exit?)),
            };
            // At a terminal Ctrl-C has reached the command already.
            if signal == Signal::SIGINT && !self.forwarded && io::stdin().is_terminal() {
                self.forwarded = true;
                continue;
            }
            // The command is asked to end first; its end then ends tracing. Who
            // asks twice does not want to wait for it.
            let Some(child) = &mut self.child else {
                return Ok(Reason::Asked);
            };
            let signal = if self.forwarded {
                Signal::SIGKILL
            } else {
                signal
            };
            self.forwarded = true;
            if let Some(pid) = child.id() {
                // It may have ended by now.
                let _ = kill(Pid::from_raw(pid as i32), signal);
            }
        }
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

/// Traces until the end. Returns how to exit and what was lost.
pub async fn run(
    source: &mut impl EventSource,
    view: &mut impl View,
    out: &mut Output,
    stop: &mut Stop,
) -> Result<(Exit, Lost), Failure> {
    let mut lost = Lost::default();
    let result = follow(source, view, out, stop, &mut lost).await;
    let exit = match result {
        Ok(exit) => exit,
        // Who closes the pipe has seen enough.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(failure) => return Err(failure),
    };
    // A command outlives what there was to show of it.
    if exit == Exit::Done && stop.child.is_some() {
        return Ok((exit_of(&mut stop.child).await?, lost));
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
