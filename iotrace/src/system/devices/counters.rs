//! Counters since a device came, and what they tell of an interval.

use crate::event::DeviceWork;

/// One counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counter {
    value: u64,
    /// What one of it is in the units of [`DeviceWork`].
    unit: u64,
    /// It has 32 bits, and starts again after them.
    narrow: bool,
}

impl Counter {
    /// A counter of 64 bits: it goes back only when the device is another one.
    pub fn wide(value: u64, unit: u64) -> Self {
        Self {
            value,
            unit,
            narrow: false,
        }
    }

    /// A counter of 32 bits.
    pub fn narrow(value: u64, unit: u64) -> Self {
        Self {
            value,
            unit,
            narrow: true,
        }
    }

    fn since(self, before: Self) -> u64 {
        const TOP: u64 = u32::MAX as u64;
        let passed = match self.value.checked_sub(before.value) {
            Some(passed) => passed,
            None if self.narrow && before.value <= TOP => {
                let passed = self.value + TOP + 1 - before.value;
                // Sums over CPUs that are read while they change may go back a little, which is
                // not to be taken for nearly 50 days.
                if passed > TOP / 2 { 0 } else { passed }
            }
            None => 0,
        };
        passed.saturating_mul(self.unit)
    }
}

/// All of [`DeviceWork`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counters {
    pub reads: Counter,
    pub writes: Counter,
    pub flushes: Counter,
    pub read_bytes: Counter,
    pub write_bytes: Counter,
    pub read_time: Counter,
    pub write_time: Counter,
    pub busy_time: Counter,
    pub queue_time: Counter,
}

impl Counters {
    /// What was done since an earlier look; all of it when there was none, or when it was a look
    /// at another device of that name, as counters that went back tell.
    pub fn since(&self, before: Option<&Self>) -> DeviceWork {
        let before = before.filter(|before| self.goes_on_from(before));
        let before = before.copied().unwrap_or_default();
        DeviceWork {
            reads: self.reads.since(before.reads),
            writes: self.writes.since(before.writes),
            flushes: self.flushes.since(before.flushes),
            read_bytes: self.read_bytes.since(before.read_bytes),
            write_bytes: self.write_bytes.since(before.write_bytes),
            read_ns: self.read_time.since(before.read_time),
            write_ns: self.write_time.since(before.write_time),
            busy_ns: self.busy_time.since(before.busy_time),
            queue_ns: self.queue_time.since(before.queue_time),
        }
    }

    fn goes_on_from(&self, before: &Self) -> bool {
        // Not the times: those of diskstats start again by themselves.
        [
            (self.reads, before.reads),
            (self.writes, before.writes),
            (self.flushes, before.flushes),
            (self.read_bytes, before.read_bytes),
            (self.write_bytes, before.write_bytes),
        ]
        .iter()
        .all(|(now, before)| now.narrow || now.value >= before.value)
    }
}
