//! The command that iotrace starts: its stdin and stdout are those of iotrace, so it and its
//! scenario talk over a socket.

use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::workload::last_line;
use super::{Capture, Context, SOON, WORK};
use crate::poll::first_readable;

/// Waits for its guest to be started.
pub struct Listening {
    listener: UnixListener,
    path: PathBuf,
}

/// A guest that runs. It ends when this is dropped.
pub struct Guest {
    pid: u32,
    socket: UnixStream,
    said: Arc<Capture>,
}

/// Its first line.
#[derive(Deserialize)]
struct Ready {
    pid: u32,
}

impl Listening {
    /// A guest of that name; `command` starts it.
    pub fn new(context: &Context, name: &str) -> Result<Self> {
        let path = context.dir().join(name);
        let listener =
            UnixListener::bind(&path).with_context(|| format!("socket {}", path.display()))?;
        Ok(Self { listener, path })
    }

    /// `-- GUEST OPTIONS…`, to be put behind iotrace's own arguments.
    pub fn command(&self, options: &[&str]) -> Result<Vec<String>> {
        self.workload("guest", options)
    }

    /// The same for another workload that speaks to a socket.
    pub fn workload(&self, name: &str, options: &[&str]) -> Result<Vec<String>> {
        let program = this_program();
        let words = [
            "--",
            plain(&program)?,
            "work",
            name,
            "--to",
            plain(&self.path)?,
        ];
        let words = words.iter().chain(options);
        Ok(words.map(|word| (*word).to_owned()).collect())
    }

    /// Waits until it has been started and is ready.
    pub fn accept(self, context: &Context) -> Result<Guest> {
        let deadline = Instant::now() + SOON;
        if first_readable(&[self.listener.as_fd()], Some(deadline))?.is_none() {
            bail!("the command was not started within {SOON:?}");
        }
        let (socket, _) = self.listener.accept()?;
        let said = Capture::start(socket.try_clone()?);
        context.remember(format!("command at {}", self.path.display()), said.clone());
        let ready: Ready = said.wait_for("first line of the command", SOON, |bytes| {
            let end = bytes.iter().position(|byte| *byte == b'\n')?;
            Some(serde_json::from_slice(&bytes[..end]))
        })??;
        Ok(Guest {
            pid: ready.pid,
            socket,
            said,
        })
    }
}

impl Guest {
    /// Lets it end.
    pub fn go(&mut self) -> Result<()> {
        self.socket
            .write_all(b"go\n")
            .context("the command does not listen")
    }

    /// Fails when it has ended.
    pub fn must_be_alive(&self) -> Result<()> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid))
            .map_err(|error| anyhow!("the command (pid {}) is gone: {error}", self.pid))?;
        let state = stat.rsplit(')').next().unwrap_or_default().trim_start();
        ensure!(!state.starts_with('Z'), "the command has ended");
        Ok(())
    }

    /// Waits until it has ended.
    pub fn wait(&self) -> Result<()> {
        self.said.to_end(SOON).map(drop).context("the command")
    }

    /// Waits until it has said its last, and reads its sums.
    pub fn report<R: DeserializeOwned>(&self) -> Result<R> {
        last_line(&self.said.to_end(WORK).context("the command")?)
    }
}

impl Drop for Guest {
    /// Only so does the thread that reads end too.
    fn drop(&mut self) {
        // Fails only when the other side has ended.
        self.socket.shutdown(std::net::Shutdown::Both).ok();
    }
}

/// This very binary, even if another build has replaced the file meanwhile.
pub fn this_program() -> PathBuf {
    format!("/proc/{}/exe", std::process::id()).into()
}

/// A path as a word of a command line.
pub fn plain(path: &Path) -> Result<&str> {
    path.to_str().context("a plain path")
}
