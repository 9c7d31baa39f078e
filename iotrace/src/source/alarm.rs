//! A timer of the kernel's own.

use std::{
    io,
    os::fd::{AsFd as _, AsRawFd, RawFd},
};

use nix::sys::{
    time::TimeSpec,
    timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    task::yield_now,
    time::Instant,
};

/// Wakes once for each time that it is set for. Timers of tokio wake up to three times for one of
/// some hundred milliseconds, to carry it from one of their wheels to the next, and who watches
/// something that is idle pays for little else.
pub struct Alarm {
    timer: AsyncFd<Timer>,
    /// When it will wake, or did.
    set: Option<Instant>,
}

/// What can be waited for.
struct Timer(TimerFd);

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Alarm {
    /// Not set. Belongs into a runtime.
    pub fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        // SAFETY: the timer owns its descriptor and keeps it open until it is dropped, and with it
        // the registration.
        let timer = unsafe { AsyncFd::register_with_interest(Timer(timer), Interest::READABLE) };
        Ok(Self {
            timer: timer.map_err(io::Error::from)?,
            set: None,
        })
    }

    /// Waits until `time`. Dropping the future loses nothing.
    pub async fn wait_until(&mut self, time: Instant) -> io::Result<()> {
        let left = time.saturating_duration_since(Instant::now());
        if left.is_zero() {
            // Who is never out of work must let others see what has happened too.
            yield_now().await;
            return Ok(());
        }
        if self.set != Some(time) {
            let expiration = Expiration::OneShot(TimeSpec::from_duration(left));
            let Timer(timer) = self.timer.get_ref();
            timer.set(expiration, TimerSetTimeFlags::empty())?;
            self.set = Some(time);
        }
        loop {
            self.timer.readable().await?.clear_ready();
            // It may be what was left of an earlier one.
            if Instant::now() >= time {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn it_wakes_when_it_is_time_and_can_be_set_anew() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let mut alarm = Alarm::new().expect("a timer");
            let begin = Instant::now();
            let soon = begin + Duration::from_millis(5);
            // Given up: the next one is another.
            tokio::select! {
                biased;
                woken = alarm.wait_until(begin + Duration::from_millis(1)) => woken.expect("a timer"),
                () = std::future::ready(()) => {}
            }
            alarm.wait_until(soon).await.expect("a timer");
            assert!(Instant::now() >= soon);
            alarm.wait_until(begin).await.expect("a timer");
            let late = Instant::now() + Duration::from_millis(3);
            alarm.wait_until(late).await.expect("a timer");
            assert!(Instant::now() >= late);
        });
    }
}
