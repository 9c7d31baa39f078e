//! Sets up tracing for a command: privileges, programs, source, loop, summary.

use std::{
    ffi::OsString,
    fs,
    io::{self, IsTerminal as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use crate::{
    advice,
    commands::{End, Header, View, common::TraceArgs, cost},
    cost::Meter,
    error::{Error, Failure},
    exit::Exit,
    kernel::{self, Attached, Request, Way, ways},
    output::{Output, one_line, tell, units},
    run::{self, Begin},
    source::{Admission, EventSource, Live, Pace, Replay, Surveyed},
    stop::Stop,
    system::{
        self,
        clock::Clock,
        host::Host,
        process,
        survey::{self, Subjects, Survey},
    },
};

/// A tracing command, ready to run.
pub struct Trace<'a> {
    /// Its name.
    pub name: &'static str,
    /// What the kernel has to do for it.
    pub request: Request,
    /// How often it looks.
    pub pace: Pace,
    /// When it ends by itself.
    pub duration: Option<Duration>,
    /// NDJSON instead of text.
    pub json: bool,
    /// How much to tell on stderr.
    pub verbose: u8,
    /// Whether the kernel measures its programs.
    pub stats: bool,
    /// Whether a loss is a failure.
    pub fail_on_loss: bool,
    /// The command to trace, if any.
    pub command: &'a [OsString],
    /// A recording to look at instead of the running kernel.
    pub replay: Option<&'a Path>,
    /// Where to keep what is seen instead of showing it.
    pub record: Option<&'a Path>,
    /// What to look at in `/proc` and `/sys` besides.
    pub survey: Option<Subjects>,
    /// Whether it is of use without a kernel side too.
    pub bpf: Bpf,
}

/// Whether programs are loaded into the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bpf {
    /// There is nothing to tell without them.
    Needed,
    /// There is something to tell without them, where they can not be loaded.
    Wanted,
    /// They are not.
    Off,
}

impl<'a> Trace<'a> {
    /// With the arguments that commands share, without an end of its own or a recording.
    pub fn new(
        name: &'static str,
        args: &'a TraceArgs,
        request: Request,
        pace: Pace,
        command: &'a [OsString],
    ) -> Self {
        Self {
            name,
            request,
            pace,
            duration: None,
            json: args.json,
            verbose: args.verbose,
            stats: args.stats,
            fail_on_loss: args.fail_on_loss,
            command,
            replay: args.replay.as_deref(),
            record: None,
            survey: None,
            bpf: Bpf::Needed,
        }
    }

    /// Whether stdout is for machines.
    fn prints_ndjson(&self) -> bool {
        self.json && self.record.is_none()
    }

    /// Traces and shows, until the end.
    pub fn run(self, view: impl View) -> Result<Exit, Error> {
        if self.replay.is_none() {
            system::usage::has_descriptors()?;
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| Failure::Wait {
                what: "events",
                source,
            })?;
        runtime.block_on(self.trace(view))
    }

    async fn trace(self, view: impl View) -> Result<Exit, Error> {
        if let Some(recording) = self.replay {
            return self.replay(recording, view).await;
        }
        let started = Instant::now();
        let stop = Stop::new(self.duration)?;
        let mut attached = match self.attach() {
            Ok(attached) => attached,
            Err(error) if self.bpf == Bpf::Wanted => {
                // The rest of it is what to do where nothing works without.
                let error = error.to_string();
                let reason = error.lines().next().unwrap_or_default();
                tell(&format!("without the kernel's help: {reason}"));
                None
            }
            Err(error) => return Err(error),
        };
        self.measure(attached.as_mut());
        let clock = Clock::new();
        let known = attached.as_ref().map(|attached| attached.unseen.clone());
        let mut unseen = known.unwrap_or_else(|| ways(self.request.what));
        if self.request.what.accounts
            && !survey::hears_exits()
            && !unseen.contains(&Way::ShortLived)
        {
            unseen.push(Way::ShortLived);
        }
        if self.survey.is_some() && !survey::reads_others() {
            unseen.push(Way::OtherUsers);
        }
        let header = Header {
            time: clock.now(),
            backend: attached
                .as_ref()
                .map_or("none", |attached| attached.backend.name())
                .into(),
            unseen,
            kernel: kernel_release(),
            command: self.name.into(),
        };
        let survey = self
            .survey
            .as_ref()
            .map(|subjects| Survey::new(subjects, &clock));
        let host = Host::new("/proc");
        match (attached, survey) {
            (Some(attached), survey) => {
                let source = Live::new(attached, &self.request, host, self.pace, survey)?;
                self.tell_set_up(source.attached(), &header.unseen, started);
                self.follow(source, &header, stop, view).await
            }
            (None, Some(survey)) => {
                self.tell_without(&header.unseen);
                let source = Surveyed::new(survey, &self.request, host, self.pace);
                self.follow(source, &header, stop, view).await
            }
            // Without both there is nothing to look at.
            (None, None) => Ok(Exit::Done),
        }
    }

    /// Loads the kernel side, if there is to be one.
    fn attach(&self) -> Result<Option<Attached>, Error> {
        if self.bpf == Bpf::Off {
            return Ok(None);
        }
        kernel::check_privileges()?;
        Ok(Some(kernel::attach(&self.request)?))
    }

    /// Has the kernel measure its programs, if that is asked for. Without it there is still all
    /// else to tell.
    fn measure(&self, attached: Option<&mut Attached>) {
        if !self.stats {
            return;
        }
        let Some(attached) = attached else {
            tell("--stats has nothing to tell: no programs were loaded");
            return;
        };
        if let Err(reason) = attached.measure() {
            tell(&format!(
                "the kernel does not measure its programs: {}. Tracing goes on without --stats\n{}",
                reason.what,
                advice::stats(reason.errno)
            ));
        }
    }

    async fn follow(
        &self,
        source: impl EventSource,
        header: &Header,
        mut stop: Stop,
        mut view: impl View,
    ) -> Result<Exit, Error> {
        let begin = Begin {
            time: header.time,
            meter: Some(Meter::start()),
        };
        // Only now: what was recorded before is not lost for a system that can not be traced.
        let mut out = self.output()?;
        view.begin(header, &mut out).map_err(Failure::Output)?;
        // NDJSON is for machines: nothing else may stand between its lines.
        let stdout = if self.prints_ndjson() {
            io::stderr().into()
        } else {
            Stdio::inherit()
        };
        let (exit, end) = run::run(
            source,
            &mut view,
            &mut out,
            &mut stop,
            self.command,
            stdout,
            begin,
        )
        .await?;
        self.conclude(exit, &view, end)
    }

    /// The same with events that were recorded.
    async fn replay(&self, recording: &Path, mut view: impl View) -> Result<Exit, Error> {
        if let Some(record) = self.record
            && is_same_file(recording, record)
        {
            let name = one_line(record);
            return Err(Error::Usage(format!(
                "{name} can not be read and written at once"
            )));
        }
        let (header, source) = Replay::open(recording, Admission::of(&self.request))?;
        if ![self.name, "events"].contains(&&*header.command) && self.name != "events" {
            return Err(Error::Usage(format!(
                "--replay {}: it was written by `iotrace {}`, which tells not all that `{}` needs; \
                 record with `iotrace events -o FILE`",
                one_line(recording),
                one_line(&*header.command),
                self.name
            )));
        }
        if self.name == "churn" && header.command == "churn" {
            return Err(Error::Usage(format!(
                "--replay {}: `iotrace churn` tells what became of files, not each event; \
                 record with `iotrace events -o FILE`",
                one_line(recording)
            )));
        }
        let header = Header {
            command: self.name.into(),
            ..header
        };
        let mut out = self.output()?;
        let mut stop = Stop::new(self.duration)?;
        view.begin(&header, &mut out).map_err(Failure::Output)?;
        let ended = run::run(
            source,
            &mut view,
            &mut out,
            &mut stop,
            &[],
            Stdio::null(),
            Begin {
                time: header.time,
                meter: None,
            },
        );
        let (exit, end) = ended.await?;
        self.conclude(exit, &view, end)
    }

    fn output(&self) -> Result<Output, Error> {
        let Some(path) = self.record else {
            return Ok(Output::stdout());
        };
        let failed = |error| Error::Usage(format!("cannot write {}: {error}", one_line(path)));
        Output::recording(path).map_err(failed)
    }

    fn conclude(&self, exit: Exit, view: &impl View, end: End) -> Result<Exit, Error> {
        let lost = end.lost;
        if let Some(cost) = &end.cost {
            if self.verbose > 0 {
                tell(&cost::details(cost));
            }
            if let Some(measured) = &cost.programs
                && !self.prints_ndjson()
            {
                tell(&cost::table(measured));
            }
        }
        if !self.prints_ndjson() {
            let brief = end.cost.as_ref().map(cost::brief);
            let cost = brief.map_or_else(String::new, |brief| format!("; {brief}"));
            tell(&format!("{}{cost}; lost: {lost}", view.summary()));
        }
        let succeeded = matches!(exit, Exit::Done | Exit::Command(0));
        if self.fail_on_loss && succeeded && lost.total() > 0 {
            return Err(Failure::Loss(lost).into());
        }
        Ok(exit)
    }

    fn tell_without(&self, unseen: &[Way]) {
        if !self.prints_ndjson() || io::stderr().is_terminal() {
            tell(&format!(
                "looking at /proc and /sys alone; not seen: files, {}. Ctrl-C ends.",
                Way::list(unseen).unwrap_or_default()
            ));
        }
    }

    fn tell_set_up(&self, attached: &Attached, unseen: &[Way], started: Instant) {
        if !process::in_initial_pid_namespace() {
            tell(match self.survey {
                None => "in a PID namespace: all process and thread ids are those of the host",
                Some(_) => {
                    "in a PID namespace: process and thread ids are those of the host, but for the \
                     accounts of processes, which have those of the namespace"
                }
            });
        }
        if self.verbose > 0 {
            for (backend, reason) in &attached.refused {
                tell(&format!("backend {} refused: {reason}", backend.name()));
            }
            for (way, reason) in &attached.ways_refused {
                tell(&format!("{} not seen: {reason}", way.describe()));
            }
            tell(&format!(
                "attached in {} ms; resident {}, kernel maps {}",
                started.elapsed().as_millis(),
                process::resident_bytes().map_or("unknown".to_owned(), units::bytes),
                units::bytes(kernel::map_memory()),
            ));
        }
        // In NDJSON the header says it; people at a terminal are told all the same.
        if !self.prints_ndjson() || io::stderr().is_terminal() {
            let unseen = Way::list(unseen);
            tell(&format!(
                "tracing with backend {}; not seen: {}. Ctrl-C ends.",
                attached.backend.name(),
                unseen.as_deref().unwrap_or("nothing that is known"),
            ));
        }
    }
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let id = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino()));
    matches!((id(one), id(other)), (Ok(one), Ok(other)) if one == other)
}

fn kernel_release() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease");
    release.map_or("unknown".to_owned(), |release| {
        release.trim_end().to_owned()
    })
}
