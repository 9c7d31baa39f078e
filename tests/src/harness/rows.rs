//! What `top --json` said: its rows, its ticks, and that they agree.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, anyhow, bail, ensure};

use super::losses::{Losses, ROWS_FULL};
use super::record::{End, Io, Tick, parse};
use super::tracer::Sink;
use crate::counts::{Counts, Extra, Moved};

/// Losses that any process on the machine may cause while everybody is traced.
pub const OF_OTHERS: &[&str] = &["fd_gone", "name_unreadable", "path_cut"];

/// The rows of a run. Conservation is checked at every tick, not at the end,
/// so that two errors can not cancel each other.
#[derive(Default)]
pub struct Rows {
    /// All rows, in order.
    pub rows: Vec<Io>,
    /// All ticks, in order.
    pub ticks: Vec<Tick>,
    losses: Losses,
    /// Two threads may have had the same id within a tick.
    ids_are_reused: bool,
    interval: Interval,
}

/// The rows since the last tick.
#[derive(Default)]
struct Interval {
    count: u64,
    keys: BTreeSet<String>,
    sum: Moved,
}

impl Rows {
    /// For a scenario that provokes losses of these causes, and of no other.
    pub fn allowing(causes: &'static [&'static str]) -> Self {
        Self {
            losses: Losses::allowing(causes),
            ..Self::default()
        }
    }

    /// The same, where the kernel may leave out runs of programs too.
    pub fn or_left_out(self) -> Self {
        Self {
            losses: self.losses.or_left_out(),
            ..self
        }
    }

    /// How many operations the kernel may have left out, at the most.
    pub fn left_out(&self) -> u64 {
        self.losses.left_out()
    }

    /// For a scenario in which a thread gets the id of another that ended in the same tick:
    /// iotrace keeps them apart, but a row does not tell which of both it is of.
    pub fn of_reused_ids() -> Self {
        Self {
            ids_are_reused: true,
            ..Self::default()
        }
    }

    /// Sums the rows over all ticks.
    pub fn sums<K: Ord>(&self, key: impl Fn(&Io) -> K) -> BTreeMap<K, Counts> {
        let mut sums = BTreeMap::new();
        for row in &self.rows {
            *sums.entry(key(row)).or_insert(Counts::ZERO) += row.counts;
        }
        sums
    }

    /// Everything that the ticks counted.
    pub fn total(&self) -> Counts {
        self.ticks.iter().filter_map(|tick| tick.total).sum()
    }

    /// Everything that has no row.
    pub fn overflow(&self) -> Counts {
        let overflow = self.ticks.iter().filter_map(|tick| tick.overflow);
        overflow.map(|moved| moved.counts).sum()
    }

    fn row(&mut self, row: Io) -> Result<()> {
        ensure!(
            !row.moved().is_nothing(),
            "a row in which nothing happened: {row:?}"
        );
        let key = format!(
            "pid {:?}, tid {:?}, dev {:?}, ino {:?}, gen {:?}, layer {:?}, path {:?}",
            row.pid,
            row.tid,
            row.dev,
            row.ino,
            row.generation,
            row.layer,
            row.path()
        );
        self.interval.sum += row.moved();
        self.interval.count += 1;
        if !self.interval.keys.insert(key) && !self.ids_are_reused {
            bail!("two rows for one thread and file in one tick: {row:?}");
        }
        self.rows.push(row);
        Ok(())
    }

    fn tick(&mut self, tick: Tick) -> Result<()> {
        let rows = std::mem::take(&mut self.interval);
        let total = tick.total.ok_or_else(|| anyhow!("a tick without totals"))?;
        let overflow = tick
            .overflow
            .ok_or_else(|| anyhow!("a tick without overflow"))?;
        let told = Moved {
            counts: total,
            extra: tick.extra.amounts(),
        };
        let mut there = rows.sum;
        there += overflow;
        there.extra = there.extra.amounts();
        ensure!(
            told == there,
            "not conserved: the tick says {told}; its {} rows {}; overflow {overflow}",
            rows.count,
            rows.sum
        );
        // What is not shown, because it was nothing, may be known all the same.
        let forgets = |row: Option<u64>, tick: Option<u64>| row.is_some() && tick.is_none();
        let Extra {
            fetched_bytes,
            dirtied_bytes,
            ..
        } = rows.sum.extra;
        ensure!(
            !forgets(fetched_bytes, tick.extra.fetched_bytes)
                && !forgets(dirtied_bytes, tick.extra.dirtied_bytes),
            "the tick says {:?}; its rows {:?}",
            tick.extra,
            rows.sum.extra
        );
        ensure!(
            tick.rows == Some(rows.count),
            "the tick says {:?} rows, but has {}",
            tick.rows,
            rows.count
        );
        ensure!(
            tick.interval_ns.is_some_and(|length| length > 0),
            "an interval of no length: {tick:?}"
        );
        let without_row = tick.lost.get(ROWS_FULL).copied();
        ensure!(
            without_row == Some(overflow.counts.operations()),
            "lost says {without_row:?} without a row, overflow {overflow}"
        );
        self.losses.tick(&tick.lost)?;
        self.ticks.push(tick);
        Ok(())
    }
}

impl Sink for Rows {
    fn record(&mut self, kind: &str, line: &str) -> Result<()> {
        match kind {
            "io" => self.row(Io::parse(line)?),
            "tick" => self
                .tick(parse(line)?)
                .with_context(|| format!("tick {}", self.ticks.len() + 1)),
            _ => bail!("`top` must not print a record {kind:?}: {line}"),
        }
    }

    fn end(&mut self, end: &End) -> Result<()> {
        ensure!(
            self.interval.keys.is_empty(),
            "rows that no tick follows: {:?}",
            self.interval.keys
        );
        self.losses.end(&end.lost)
    }
}

#[cfg(test)]
mod tests {
    use super::{Rows, Sink};

    const ROW: &str = r#"{"type":"io","ts":"x","pid":1,"tid":1,"reads":2,"writes":0,"read_bytes":7,"write_bytes":0}"#;

    fn tick(rows: u64, reads: u64, overflow: u64, lost: u64) -> String {
        format!(
            r#"{{"type":"tick","interval_ns":5,"rows":{rows},"reads":{reads},"writes":0,"read_bytes":7,"write_bytes":0,
            "overflow":{{"reads":{overflow},"writes":0,"read_bytes":0,"write_bytes":0}},"lost":{{"ring_full":{lost},"rows_full":{overflow}}}}}"#
        )
    }

    fn run(rows: usize, tick: &str) -> anyhow::Result<()> {
        run_into(Rows::default(), rows, tick)
    }

    fn run_into(mut sink: Rows, rows: usize, tick: &str) -> anyhow::Result<()> {
        for _ in 0..rows {
            sink.record("io", ROW)?;
        }
        sink.record("tick", tick)
    }

    #[test]
    fn a_tick_is_its_rows_and_overflow_or_an_error() -> anyhow::Result<()> {
        run(1, &tick(1, 2, 0, 0))?;
        run(1, &tick(1, 5, 3, 0))?;
        assert!(run(1, &tick(1, 3, 0, 0)).is_err());
        assert!(run(1, &tick(1, 2, 1, 0)).is_err());
        assert!(run(1, &tick(2, 2, 0, 0)).is_err());
        assert!(run(1, &tick(1, 2, 0, 1)).is_err());
        assert!(run(2, &tick(2, 4, 0, 0)).is_err());
        assert!(run(0, &tick(0, 2, 0, 0)).is_err());
        Ok(())
    }

    #[test]
    fn the_rare_sums_are_conserved_too_with_an_overflow() -> anyhow::Result<()> {
        let row = ROW.replace(
            '}',
            r#","map_reads":4,"fetched_bytes":0,"dirtied_bytes":9}"#,
        );
        let tick = |sums: &str, overflow: &str| {
            let tick = tick(1, 3, 1, 0);
            let tick = tick.replace(
                r#""overflow":{"#,
                &format!(r#"{sums},"overflow":{{{overflow}"#),
            );
            let mut sink = Rows::default();
            sink.record("io", &row)?;
            sink.record("tick", &tick)
        };
        let sums = r#""map_reads":5,"fetched_bytes":2,"dirtied_bytes":9"#;
        tick(sums, r#""map_reads":1,"fetched_bytes":2,"#)?;
        assert!(tick(sums, r#""map_reads":1,"fetched_bytes":1,"#).is_err());
        assert!(tick(sums, r#""fetched_bytes":2,"#).is_err());
        Ok(())
    }

    #[test]
    fn what_rows_know_the_tick_knows() -> anyhow::Result<()> {
        let row = ROW.replace('}', r#","fetched_bytes":0,"dirtied_bytes":0}"#);
        let known = r#""fetched_bytes":0,"dirtied_bytes":0,"overflow""#;
        let known = tick(1, 2, 0, 0).replace(r#""overflow""#, known);
        let both = |row: &str, tick: &str| {
            let mut sink = Rows::default();
            sink.record("io", row)?;
            sink.record("tick", tick)
        };
        both(&row, &known)?;
        assert!(both(&row, &tick(1, 2, 0, 0)).is_err());
        Ok(())
    }

    #[test]
    fn two_rows_of_one_key_need_ids_that_are_reused() -> anyhow::Result<()> {
        let two = tick(2, 4, 0, 0).replace("\"read_bytes\":7", "\"read_bytes\":14");
        run_into(Rows::of_reused_ids(), 2, &two)?;
        assert!(run_into(Rows::default(), 2, &two).is_err());
        let three = two.replace("\"rows\":2", "\"rows\":3");
        assert!(run_into(Rows::of_reused_ids(), 2, &three).is_err());
        Ok(())
    }
}
