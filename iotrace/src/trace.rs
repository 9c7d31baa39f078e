//! Sets up tracing for a command: privileges, programs, source, loop, summary.

use std::{
    ffi::OsString,
    fs,
    io::{self, IsTerminal as _},
    process::Stdio,
    time::{Duration, Instant},
};

use crate::{
    commands::{Header, View},
    error::{Error, Failure},
    exit::Exit,
    kernel::{self, Attached, Request, Way},
    output::{Output, tell, units},
    run,
    source::{Live, Pace},
    stop::Stop,
    system::{clock::Clock, host::Host, process},
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
    /// Whether a loss is a failure.
    pub fail_on_loss: bool,
    /// The command to trace, if any.
    pub command: &'a [OsString],
}

impl Trace<'_> {
    /// Traces and shows, until the end.
    pub fn run(self, view: impl View) -> Result<Exit, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| Failure::Wait {
                what: "events",
                source,
            })?;
        runtime.block_on(self.trace(view))
    }

    async fn trace(self, mut view: impl View) -> Result<Exit, Error> {
        let started = Instant::now();
        kernel::check_privileges()?;
        let mut stop = Stop::new(self.duration)?;
        let attached = kernel::attach(&self.request)?;
        let header = Header {
            time: Clock::new().now(),
            backend: attached.backend.name(),
            unseen: attached.unseen.clone(),
            kernel: kernel_release(),
            command: self.name,
        };
        self.tell_set_up(&attached, started);
        let host = Host::new("/proc");
        let source = Live::new(attached, &self.request, host, self.pace)?;

        let mut out = Output::stdout();
        view.begin(&header, &mut out).map_err(Failure::Output)?;
        // NDJSON is for machines: nothing else may stand between its lines.
        let stdout = if self.json {
            io::stderr().into()
        } else {
            Stdio::inherit()
        };
        let (exit, lost) =
            run::run(source, &mut view, &mut out, &mut stop, self.command, stdout).await?;
        if !self.json {
            tell(&format!("{}; lost: {lost}", view.summary()));
        }
        let succeeded = matches!(exit, Exit::Done | Exit::Command(0));
        if self.fail_on_loss && succeeded && lost.total() > 0 {
            return Err(Failure::Loss(lost).into());
        }
        Ok(exit)
    }

    fn tell_set_up(&self, attached: &Attached, started: Instant) {
        if !process::in_initial_pid_namespace() {
            tell("in a PID namespace: all process and thread ids are those of the host");
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
        if !self.json || io::stderr().is_terminal() {
            let unseen = Way::list(&attached.unseen);
            tell(&format!(
                "tracing with backend {}; not seen: {}. Ctrl-C ends.",
                attached.backend.name(),
                unseen.as_deref().unwrap_or("nothing that is known"),
            ));
        }
    }
}

fn kernel_release() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease");
    release.map_or("unknown".to_owned(), |release| {
        release.trim_end().to_owned()
    })
}
