//! The command that iotrace starts: it runs until its scenario, a signal or its scenario's end
//! ends it, and can count how often it is interrupted.

use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use serde_json::json;

use super::protocol::this_tid;
use crate::poll::first_readable;

/// How long after an interrupt another one that belongs to it can come.
const TOGETHER: Duration = Duration::from_millis(300);

/// The exit code is this and the number of interrupts.
pub const INTERRUPTED: u8 = 40;

/// Options of the guest.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The socket of its scenario.
    #[arg(long)]
    to: PathBuf,
    /// The exit code when it is told to end.
    #[arg(long, default_value_t = 0)]
    exit_code: u8,
    /// End by SIGINT only a moment after the first; the exit code then tells how many there were.
    #[arg(long)]
    count_interrupts: bool,
}

/// Waits for its end; the value is the exit code.
pub fn run(options: &Options) -> Result<u8> {
    let interrupts = EventFd::from_flags(EfdFlags::EFD_CLOEXEC)?;
    if options.count_interrupts {
        count_in(&interrupts)?;
    }
    let socket = UnixStream::connect(&options.to)
        .with_context(|| format!("no scenario at {}", options.to.display()))?;
    let ready = json!({ "pid": std::process::id(), "tid": this_tid() });
    (&socket).write_all(format!("{ready}\n").as_bytes())?;

    if first_readable(&[socket.as_fd(), interrupts.as_fd()], None)? == Some(0) {
        let heard = BufReader::new(&socket).read_line(&mut String::new())?;
        ensure!(heard > 0, "the scenario has ended");
        return Ok(options.exit_code);
    }
    let mut count = interrupts.read()?;
    let deadline = Instant::now() + TOGETHER;
    while first_readable(&[interrupts.as_fd()], Some(deadline))?.is_some() {
        count += interrupts.read()?;
    }
    Ok(INTERRUPTED.saturating_add(u8::try_from(count)?))
}

/// Where the handler counts.
static COUNTER: AtomicI32 = AtomicI32::new(-1);

/// Counts interrupts from now on, instead of being ended by them.
fn count_in(interrupts: &EventFd) -> Result<()> {
    COUNTER.store(interrupts.as_fd().as_raw_fd(), Ordering::Relaxed);
    let action = SigAction::new(
        SigHandler::Handler(interrupted),
        SaFlags::SA_RESTART,
        SigSet::empty(),
    );
    // SAFETY: the handler only does what a handler may.
    unsafe { sigaction(Signal::SIGINT, &action) }?;
    Ok(())
}

extern "C" fn interrupted(_: libc::c_int) {
    let one = 1_u64.to_ne_bytes();
    // SAFETY: write(2) is async-signal-safe and reads 8 live bytes. The counter is far from full,
    // so it does not fail, and errno stays as it was.
    unsafe {
        libc::write(
            COUNTER.load(Ordering::Relaxed),
            one.as_ptr().cast(),
            one.len(),
        )
    };
}
