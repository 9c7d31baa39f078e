//! Operations and bytes: what a workload counts and what iotrace must report.

use std::collections::BTreeMap;
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

/// Successful operations and the bytes that they moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Calls that read and did not fail, those at the end of the file included.
    pub reads: u64,
    /// Calls that wrote and did not fail.
    pub writes: u64,
    /// Sum of what the reads returned.
    pub read_bytes: u64,
    /// Sum of what the writes returned.
    pub write_bytes: u64,
}

impl Counts {
    /// Nothing happened.
    pub const ZERO: Self = Self {
        reads: 0,
        writes: 0,
        read_bytes: 0,
        write_bytes: 0,
    };

    /// Whether no figure is above that of `most`.
    pub fn is_within(self, most: Self) -> bool {
        self.reads <= most.reads
            && self.writes <= most.writes
            && self.read_bytes <= most.read_bytes
            && self.write_bytes <= most.write_bytes
    }

    /// Operations in both directions.
    pub fn operations(self) -> u64 {
        self.reads + self.writes
    }

    /// Only the reading half.
    pub fn only_reads(self) -> Self {
        Self {
            writes: 0,
            write_bytes: 0,
            ..self
        }
    }

    /// Only the writing half.
    pub fn only_writes(self) -> Self {
        Self {
            reads: 0,
            read_bytes: 0,
            ..self
        }
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            reads: self.reads + other.reads,
            writes: self.writes + other.writes,
            read_bytes: self.read_bytes + other.read_bytes,
            write_bytes: self.write_bytes + other.write_bytes,
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} reads of {} bytes, {} writes of {} bytes",
            self.reads, self.read_bytes, self.writes, self.write_bytes
        )
    }
}

/// What happened to a file otherwise than by operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Extra {
    /// Bytes that came into the file by sharing another file's blocks.
    pub cloned_bytes: u64,
    /// Page faults that read the file through a mapping.
    pub map_reads: u64,
    /// First writes to pages of a shared mapping.
    pub map_writes: u64,
    /// Bytes that came from storage for it, where that is asked for and known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetched_bytes: Option<u64>,
    /// Bytes of pages that became dirty by it, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dirtied_bytes: Option<u64>,
}

impl Extra {
    /// Not known is nothing: how much it is, whoever knows it.
    pub fn amounts(self) -> Self {
        Self {
            fetched_bytes: Some(self.fetched_bytes.unwrap_or(0)),
            dirtied_bytes: Some(self.dirtied_bytes.unwrap_or(0)),
            ..self
        }
    }
}

/// All that happened to a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Operations.
    #[serde(flatten)]
    pub counts: Counts,
    /// And the rest.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Moved {
    /// Whether nothing at all happened.
    pub fn is_nothing(self) -> bool {
        self.counts == Counts::ZERO && self.extra.amounts() == Extra::default().amounts()
    }

    /// One figure for a table: bytes, or the pages of mappings.
    pub fn figure(self) -> u64 {
        let Extra {
            cloned_bytes,
            map_reads,
            map_writes,
            // Not of their own: what was read and written moved them.
            fetched_bytes: _,
            dirtied_bytes: _,
        } = self.extra;
        self.counts.read_bytes + self.counts.write_bytes + cloned_bytes + map_reads + map_writes
    }
}

impl AddAssign for Extra {
    fn add_assign(&mut self, other: Self) {
        self.cloned_bytes += other.cloned_bytes;
        self.map_reads += other.map_reads;
        self.map_writes += other.map_writes;
        // Known is what one of both knows.
        let sum = |one: Option<u64>, other: Option<u64>| match (one, other) {
            (None, None) => None,
            (one, other) => Some(one.unwrap_or(0) + other.unwrap_or(0)),
        };
        self.fetched_bytes = sum(self.fetched_bytes, other.fetched_bytes);
        self.dirtied_bytes = sum(self.dirtied_bytes, other.dirtied_bytes);
    }
}

impl AddAssign for Moved {
    fn add_assign(&mut self, other: Self) {
        self.counts += other.counts;
        self.extra += other.extra;
    }
}

impl Sum for Moved {
    fn sum<I: Iterator<Item = Self>>(moved: I) -> Self {
        let mut sum = Self::default();
        moved.for_each(|moved| sum += moved);
        sum
    }
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.counts)?;
        if self.extra != Extra::default() {
            write!(f, ", {:?}", self.extra)?;
        }
        Ok(())
    }
}

/// Compares what was reported with what was done, and tells every difference
/// up to a number that a person reads.
pub fn compare<K: Ord + fmt::Debug, V: PartialEq + fmt::Display>(
    done: &BTreeMap<K, V>,
    reported: &BTreeMap<K, V>,
) -> Result<()> {
    const TOLD: usize = 20;
    let mut wrong = Vec::new();
    for (key, expected) in done {
        match reported.get(key) {
            None => wrong.push(format!("{key:?}: not reported, but did {expected}")),
            Some(seen) if seen != expected => {
                wrong.push(format!("{key:?}: reported {seen}, but did {expected}"));
            }
            Some(_) => {}
        }
    }
    for (key, seen) in reported {
        if !done.contains_key(key) {
            wrong.push(format!("{key:?}: reported {seen}, but it must not appear"));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let count = wrong.len();
    wrong.truncate(TOLD);
    bail!(
        "{count} of {} differ:\n  {}",
        done.len(),
        wrong.join("\n  ")
    );
}

/// The same where up to `left_out` operations were not seen: nobody is told more than was done.
/// Without any, all must be equal.
pub fn compare_but<K: Ord + fmt::Debug>(
    done: &BTreeMap<K, Counts>,
    reported: &BTreeMap<K, Counts>,
    left_out: u64,
) -> Result<()> {
    if left_out == 0 {
        return compare(done, reported);
    }
    for (key, seen) in reported {
        let most = done.get(key).copied().unwrap_or(Counts::ZERO);
        if !seen.is_within(most) {
            bail!("{key:?}: reported {seen}, but did {most} (at most {left_out} were left out)");
        }
    }
    let operations = |sums: &BTreeMap<K, Counts>| {
        let sums = sums.values().copied();
        sums.sum::<Counts>().operations()
    };
    let missing = operations(done).saturating_sub(operations(reported));
    if missing > left_out {
        bail!("{missing} operations are missing, {left_out} were left out");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Counts, compare, compare_but};

    #[test]
    fn every_difference_is_an_error() {
        let one = Counts {
            reads: 1,
            ..Counts::ZERO
        };
        let map = |entries: &[(u8, Counts)]| entries.iter().copied().collect::<BTreeMap<_, _>>();
        let done = map(&[(1, one), (2, one + one)]);
        assert!(compare(&done, &done).is_ok());
        for wrong in [
            map(&[(1, one)]),
            map(&[(1, one), (2, one)]),
            map(&[(1, one), (2, one + one), (3, one)]),
        ] {
            assert!(compare(&done, &wrong).is_err());
        }
    }

    #[test]
    fn what_was_left_out_may_be_missing_and_nothing_be_too_much() {
        let counts = |reads| Counts {
            reads,
            read_bytes: reads,
            ..Counts::ZERO
        };
        let done = BTreeMap::from([("a", counts(5)), ("b", counts(1))]);
        let most = BTreeMap::from([("a", counts(4))]);
        assert!(compare_but(&done, &done, 0).is_ok());
        assert!(compare_but(&done, &most, 0).is_err());
        assert!(compare_but(&done, &most, 1).is_err());
        assert!(compare_but(&done, &most, 2).is_ok());
        let too_much = BTreeMap::from([("a", counts(6))]);
        assert!(compare_but(&done, &too_much, 2).is_err());
        let unknown = BTreeMap::from([("c", counts(1))]);
        assert!(compare_but(&done, &unknown, 2).is_err());
    }
}
