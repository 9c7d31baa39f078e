//! Waiting for descriptors, always within a deadline that the caller may set.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Instant;

use anyhow::{Result, bail};
use nix::errno::Errno;

/// Waits until one of the descriptors can be read or has ended; returns which. Nothing when the
/// deadline has passed.
pub fn first_readable(fds: &[BorrowedFd<'_>], deadline: Option<Instant>) -> Result<Option<usize>> {
    loop {
        let mut polls: Vec<libc::pollfd> = fds
            .iter()
            .map(|fd| libc::pollfd {
                fd: fd.as_raw_fd(),
                events: libc::POLLIN,
                revents: 0,
            })
            .collect();
        let milliseconds = deadline.map_or(-1, |deadline| {
            // Rounded up: not to come back before the deadline again and again.
            let left = deadline.saturating_duration_since(Instant::now());
            i32::try_from(left.as_micros().div_ceil(1000)).unwrap_or(i32::MAX)
        });
        // SAFETY: a live, exclusive slice, and the count says how long it is.
        match unsafe {
            libc::poll(
                polls.as_mut_ptr(),
                polls.len() as libc::nfds_t,
                milliseconds,
            )
        } {
            0 => return Ok(None),
            -1 if Errno::last() == Errno::EINTR => {}
            -1 => bail!("poll: {}", Errno::last()),
            _ => return Ok(polls.iter().position(|poll| poll.revents != 0)),
        }
    }
}
