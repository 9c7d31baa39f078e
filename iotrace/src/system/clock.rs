//! From the kernel's clock to the calendar.

use nix::time::{ClockId, clock_gettime};

use crate::event::Time;

/// How far `CLOCK_REALTIME` is ahead of `CLOCK_BOOTTIME`. Made anew from time to
/// time, as the calendar is adjusted.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    offset_ns: i128,
}

impl Clock {
    /// Looks at both clocks.
    pub fn new() -> Self {
        Self {
            offset_ns: read(ClockId::CLOCK_REALTIME) - read(ClockId::CLOCK_BOOTTIME),
        }
    }

    /// Kernel time now: `CLOCK_BOOTTIME`.
    pub fn since_boot() -> Time {
        Time(read(ClockId::CLOCK_BOOTTIME) as u64)
    }

    /// Calendar time of a kernel time.
    pub fn real(&self, boot: Time) -> Time {
        Time((i128::from(boot.0) + self.offset_ns) as u64)
    }

    /// Calendar time now.
    pub fn now(&self) -> Time {
        Time(read(ClockId::CLOCK_REALTIME) as u64)
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

/// Nanoseconds. Neither clock can fail: both exist on every supported kernel.
fn read(clock: ClockId) -> i128 {
    clock_gettime(clock).map_or(0, |time| {
        i128::from(time.tv_sec()) * 1_000_000_000 + i128::from(time.tv_nsec())
    })
}
