//! `iotrace … --json`: started, waited for, stopped, and its records taken in
//! as they come.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use nix::sys::signal::Signal;

use super::context::Seen;
use super::lines::Lines;
use super::record::{End, Envelope, Header, parse};
use super::{Context, Process, SOON, lock};

/// Takes the records between the header and the end.
pub trait Sink: Send + 'static {
    /// One line; an error fails the scenario.
    fn record(&mut self, kind: &str, line: &str) -> Result<()>;

    /// The last record.
    fn end(&mut self, end: &End) -> Result<()>;
}

/// A running iotrace.
pub struct Tracer<S: Sink> {
    process: Process,
    shared: Arc<Shared<S>>,
}

struct Shared<S> {
    state: Mutex<State<S>>,
    changed: Condvar,
}

struct State<S> {
    header: Option<Header>,
    sink: Option<S>,
    end: Option<End>,
    error: Option<anyhow::Error>,
    closed: bool,
    lines: Lines,
}

impl<S: Sink> Tracer<S> {
    /// Starts `iotrace SUBCOMMAND --json ARGS…` and waits until its probes are attached.
    pub fn start<A: AsRef<str>>(
        context: &Context,
        subcommand: &str,
        args: &[A],
        sink: S,
    ) -> Result<Self> {
        let args: Vec<&str> = std::iter::once("--json")
            .chain(args.iter().map(AsRef::as_ref))
            .collect();
        Self::spawn(
            context,
            subcommand,
            &mut context.iotrace(subcommand, &args),
            sink,
        )
    }

    /// The same with a command line made by the caller, which must ask for `--json`.
    pub fn spawn(
        context: &Context,
        subcommand: &str,
        command: &mut Command,
        sink: S,
    ) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = Process::spawn(context, "iotrace", command)?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                header: None,
                sink: Some(sink),
                end: None,
                error: None,
                closed: false,
                lines: Lines::default(),
            }),
            changed: Condvar::new(),
        });
        context.remember(format!("{}: stdout", process.label()), shared.clone());
        let stdout = process.stdout()?;
        let reader = Arc::clone(&shared);
        thread::spawn(move || reader.read(stdout));

        let tracer = Self { process, shared };
        let header = tracer.wait("header", SOON, |state| state.header.clone())?;
        ensure!(header.schema == 1, "schema {}, not 1", header.schema);
        ensure!(
            header.backend == context.backend().name(),
            "runs on {:?}",
            header.backend
        );
        ensure!(
            header.command == subcommand,
            "the header names {:?}",
            header.command
        );
        let kernel = crate::machine::kernel();
        ensure!(
            kernel.starts_with(&header.kernel),
            "the header names kernel {:?}, not {kernel:?}",
            header.kernel
        );
        Ok(tracer)
    }

    /// The process, to send signals to.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Ways into a file that it says it does not see.
    pub fn unseen(&self) -> Result<BTreeSet<String>> {
        let state = lock(&self.shared.state);
        let header = state.header.as_ref().context("no header")?;
        let unseen = header.unseen.clone();
        unseen.context("the header has no `unseen`")
    }

    /// Waits until the sink has what is looked for.
    pub fn wait_until(&self, what: &str, mut seen: impl FnMut(&S) -> bool) -> Result<()> {
        self.wait(what, SOON, |state| {
            state.sink.as_ref().is_some_and(&mut seen).then_some(())
        })
    }

    /// Looks at what the sink has by now.
    pub fn look<T>(&self, at: impl FnOnce(&S) -> T) -> Option<T> {
        lock(&self.shared.state).sink.as_ref().map(at)
    }

    /// Waits until the `end` record is there; the process may run on.
    pub fn wait_for_end(&self) -> Result<()> {
        self.wait("`end` record", SOON, |state| state.end.as_ref().map(drop))
    }

    /// Ends it as Ctrl-C does, and hands out what it saw.
    pub fn stop(self) -> Result<(S, End)> {
        self.stop_with(0)
    }

    /// The same when it has to end with this exit code.
    pub fn stop_with(self, exit_code: i32) -> Result<(S, End)> {
        self.process.signal(Signal::SIGINT)?;
        self.finish(exit_code)
    }

    /// Waits for its own end, and hands out what it saw.
    pub fn finish(self, exit_code: i32) -> Result<(S, End)> {
        self.finish_within(SOON, exit_code)
    }

    /// The same when its command may take longer.
    pub fn finish_within(mut self, within: Duration, exit_code: i32) -> Result<(S, End)> {
        // First what is wrong with the records: it may be why the exit code is another.
        self.wait("end of stdout", within, |state| state.closed.then_some(()))?;
        self.process.expect_exit(exit_code, SOON)?;
        let mut state = lock(&self.shared.state);
        let end = state.end.take().ok_or_else(|| anyhow!("no `end` record"))?;
        let sink = state.sink.take().ok_or_else(|| anyhow!("taken already"))?;
        Ok((sink, end))
    }

    fn wait<T>(
        &self,
        what: &str,
        within: Duration,
        mut find: impl FnMut(&State<S>) -> Option<T>,
    ) -> Result<T> {
        let label = self.process.label();
        let deadline = Instant::now() + within;
        let mut state = lock(&self.shared.state);
        loop {
            if let Some(error) = state.error.take() {
                return Err(error.context(format!("{label} printed a wrong record")));
            }
            if let Some(found) = find(&state) {
                return Ok(found);
            }
            if state.closed {
                bail!("{label} closed its stdout without {what}");
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!("no {what} from {label} within {within:?}");
            }
            (state, _) = self
                .shared
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<S: Sink> Shared<S> {
    /// Reads to the end even after an error: a full pipe would stop iotrace.
    fn read(&self, stdout: impl Read) {
        let mut stdout = BufReader::with_capacity(256 << 10, stdout);
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            let length = stdout.read_until(b'\n', &mut bytes);
            let mut state = lock(&self.state);
            if !matches!(length, Ok(1..)) {
                state.closed = true;
                self.changed.notify_all();
                return;
            }
            state.lines.push(&bytes);
            if state.error.is_none() {
                state.error = state.line(&bytes).err();
            }
            self.changed.notify_all();
        }
    }
}

impl<S: Sink> State<S> {
    fn line(&mut self, bytes: &[u8]) -> Result<()> {
        let line = std::str::from_utf8(bytes).context("NDJSON must be UTF-8")?;
        let line = line
            .strip_suffix('\n')
            .ok_or_else(|| anyhow!("a line that was not finished: {line}"))?;
        let envelope = Envelope::parse(line)?;
        ensure!(self.end.is_none(), "a record after `end`: {line}");
        let sink = self.sink.as_mut().ok_or_else(|| anyhow!("taken already"))?;
        match (envelope.kind.as_str(), &self.header) {
            ("header", None) => self.header = Some(parse(line)?),
            ("header", Some(_)) => bail!("a second header: {line}"),
            (_, None) => bail!("a record before the header: {line}"),
            ("end", Some(_)) => {
                let end = parse(line)?;
                sink.end(&end)?;
                self.end = Some(end);
            }
            (kind, Some(_)) => sink.record(kind, line)?,
        }
        Ok(())
    }
}

impl<S: Sink> Seen for Shared<S> {
    fn seen(&self) -> String {
        lock(&self.state).lines.text()
    }
}
