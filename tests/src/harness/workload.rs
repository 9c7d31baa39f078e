//! A workload process: ready, go, done.

use std::ffi::OsStr;
use std::io::Write;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Capture, Context, Process, SOON, WORK};

/// A workload that waits for its `go`, works, or has worked.
pub struct Workload {
    process: Process,
    stdin: Option<ChildStdin>,
    stdout: Arc<Capture>,
    ready: Ready,
}

/// The first line of a workload.
#[derive(Clone, Debug, Deserialize)]
struct Ready {
    pid: u32,
    tid: u32,
}

impl Workload {
    /// Starts `iotrace-tests work ARGS…` and waits until it is ready.
    pub fn start<A: AsRef<OsStr>>(context: &Context, args: &[A]) -> Result<Self> {
        // Itself, even if another build has replaced the file meanwhile.
        let mut command = Command::new("/proc/self/exe");
        command.arg("work").args(args);
        Self::spawn(context, &mut command)
    }

    /// Starts any program that speaks as workloads do.
    pub fn spawn(context: &Context, command: &mut Command) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::spawn(context, "workload", command)?;
        let stdin = process.stdin()?;
        let stdout = Capture::start(process.stdout()?);
        context.remember(format!("{}: stdout", process.label()), stdout.clone());
        let ready = stdout.wait_for("first line", SOON, |bytes| {
            let end = bytes.iter().position(|byte| *byte == b'\n')?;
            Some(serde_json::from_slice(&bytes[..end]))
        })??;
        Ok(Self {
            process,
            stdin: Some(stdin),
            stdout,
            ready,
        })
    }

    /// Its process id, as it says itself.
    pub fn pid(&self) -> u32 {
        self.ready.pid
    }

    /// Its (first) working thread.
    pub fn tid(&self) -> u32 {
        self.ready.tid
    }

    /// Lets it start, or take its next step.
    pub fn go(&mut self) -> Result<()> {
        let stdin = self.stdin.as_mut().ok_or_else(|| anyhow!("finished"))?;
        stdin
            .write_all(b"go\n")
            .with_context(|| format!("{} does not listen", self.process.label()))
    }

    /// Lets that much time pass, in which it must not end.
    pub fn wait_a_while(&mut self, length: Duration) -> Result<()> {
        match self.process.wait(length) {
            Ok(status) => bail!("{} ended with {status}", self.process.label()),
            Err(_still_there) => Ok(()),
        }
    }

    /// Closes its stdin, waits for its end and reads its sums.
    pub fn finish<R: DeserializeOwned>(mut self) -> Result<R> {
        self.stdin = None;
        self.process.expect_exit(0, WORK)?;
        let bytes = self.stdout.to_end(SOON)?;
        last_line(&bytes).with_context(|| self.process.label().to_owned())
    }
}

/// The sums, which a workload says last.
pub fn last_line<R: DeserializeOwned>(bytes: &[u8]) -> Result<R> {
    let last = bytes
        .trim_ascii_end()
        .rsplit(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    serde_json::from_slice(last).context("the workload did not tell its sums")
}
