//! The rows of the counters, and what says where they stand.
//!
//! The array of rows is mapped into this process: a tick reads those that were taken one behind the
//! other, and clears them. To look them up in a hash map would be two waits for memory each, and that
//! map grows by keys only: what it says of an earlier tick holds no more, but lies ready for the next.

use std::{
    io,
    ops::Range,
    os::fd::{AsFd as _, BorrowedFd},
};

use aya::maps::{Map, MapData, MapError, Queue};
use iotrace_common::{OpTotal, ROW_FREE, ROW_NEW, Row, RowKey, RowPlace, Run, Slot};

use super::{
    Attached,
    sys::{self, Mapped},
};

/// Most rows of a run. More would save next to nothing.
const LONGEST_RUN: u32 = 64;
/// Of a run that a hook has begun on a CPU, the rest is missing elsewhere. That shall be one row of so
/// many at the most, where as many hooks as these are busy on each CPU.
const SPARED: u32 = 8;
const BUSY_HOOKS: u32 = 4;

/// Rows of a run, where a tick has so many.
fn run_rows(rows: u32) -> u32 {
    let cpus = aya::util::nr_cpus().map_or(1, |cpus| cpus as u32);
    let share = rows / (SPARED * BUSY_HOOKS).saturating_mul(cpus);
    share.clamp(1, LONGEST_RUN)
}

/// How many runs there are then.
pub fn runs(rows: u32) -> u32 {
    rows.div_ceil(run_rows(rows))
}

/// Both halves of the rows.
pub struct Rows {
    mapped: Mapped<Row>,
    halves: [Half; 2],
}

/// What belongs to ticks with even epochs, or to the others.
struct Half {
    /// From [`RowKey`] to [`RowPlace`].
    places: MapData,
    /// How many keys it has at the most.
    keys: usize,
    /// Runs that the programs have not taken.
    free: Queue<MapData, Run>,
    runs: Runs,
}

/// All runs of a half, in the order in which the programs take them: that in which they were put into the
/// queue.
struct Runs {
    all: Vec<Run>,
    /// The one that the programs take next.
    next: usize,
}

impl Rows {
    /// Takes the maps of the running programs, and gives them all rows.
    pub fn new(attached: &mut Attached) -> io::Result<Self> {
        let rows = data(attached.take_map("ROWS"))?;
        let both = rows.info().map_err(io::Error::other)?.max_entries();
        // SAFETY: an array with so many elements of this type.
        let mapped = unsafe { Mapped::new(rows.fd().as_fd(), both as usize) }?;
        let each = both / 2;
        let mut half = |first, places, free| {
            let mut half = Half {
                places: data(attached.take_map(places))?,
                keys: 0,
                free: Queue::try_from(attached.take_map(free)).map_err(map_error)?,
                runs: Runs::of(first, each),
            };
            let mut runs = half.runs.all.iter();
            runs.try_for_each(|run| half.free.push(run, 0).map_err(map_error))?;
            Ok::<_, io::Error>(half)
        };
        Ok(Self {
            halves: [
                half(0, "PLACES_EVEN", "FREE_EVEN")?,
                half(each, "PLACES_ODD", "FREE_ODD")?,
            ],
            mapped,
        })
    }

    /// One of the maps.
    pub fn map(&self) -> BorrowedFd<'_> {
        self.halves[0].places.fd().as_fd()
    }

    /// Adds to a row of a half what a slot held of it. False if nobody has taken that row: never, since a
    /// slot is only taken for one that is.
    ///
    /// # Safety
    /// The programs have left this half.
    pub unsafe fn add(&mut self, half: u32, slot: &Slot) -> bool {
        let runs = &self.halves[half as usize].runs;
        // SAFETY: the caller vouches for it.
        let rows = unsafe { self.mapped.part(runs.range()) }.unwrap_or_default();
        let at = (slot.row as usize).wrapping_sub(runs.range().start);
        let Some(row) = rows.get_mut(at).filter(|row| row.state != ROW_FREE) else {
            return false;
        };
        for (to, OpTotal { ops, bytes }) in row.moved.iter_mut().zip(slot.moved) {
            to.ops += ops;
            to.bytes += bytes;
        }
        true
    }

    /// Takes all rows out of a half and appends them. An error is final.
    ///
    /// # Safety
    /// The programs have left this half.
    pub unsafe fn take(&mut self, half: u32, taken: &mut Vec<Row>) -> io::Result<()> {
        let Half {
            places,
            keys,
            free,
            runs,
        } = &mut self.halves[half as usize];
        // SAFETY: the caller vouches for it.
        let rows = unsafe { self.mapped.part(runs.range()) }.unwrap_or_default();
        *keys += runs.take(rows, taken, |run| free.push(run, 0).map_err(map_error))?;
        // The next tick may find as many new keys as there are rows.
        if *keys > rows.len() {
            sys::clear::<RowKey, RowPlace>(places.fd().as_fd())?;
            *keys = 0;
        }
        Ok(())
    }
}

impl Runs {
    /// Those of so many rows, from a first one on.
    fn of(first: u32, rows: u32) -> Self {
        let length = run_rows(rows);
        let all = (0..rows).step_by(length as usize).map(|at| Run {
            next: first + at,
            end: first + rows.min(at + length),
        });
        Self {
            all: all.collect(),
            next: 0,
        }
    }

    /// Their rows.
    fn range(&self) -> Range<usize> {
        let first = self.all.first().map_or(0, |run| run.next);
        let end = self.all.last().map_or(0, |run| run.end);
        first as usize..end as usize
    }

    /// Takes and clears what was used of them, and gives the used ones back; returns how many keys had no
    /// place before. `rows` are all of theirs.
    fn take(
        &mut self,
        rows: &mut [Row],
        taken: &mut Vec<Row>,
        mut give_back: impl FnMut(Run) -> io::Result<()>,
    ) -> io::Result<usize> {
        let first = self.range().start;
        let mut keys = 0;
        for _ in 0..self.all.len() {
            let run = self.all[self.next];
            let rows = &mut rows[run.next as usize - first..run.end as usize - first];
            let used = rows.iter().take_while(|row| row.state != ROW_FREE).count();
            if used == 0 {
                break;
            }
            let rows = &mut rows[..used];
            keys += rows.iter().filter(|row| row.state == ROW_NEW).count();
            taken.extend_from_slice(rows);
            rows.fill(Row::default());
            give_back(run)?;
            self.next = (self.next + 1) % self.all.len();
        }
        Ok(keys)
    }
}

fn data(map: Map) -> io::Result<MapData> {
    match map {
        Map::Array(map) | Map::HashMap(map) => Ok(map),
        other => Err(io::Error::other(format!(
            "a map of another type: {other:?}"
        ))),
    }
}

fn map_error(error: MapError) -> io::Error {
    io::Error::other(error)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use iotrace_common::ROW_KNOWN;

    use super::*;

    #[test]
    fn runs_are_all_rows_once() {
        for rows in [1, 2, 63, 64, 65, 1_000, 32_768, 110_000] {
            let split = Runs::of(rows, rows);
            assert_eq!(split.all.len(), runs(rows) as usize);
            let each = split.all.iter().flat_map(|run| run.next..run.end);
            assert!(each.eq(rows..2 * rows));
        }
    }

    #[test]
    fn where_there_are_few_rows_none_is_spared() {
        assert_eq!(run_rows(1), 1);
        assert_eq!(run_rows(32), 1);
        assert!(run_rows(u32::MAX) <= LONGEST_RUN);
    }

    /// A program with a run of its own.
    #[derive(Default)]
    struct Program(Run);

    impl Program {
        /// Takes a row for a thread, if there is one.
        fn touch(&mut self, free: &mut VecDeque<Run>, rows: &mut [Row], tid: u32) -> Option<()> {
            if self.0.next == self.0.end {
                self.0 = free.pop_front()?;
            }
            let row = &mut rows[self.0.next as usize - FIRST as usize];
            assert_eq!(row.state, ROW_FREE, "taken twice");
            row.key.thread = tid;
            row.state = if tid & 1 == 0 { ROW_NEW } else { ROW_KNOWN };
            self.0.next += 1;
            Some(())
        }
    }

    const FIRST: u32 = 4_000;

    #[test]
    fn every_tick_finds_what_was_taken_in_it() {
        const ROWS: u32 = 4_000;
        let mut runs = Runs::of(FIRST, ROWS);
        let mut rows = vec![Row::default(); ROWS as usize];
        let mut free: VecDeque<_> = runs.all.iter().copied().collect();
        // None, one, part of a run, several times round, more than there are.
        for touched in [0, 1, 3, 700, 3_000, 2_999, 1, ROWS + 500, 0, 900] {
            // Which hook on which CPU takes a row makes no difference.
            let mut programs = [const { Program(Run { next: 0, end: 0 }) }; 3];
            let mut without = 0;
            for tid in 0..touched {
                let program = &mut programs[tid as usize * 7 % 3];
                let found = program.touch(&mut free, &mut rows, tid);
                without += u32::from(found.is_none());
            }
            let mut taken = Vec::new();
            let give_back = |run| {
                free.push_back(run);
                Ok(())
            };
            let keys = runs
                .take(&mut rows, &mut taken, give_back)
                .expect("no kernel");
            assert_eq!(taken.len() as u32 + without, touched);
            let new = taken.iter().filter(|row| row.key.thread & 1 == 0).count();
            assert_eq!(keys, new);
            assert!(rows.iter().all(|row| row.state == ROW_FREE));
            assert_eq!(free.len(), runs.all.len());
        }
    }
}
