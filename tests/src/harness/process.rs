//! A child process that can not outlive its scenario.

use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Capture, Context};
use crate::poll::first_readable;

/// A running child: killed (by SIGKILL, to its id) when dropped, and by the kernel when the
/// scenario runner dies. Its stderr is kept and shown when the scenario fails.
pub struct Process {
    label: String,
    child: Child,
    handle: OwnedFd,
    stderr: Arc<Capture>,
}

impl Process {
    /// Starts `command` with stderr captured; stdin and stdout are as the caller set them.
    pub fn spawn(context: &Context, label: &str, command: &mut Command) -> Result<Self> {
        command.stderr(Stdio::piped());
        // SAFETY: prctl(2) is async-signal-safe and touches nothing of this process.
        unsafe {
            command.pre_exec(|| {
                nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(std::io::Error::from)
            });
        }
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        let label = format!("{label} (pid {})", child.id());
        let stderr = child
            .stderr
            .take()
            .ok_or_else(|| anyhow!("{label} has no stderr"))?;
        let stderr = Capture::start(stderr);
        context.remember(format!("{label}: {command:?}: stderr"), stderr.clone());
        match open_pidfd(&child) {
            Ok(handle) => Ok(Self {
                label,
                child,
                handle,
                stderr,
            }),
            Err(error) => {
                // Without a handle nobody would end it.
                child.kill().ok();
                child.wait().ok();
                Err(error)
            }
        }
    }

    /// Name and pid, for messages.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its stdin, if it was piped.
    pub fn stdin(&mut self) -> Result<ChildStdin> {
        self.child
            .stdin
            .take()
            .ok_or_else(|| anyhow!("{} has no stdin", self.label))
    }

    /// Its stdout, if it was piped.
    pub fn stdout(&mut self) -> Result<ChildStdout> {
        self.child
            .stdout
            .take()
            .ok_or_else(|| anyhow!("{} has no stdout", self.label))
    }

    /// What it has written to stderr.
    pub fn stderr(&self) -> &Capture {
        &self.stderr
    }

    /// Sends a signal; a process that has ended already is left alone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.child.id())?;
        // Not reaped before `wait`, so the id is still its own.
        match kill(Pid::from_raw(pid), signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(error) => Err(anyhow!("cannot send {signal} to {}: {error}", self.label)),
        }
    }

    /// Waits until it has ended.
    pub fn wait(&mut self, within: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + within;
        match first_readable(&[self.handle.as_fd()], Some(deadline))
            .with_context(|| self.label.clone())?
        {
            Some(_) => Ok(self.child.wait()?),
            None => bail!("{} did not end within {within:?}", self.label),
        }
    }

    /// Waits until it has ended, and with this exit code.
    pub fn expect_exit(&mut self, code: i32, within: Duration) -> Result<()> {
        let status = self.wait(within)?;
        if status.code() != Some(code) {
            bail!("{} ended with {status}, not exit code {code}", self.label);
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it has ended and was reaped.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A descriptor of the process, on which its end can be waited for with a deadline.
fn open_pidfd(child: &Child) -> Result<OwnedFd> {
    let pid = libc::c_long::from(child.id());
    // SAFETY: takes two integers; the result is checked.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let fd = i32::try_from(fd)?;
    if fd < 0 {
        bail!("pidfd_open({pid}): {}", Errno::last());
    }
    // SAFETY: the kernel has just made this descriptor for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
