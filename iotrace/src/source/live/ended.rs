//! An interval that has ended, and is told piece by piece.

use crate::{
    decode,
    event::{Counts, Event, Io, Tick},
    kernel::Interval,
};

/// Rows that are told at a time: all of them at once would take several times their memory, and
/// go through it several times, instead of staying in the cache of the CPU. Nor should any vector
/// of them be so large (64 KiB) that the C library tidies up its memory when it is freed.
const PART: usize = 256;

/// The interval, until all of it has been told.
pub struct Ended {
    interval: Interval,
    /// Rows that have been told.
    told: usize,
    /// What is in them, and in the overflow.
    seen: Counts,
    /// What is told after the rows.
    rest: Vec<Event>,
    tick: Tick,
}

impl Ended {
    /// Of which nothing has been told.
    pub fn new(interval: Interval, rest: Vec<Event>, tick: Tick) -> Self {
        Self {
            told: 0,
            seen: interval.overflow,
            interval,
            rest,
            tick,
        }
    }

    /// Tells the next rows.
    pub fn tell(&mut self, mut tell: impl FnMut(Io)) {
        let rows = self.interval.part(self.told, PART);
        self.told += rows.len();
        for io in decode::ios(rows) {
            self.seen += io.counts;
            // What is known to have been nothing is of a call that was not counted itself.
            if io.counts.is_any() {
                tell(io);
            }
        }
    }

    /// Whether all rows have been told.
    pub fn is_told(&self) -> bool {
        self.told >= self.interval.rows()
    }

    /// Tells what follows on the rows.
    pub fn end(mut self, events: &mut Vec<Event>) -> Interval {
        // The promise that is checked at every tick. It can not break but by a
        // bug; then it must show.
        let unbalanced = self.seen != self.interval.total;
        self.tick.lost.add("unbalanced", u64::from(unbalanced));
        events.append(&mut self.rest);
        events.push(Event::Tick(self.tick));
        self.interval
    }
}

#[cfg(test)]
mod tests {
    use iotrace_common::{OpTotal, Row, RowKey, RowKind};

    use super::*;

    #[test]
    fn what_is_known_to_have_been_nothing_is_not_told_and_balances() {
        // What a read that failed leaves, with `--cache`.
        let nothing = OpTotal { ops: 1, bytes: 0 };
        let row = Row {
            moved: [nothing, OpTotal::default()],
            key: RowKey::new(RowKind::Storage, Default::default(), 1, 1),
            ..Row::default()
        };
        let total = decode::counts(RowKind::Storage, row.moved);
        let interval = Interval::of([row], total);
        let mut ended = Ended::new(interval, Vec::new(), Tick::default());
        ended.tell(|io| panic!("{io:?}"));
        assert!(ended.is_told());
        let mut events = Vec::new();
        ended.end(&mut events);
        let [Event::Tick(tick)] = &events[..] else {
            panic!("{events:?}");
        };
        assert_eq!(tick.lost.total(), 0, "{}", tick.lost);
    }
}
