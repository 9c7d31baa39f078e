//! Renderers: rows to text tables and to NDJSON.

pub mod ndjson;
pub mod sanitize;
pub mod table;
pub mod units;

use std::io::{self, IsTerminal as _, Write};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};

/// Tells people something, on stderr. A name in a message is no safer than one in
/// a table. When nobody listens there is nobody to complain to.
pub fn tell(message: &str) {
    let mut stderr = io::stderr().lock();
    for line in message.lines() {
        let _ = writeln!(stderr, "iotrace: {}", sanitize::text(line.as_bytes()));
    }
}

/// Where a command writes to. Collects what it prints and hands it over in one
/// write, so that neither a table nor a flood of records costs a call per line.
pub struct Output {
    buffer: Vec<u8>,
    sink: Sink,
}

enum Sink {
    Stdout,
    /// What tests look at.
    Memory(Vec<u8>),
}

/// Longer output is not held back until the batch ends.
const BATCH: usize = 256 * 1024;

impl Output {
    /// Writes to stdout.
    pub fn stdout() -> Self {
        Self {
            buffer: Vec::new(),
            sink: Sink::Stdout,
        }
    }

    /// Keeps everything.
    pub fn memory() -> Self {
        Self {
            buffer: Vec::new(),
            sink: Sink::Memory(Vec::new()),
        }
    }

    /// What was written to a memory output.
    pub fn into_bytes(mut self) -> Vec<u8> {
        match self.sink {
            Sink::Stdout => Vec::new(),
            Sink::Memory(mut bytes) => {
                bytes.append(&mut self.buffer);
                bytes
            }
        }
    }

    /// Where to print to. Hand over with [`Output::flush`].
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Hands over if much has been collected.
    pub fn spill(&mut self) -> io::Result<()> {
        if self.buffer.len() < BATCH {
            return Ok(());
        }
        self.flush()
    }

    /// Hands over what was collected.
    pub fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(&self.buffer)?;
                stdout.flush()?;
            }
            Sink::Memory(bytes) => bytes.extend_from_slice(&self.buffer),
        }
        self.buffer.clear();
        Ok(())
    }

    /// Fails with a broken pipe when nobody reads any more, also while there is
    /// nothing to print.
    pub fn check_reader(&self) -> io::Result<()> {
        if matches!(self.sink, Sink::Memory(_)) {
            return Ok(());
        }
        let stdout = io::stdout();
        let mut poll_fds = [PollFd::new(
            std::os::fd::AsFd::as_fd(&stdout),
            PollFlags::empty(),
        )];
        match poll(&mut poll_fds, PollTimeout::ZERO) {
            // A signal, which somebody else looks after; there is a next time.
            Err(Errno::EINTR) => return Ok(()),
            looked => looked?,
        };
        let gone = poll_fds[0].revents().unwrap_or(PollFlags::empty());
        if gone.contains(PollFlags::POLLERR) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(())
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
        let mut size = libc::winsize {
            ws_row: 0,
            ws_col: 0,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        // SAFETY: the kernel fills the struct.
        let result = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size) };
        if !self.terminal || result != 0 || size.ws_col == 0 || size.ws_row == 0 {
            return (None, usize::MAX);
        }
        (Some(size.ws_col.into()), size.ws_row.into())
    }
}
