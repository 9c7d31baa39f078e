//! A person at a terminal.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use nix::errno::Errno;
use nix::unistd::setsid;

use super::{Capture, Context, Process};

/// A pseudo-terminal that controls the session of one process; stderr is captured apart.
pub struct Terminal {
    keyboard: File,
    screen: Arc<Capture>,
}

impl Terminal {
    /// Starts a process in a session of its own at a new terminal.
    pub fn spawn(context: &Context, label: &str, command: &mut Command) -> Result<(Self, Process)> {
        let (master, slave) = open().context("no pseudo-terminal")?;
        command.stdin(slave.try_clone()?).stdout(slave);
        // SAFETY: setsid(2) and ioctl(2) are async-signal-safe; descriptor 0 is the terminal by now.
        unsafe {
            command.pre_exec(|| {
                setsid()?;
                Errno::result(libc::ioctl(0, libc::TIOCSCTTY, 0))?;
                Ok(())
            });
        }
        let process = Process::spawn(context, label, command);
        // As long as one is open here, the screen has no end.
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let process = process?;
        let screen = Capture::start(master.try_clone()?);
        context.remember(format!("{}: screen", process.label()), screen.clone());
        let keyboard = master;
        Ok((Self { keyboard, screen }, process))
    }

    /// What has been shown.
    pub fn screen(&self) -> &Capture {
        &self.screen
    }

    /// One Ctrl-C: SIGINT to every process of the foreground group, from the kernel.
    pub fn press_ctrl_c(&mut self) -> io::Result<()> {
        self.keyboard.write_all(b"\x03")
    }
}

/// Both sides of a new pseudo-terminal.
fn open() -> Result<(File, OwnedFd)> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: takes flags; the result is checked, and then owned by nobody else.
    let master = unsafe {
        let fd = Errno::result(libc::posix_openpt(flags)).context("/dev/ptmx")?;
        File::from_raw_fd(fd)
    };
    let fd = master.as_raw_fd();
    // SAFETY: both take a descriptor that is open, and the second a number; the results are checked.
    let slave = unsafe {
        Errno::result(libc::unlockpt(fd)).context("unlockpt")?;
        let slave = Errno::result(libc::ioctl(fd, libc::TIOCGPTPEER, flags));
        OwnedFd::from_raw_fd(slave.context("TIOCGPTPEER")?)
    };
    Ok((master, slave))
}
