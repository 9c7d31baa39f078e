//! The loop: events from a source into a view, until something ends it.

use std::{ffi::OsString, io, process::Stdio, time::Duration};

use tokio::time::timeout;

use crate::{
    commands::{End, View},
    cost::Meter,
    error::Failure,
    event::{Event, Time},
    exit::Exit,
    output::{Output, tell},
    source::{EventSource, Status},
    stop::{Reason, Stop},
};

/// The begin of tracing.
#[derive(Debug)]
pub struct Begin {
    /// When it was.
    pub time: Time,
    /// Measures from then on what it costs; `None` for what is recorded.
    pub meter: Option<Meter>,
}

/// Traces from `begin` until the end, with a command or without. Returns how to exit and what
/// there is to say at the end.
pub async fn run(
    mut source: impl EventSource,
    view: &mut impl View,
    out: &mut Output,
    stop: &mut Stop,
    command: &[OsString],
    command_stdout: Stdio,
    begin: Begin,
) -> Result<(Exit, End), Failure> {
    // What the view has begun to print tells that the programs are attached.
    let begun = out.flush().await;
    stop.start(command, command_stdout)?;
    source.started();
    if view.names_late() {
        source.name_late();
    }
    let mut end = End {
        time: begin.time,
        ..End::default()
    };
    let followed = match begun {
        Ok(()) => follow(&mut source, view, out, stop, &mut end, begin.meter).await,
        Err(error) => Err(Failure::Output(error)),
    };
    if followed.is_err() {
        // What has been recorded is worth keeping.
        out.salvage();
    }
    // A command outlives what there was to show of it, and runs on untraced.
    drop(source);
    let exit = match followed {
        Ok(exit @ Exit::Command(_)) => return Ok((exit, end)),
        Ok(exit) => Ok(exit),
        // Who closes the pipe has seen enough.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(failure) => Err(failure),
    };
    if stop.has_command() {
        if let Err(failure) = &exit {
            tell(&format!("{failure}; the command runs on untraced"));
        }
        let ended = stop.command_end().await?;
        return exit.map(|_| (ended, end));
    }
    exit.map(|exit| (exit, end))
}

async fn follow(
    source: &mut impl EventSource,
    view: &mut impl View,
    out: &mut Output,
    stop: &mut Stop,
    end: &mut End,
    mut meter: Option<Meter>,
) -> Result<Exit, Failure> {
    let mut events = Vec::new();
    let mut ended = None;
    let mut status = Status::More;
    while ended.is_none() && !view.done() {
        tokio::select! {
            // The command's last events are there when its end is seen.
            biased;
            reason = stop.wait() => ended = Some(reason?),
            next = source.next(&mut events) => status = next?,
        }
        if ended.is_some() || status == Status::End {
            let ticked = finish(source, &mut events, view, out, end)?;
            if let Some(meter) = &mut meter {
                meter.lap(ticked);
            }
            break;
        }
        let mut ticked = show(source, &mut events, view, out, end)?;
        // A reader that pauses must not keep anyone from ending it.
        tokio::select! {
            biased;
            flushed = out.flush() => {
                flushed.and_then(|()| out.check_reader()).map_err(Failure::Output)?;
            }
            reason = stop.wait() => {
                ended = Some(reason?);
                ticked |= finish(source, &mut events, view, out, end)?;
            }
        }
        if let Some(meter) = &mut meter
            && (status != Status::Within || ended.is_some())
        {
            meter.lap(ticked);
        }
    }
    end.lost += &source.lost();
    end.lost += &view.lost();
    end.cost = meter.map(|meter| meter.read(source.measured()));
    view.end(end, out).map_err(Failure::Output)?;
    let patience = matches!(ended, Some(Reason::Signal)).then_some(PATIENCE);
    tokio::select! {
        biased;
        flushed = hand_over(out, patience) => flushed?,
        signal = stop.signals.next() => {
            stop.forward(signal);
            return Err(unread());
        }
    }
    match ended {
        Some(Reason::CommandEnded(exit)) => Ok(exit),
        _ => Ok(Exit::Done),
    }
}

/// How long somebody who asked for the end waits for a reader who does not read on.
const PATIENCE: Duration = Duration::from_secs(5);

/// Hands over all that is left, with so much patience for each part of it.
async fn hand_over(out: &mut Output, patience: Option<Duration>) -> Result<(), Failure> {
    loop {
        let part = out.flush_some();
        let more = match patience {
            Some(patience) => timeout(patience, part).await.map_err(|_| unread())?,
            None => part.await,
        };
        if !more.map_err(Failure::Output)? {
            return out.finish().map_err(Failure::Output);
        }
    }
}

fn unread() -> Failure {
    Failure::Output(io::Error::other("nobody reads it; the rest is dropped"))
}

/// Shows all that is left; returns whether an interval ended.
fn finish(
    source: &mut impl EventSource,
    events: &mut Vec<Event>,
    view: &mut impl View,
    out: &mut Output,
    end: &mut End,
) -> Result<bool, Failure> {
    let mut ticked = false;
    loop {
        let status = source.finish(events)?;
        ticked |= show(source, events, view, out, end)?;
        if status == Status::End {
            return Ok(ticked);
        }
    }
}

/// Shows events; returns whether they ended an interval.
fn show(
    source: &impl EventSource,
    events: &mut Vec<Event>,
    view: &mut impl View,
    out: &mut Output,
    end: &mut End,
) -> Result<bool, Failure> {
    let mut ticked = false;
    for event in events.drain(..) {
        if let Event::Tick(tick) = &event {
            end.lost += &tick.lost;
            ticked = true;
            view.name(&|file, file_type, lower| source.name(file, file_type, lower));
        }
        if let Some(now) = event.time() {
            // That of what was seen last.
            end.time = now.max(end.time);
        }
        view.event(event, out).map_err(Failure::Output)?;
    }
    Ok(ticked)
}
