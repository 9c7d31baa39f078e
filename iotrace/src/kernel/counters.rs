//! The counters, one interval at a time.
//!
//! There are two sets, and the programs write to one of them. At a tick they are
//! sent to the other; when none of them can still be writing to the first, it is
//! read and emptied. So an interval is exact: its rows, its totals and its
//! overflow describe the same operations, no row is deleted while it is counted
//! in, and the price of a tick is that of the rows that were touched in it.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
};

use aya::maps::{Array, MapData, MapError, PerCpuArray, PerCpuValues};
use iotrace_common::{Hook, Loss, Losses, OpTotal, Row, RowKind, Slot, Tick, Totals};

use super::{Attached, Backend, facts, rows::Rows, sys};
use crate::{
    decode,
    error::Failure,
    event::{Counts, Lost},
};

/// What was counted between two ticks.
#[derive(Debug, Default)]
pub struct Interval {
    /// Touched rows. Their memory is used again and again: that of 100,000 takes longer to get than
    /// to fill.
    rows: Vec<Row>,
    /// All operations.
    pub total: Counts,
    /// Those of them that found no free row.
    pub overflow: Counts,
}

impl Interval {
    /// How many rows were touched.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Some `count` rows from `at` on: a group stands in one part.
    pub fn part(&self, at: usize, count: usize) -> &[Row] {
        let rows = &self.rows;
        let mut end = rows.len().min(at + count);
        while end > at
            && end < rows.len()
            && decode::group(&rows[end - 1].key) == decode::group(&rows[end].key)
        {
            end += 1;
        }
        &rows[at..end]
    }

    /// One with these rows.
    #[cfg(test)]
    pub fn of(rows: impl IntoIterator<Item = Row>, total: Counts) -> Self {
        let mut interval = Self {
            rows: rows.into_iter().collect(),
            total,
            ..Self::default()
        };
        interval.gather();
        interval
    }

    /// Has groups stand side by side.
    fn gather(&mut self) {
        let is_own = |row: &Row| row.key.kind() == Some(RowKind::Own);
        // Most intervals have no others.
        if !self.rows.iter().all(is_own) {
            self.rows
                .sort_unstable_by_key(|row| decode::group(&row.key));
        }
    }
}

/// What each hook that counts counts, in the order of [`Hook`].
const COUNTING: [RowKind; Hook::COUNTING] = {
    let mut kinds = [RowKind::Own; Hook::COUNTING];
    kinds[Hook::Clone as usize] = RowKind::Cloned;
    kinds[Hook::Fault as usize] = RowKind::Mapped;
    kinds[Hook::MkWrite as usize] = RowKind::Mapped;
    kinds[Hook::LowerRead as usize] = RowKind::Lower;
    kinds[Hook::LowerWrite as usize] = RowKind::Lower;
    kinds
};

/// Reads the counters.
pub struct Counters {
    /// The variable `TICK` of the programs.
    variables: Array<MapData, Tick>,
    rows: Rows,
    totals: PerCpuArray<MapData, Totals>,
    losses: PerCpuArray<MapData, Losses>,
    barrier: sys::Barrier,
    programs: Vec<(String, OwnedFd)>,
    /// Of kprobes, which count what they miss.
    links: Vec<OwnedFd>,
    epoch: u32,
    /// A half that still has in it what came before the first interval.
    stale: Option<u32>,
    /// Memory for the rows of an interval.
    spare: Vec<Row>,
    /// Losses as they stood at the last look.
    seen: Lost,
}

impl Counters {
    /// Takes the counter maps of the running programs.
    pub fn new(attached: &mut Attached) -> Result<Self, Failure> {
        let rows = Rows::new(attached).map_err(|source| kernel("rows", source))?;
        let barrier = sys::Barrier::new(rows.map());
        Ok(Self {
            variables: Array::try_from(attached.take_map(".bss")).map_err(map_error)?,
            totals: PerCpuArray::try_from(attached.take_map("TOTALS")).map_err(map_error)?,
            losses: PerCpuArray::try_from(attached.take_map("LOSSES")).map_err(map_error)?,
            barrier: barrier.map_err(|source| kernel("counters", source))?,
            programs: attached
                .program_fds()
                .map_err(|source| kernel("programs", source))?,
            links: match attached.backend {
                Backend::Kprobe => facts::perf_links(),
                Backend::Fentry | Backend::Syscall => Vec::new(),
            },
            rows,
            epoch: 0,
            stale: None,
            spare: Vec::new(),
            seen: Lost::default(),
        })
    }

    /// Begins the first interval now: what was counted until then is dropped by
    /// [`Counters::settle`].
    pub fn begin(&mut self) -> Result<(), Failure> {
        self.stale = Some(self.switch()?);
        Ok(())
    }

    /// Drops what was counted before the first interval. Blocks as [`Counters::take`] does, once.
    pub fn settle(&mut self) -> Result<(), Failure> {
        match self.stale.take() {
            Some(half) => {
                let dropped = self.empty(half)?;
                self.reuse(dropped);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Ends an interval and returns what it counted. Blocks for the few
    /// milliseconds of an RCU grace period.
    pub fn take(&mut self) -> Result<Interval, Failure> {
        self.settle()?;
        let half = self.switch()?;
        self.empty(half)
    }

    /// Has the programs count in the other half, and returns the one that they leave.
    fn switch(&mut self) -> Result<u32, Failure> {
        let half = self.epoch & 1;
        self.epoch = self.epoch.wrapping_add(1);
        let tick = Tick::new(self.epoch);
        self.variables.set(0, tick, 0).map_err(map_error)?;
        Ok(half)
    }

    /// Takes all out of a half, when the programs have left it.
    fn empty(&mut self, half: u32) -> Result<Interval, Failure> {
        self.barrier
            .wait()
            .map_err(|source| kernel("end of an interval", source))?;

        let mut interval = Interval {
            rows: std::mem::take(&mut self.spare),
            ..Interval::default()
        };
        let mut slots = Vec::new();
        for (hook, kind) in (0..).zip(COUNTING) {
            let at = half * COUNTING.len() as u32 + hook;
            self.take_totals(at, kind, &mut interval, &mut slots)?;
            let storage = at + 2 * COUNTING.len() as u32;
            self.take_totals(storage, RowKind::Storage, &mut interval, &mut slots)?;
        }
        for (kind, slot) in slots {
            // SAFETY: the barrier.
            if !unsafe { self.rows.add(half, &slot) } {
                interval.overflow += decode::counts(kind, slot.moved);
            }
        }
        // SAFETY: the barrier.
        let taken = unsafe { self.rows.take(half, &mut interval.rows) };
        taken.map_err(|source| kernel("rows", source))?;
        interval.gather();
        Ok(interval)
    }

    /// Takes back the memory of an interval that has been looked at.
    pub fn reuse(&mut self, interval: Interval) {
        self.spare = interval.rows;
        self.spare.clear();
    }

    /// Adds the totals at an index, and clears them. What slots hold is in no row yet.
    fn take_totals(
        &mut self,
        at: u32,
        kind: RowKind,
        interval: &mut Interval,
        slots: &mut Vec<(RowKind, Slot)>,
    ) -> Result<(), Failure> {
        let per_cpu = self.totals.get(&at, 0).map_err(map_error)?;
        if per_cpu.iter().all(|totals| *totals == Totals::default()) {
            return Ok(());
        }
        for totals in per_cpu.iter() {
            interval.total += decode::counts(kind, totals.moved);
            interval.overflow += decode::counts(kind, totals.overflow);
            if totals.slot.moved != [OpTotal::default(); 2] {
                interval.total += decode::counts(kind, totals.slot.moved);
                slots.push((kind, totals.slot));
            }
        }
        let zero = PerCpuValues::try_from(vec![Totals::default(); per_cpu.len()]);
        let zero = zero.map_err(|source| kernel("totals", source))?;
        self.totals.set(at, zero, 0).map_err(map_error)
    }

    /// What was lost since the last call.
    pub fn lost(&mut self) -> Result<Lost, Failure> {
        let mut now = Lost::default();
        for hook in 0..Hook::COUNT as u32 {
            for losses in self.losses.get(&hook, 0).map_err(map_error)?.iter() {
                for (cause, count) in Loss::ALL.into_iter().zip(losses) {
                    now.add(cause.name(), *count);
                }
            }
        }
        // Absent where the kernel does not tell.
        let missed = |source| kernel("missed runs", source);
        for (_, program) in &self.programs {
            if let Some(misses) = sys::recursion_misses(program.as_fd()).map_err(missed)? {
                now.add("recursion", misses);
            }
        }
        for link in &self.links {
            if let Some(misses) = sys::probe_misses(link.as_fd()).map_err(missed)? {
                now.add("probe_missed", misses);
            }
        }
        let lost = now.since(&self.seen);
        self.seen = now;
        Ok(lost)
    }
}

fn map_error(error: MapError) -> Failure {
    kernel("counters", io::Error::other(error))
}

fn kernel(what: &'static str, source: io::Error) -> Failure {
    Failure::Kernel { what, source }
}

#[cfg(test)]
mod tests {
    use iotrace_common::{FileId, RowKey};

    use super::*;

    #[test]
    fn parts_have_whole_groups_and_each_row_once() {
        let key = |ino, kind| {
            let file = FileId {
                ino,
                ..FileId::default()
            };
            RowKey::new(kind, file, 1, 1)
        };
        // Kind by kind, so that no group stands together.
        let keys = RowKind::ALL
            .into_iter()
            .flat_map(|kind| (0..3).map(move |ino| key(ino, kind)));
        let rows = keys.map(|key| Row {
            key,
            ..Row::default()
        });
        let interval = Interval::of(rows, Counts::default());
        let mut told = 0;
        let mut parts = Vec::new();
        while told < interval.rows() {
            let rows = interval.part(told, 1);
            let group = decode::group(&rows[0].key);
            assert!(rows.iter().all(|row| decode::group(&row.key) == group));
            told += rows.len();
            parts.push(rows.len());
        }
        // What was done to a lower layer is a group of its own.
        assert_eq!(parts, [5, 1, 5, 1, 5, 1]);
    }
}
