//! Renderers: rows to text tables and to NDJSON.

mod cell;
pub mod ndjson;
mod recording;
pub mod sanitize;
pub mod table;
pub mod units;

use std::{
    ffi::OsStr,
    io::{self, IsTerminal as _, Stdout, Write as _},
    os::fd::{AsFd as _, BorrowedFd},
    path::Path,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use tokio::io::{Interest, unix::AsyncFd};

use recording::Recording;

/// Tells people something, on stderr. When nobody listens there is nobody to
/// complain to.
pub fn tell(message: &str) {
    let _ = io::stderr().lock().write_all(told(message).as_bytes());
}

/// Shows how far something is, in the last line of a terminal; nothing clears it.
pub fn progress(message: &str) {
    let mut stderr = io::stderr().lock();
    let _ = write!(stderr, "\r\x1b[K{message}").and_then(|()| stderr.flush());
}

/// The lines of a message as [`tell`] prints them. A name in a message is no safer
/// than one in a table.
pub fn told(message: &str) -> String {
    message
        .lines()
        .map(|line| format!("iotrace: {}\n", sanitize::text(line.as_bytes())))
        .collect()
}

/// The user's own words in a message, in which they must not begin a line of their own.
pub fn one_line(words: impl AsRef<OsStr>) -> String {
    let words = words.as_ref().to_string_lossy();
    words.replace(['\n', '\r'], "\u{240a}")
}

/// Where a command writes to. Collects what it prints, so that neither a table
/// nor a flood of records costs a call per line.
pub struct Output {
    buffer: Vec<u8>,
    /// How much of the buffer has been written.
    written: usize,
    sink: Sink,
}

enum Sink {
    /// A file, which is always ready.
    File(Stdout),
    /// A pipe, socket or terminal, whose reader may not be.
    Stream(AsyncFd<Stdout>),
    /// A recording.
    Recording(Recording),
    /// What tests look at.
    Memory,
}

/// What a pipe or terminal takes without blocking once it is ready (`PIPE_BUF`).
const CHUNK: usize = 4096;

impl Output {
    /// Writes to stdout. Belongs into a runtime.
    pub fn stdout() -> Self {
        // SAFETY: the standard library keeps descriptor 1 open for the whole
        // life of the process, and nothing here closes it.
        let stream = unsafe { AsyncFd::register_with_interest(io::stdout(), Interest::WRITABLE) };
        Self {
            buffer: Vec::new(),
            written: 0,
            // Files can not be waited for, and need not be.
            sink: stream.map_or_else(|_| Sink::File(io::stdout()), Sink::Stream),
        }
    }

    /// Writes to a file, compressed if its name ends in `.zst`.
    pub fn recording(path: &Path) -> io::Result<Self> {
        Ok(Self {
            buffer: Vec::new(),
            written: 0,
            sink: Sink::Recording(Recording::create(path)?),
        })
    }

    /// Ends what has been handed over.
    pub fn finish(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Recording(recording) => recording.finish(),
            Sink::File(_) | Sink::Stream(_) | Sink::Memory => Ok(()),
        }
    }

    /// Keeps what it can of a recording after a failure.
    pub fn salvage(&mut self) {
        if let Sink::Recording(recording) = &mut self.sink {
            let written = recording.write(&self.buffer[self.written..]);
            // There is a failure to tell already.
            let _ = written.and_then(|()| recording.finish());
        }
    }

    /// Keeps everything.
    pub fn memory() -> Self {
        Self {
            buffer: Vec::new(),
            written: 0,
            sink: Sink::Memory,
        }
    }

    /// What was written to a memory output.
    pub fn into_bytes(self) -> Vec<u8> {
        self.buffer
    }

    /// Where to print to. Hand over with [`Output::flush`].
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Hands over what was collected, and waits for a slow reader. Dropping the
    /// future loses nothing: the next call goes on.
    pub async fn flush(&mut self) -> io::Result<()> {
        while self.flush_some().await? {}
        Ok(())
    }

    /// Hands over a part of what was collected. Returns whether there is more.
    pub async fn flush_some(&mut self) -> io::Result<bool> {
        let rest = &self.buffer[self.written..];
        if rest.is_empty() {
            return Ok(false);
        }
        match &mut self.sink {
            Sink::Memory => return Ok(false),
            Sink::Recording(recording) => {
                recording.write(rest)?;
                self.written = self.buffer.len();
            }
            Sink::File(stdout) => self.written += write(stdout.as_fd(), rest)?,
            Sink::Stream(stream) => loop {
                let mut ready = stream.writable().await?;
                if poll_stdout(PollFlags::POLLOUT)?.is_empty() {
                    ready.clear_ready();
                    continue;
                }
                let chunk = &rest[..rest.len().min(CHUNK)];
                self.written += write(stream.get_ref().as_fd(), chunk)?;
                break;
            },
        }
        let more = self.written < self.buffer.len();
        if !more {
            self.buffer.clear();
            self.written = 0;
        }
        Ok(more)
    }

    /// Fails with a broken pipe when nobody reads any more, also while there is
    /// nothing to print.
    pub fn check_reader(&self) -> io::Result<()> {
        let watched = matches!(self.sink, Sink::Stream(_));
        if watched && poll_stdout(PollFlags::empty())?.contains(PollFlags::POLLERR) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(())
    }
}

/// Which of `events`, or what trouble, there is on stdout now.
fn poll_stdout(events: PollFlags) -> io::Result<PollFlags> {
    let stdout = io::stdout();
    let mut polled = [PollFd::new(stdout.as_fd(), events)];
    match poll(&mut polled, PollTimeout::ZERO) {
        // A signal, which somebody else looks after; there is a next time.
        Err(Errno::EINTR) => Ok(PollFlags::empty()),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(polled[0].revents().unwrap_or(PollFlags::empty())),
    }
}

fn write(to: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    match nix::unistd::write(to, bytes) {
        Err(Errno::EINTR | Errno::EAGAIN) => Ok(0),
        written => Ok(written?),
    }
}

/// What is known of the screen behind stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Screen {
    /// Stdout is a terminal.
    pub terminal: bool,
}

impl Screen {
    /// Looks at stdout.
    pub fn of_stdout() -> Self {
        Self {
            terminal: io::stdout().is_terminal(),
        }
    }

    /// Columns and lines of the terminal now: no width when lines may be of any
    /// length, as in a pipe.
    pub fn size(self) -> (Option<usize>, usize) {
        const ANY: (Option<usize>, usize) = (None, usize::MAX);
        if !self.terminal {
            return ANY;
        }
        let mut size = libc::winsize {
            ws_row: 0,
            ws_col: 0,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        // SAFETY: the kernel fills the struct.
        let result = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size) };
        if result != 0 || size.ws_col == 0 || size.ws_row == 0 {
            return ANY;
        }
        (Some(size.ws_col.into()), size.ws_row.into())
    }
}
