//! Distributions of durations, in bounded memory.

use std::collections::BTreeMap;

/// Each power of two is divided into `1 << PRECISION` buckets: the middle of a
/// bucket is then at most one part in 64 (1.6 %) from any value in it.
const PRECISION: u32 = 5;

/// A distribution of durations in nanoseconds: counts in buckets that grow with
/// the values, so that at most 1920 hold every `u64`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    buckets: BTreeMap<u16, u64>,
    count: u64,
    max: u64,
}

impl Spread {
    /// Adds one duration.
    pub fn add(&mut self, value: u64) {
        *self.buckets.entry(bucket(value)).or_default() += 1;
        self.count += 1;
        self.max = self.max.max(value);
    }

    /// Adds all that another one holds, as if each had been added here.
    pub fn merge(&mut self, other: &Spread) {
        for (&bucket, count) in &other.buckets {
            *self.buckets.entry(bucket).or_default() += count;
        }
        self.count += other.count;
        self.max = self.max.max(other.max);
    }

    /// Gives the smallest duration that at least this part (0 to 1) of all do
    /// not exceed, to 1.6 %, or nothing if there are none. It never exceeds the
    /// maximum and is exact below 64 ns and at the maximum.
    pub fn quantile(&self, part: f64) -> Option<u64> {
        let rank = ((part * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        let reached = self.buckets.iter().find(|(_, count)| {
            seen += **count;
            seen >= rank
        });
        match reached {
            Some((&bucket, _)) if rank < self.count => Some(middle(bucket).min(self.max)),
            _ => self.max(),
        }
    }

    /// Gives the longest duration, exactly.
    pub fn max(&self) -> Option<u64> {
        (self.count > 0).then_some(self.max)
    }

    /// Gives how many durations were added.
    pub fn count(&self) -> u64 {
        self.count
    }
}

/// Numbers the buckets without gaps: the leading bits of a value, and how many
/// bits follow them. Values with no more bits than that have their own.
fn bucket(value: u64) -> u16 {
    let shift = (value | (1 << PRECISION)).ilog2() - PRECISION;
    ((u64::from(shift) << PRECISION) + (value >> shift)) as u16
}

fn middle(bucket: u16) -> u64 {
    let shift = (bucket >> PRECISION).saturating_sub(1);
    let leading = u64::from(bucket - (shift << PRECISION));
    (leading << shift) + ((1 << shift) >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(values: impl IntoIterator<Item = u64>) -> Spread {
        let mut spread = Spread::default();
        values.into_iter().for_each(|value| spread.add(value));
        spread
    }

    /// Powers of two with their neighbours, and something in between.
    fn extremes() -> Vec<u64> {
        let powers = (0..64).flat_map(|bit| {
            let power = 1u64 << bit;
            [
                power - 1,
                power,
                power + 1,
                power + power / 3,
                power + (power - 1) / 32,
            ]
        });
        powers.chain([u64::MAX - 1, u64::MAX]).collect()
    }

    #[test]
    fn nothing_has_no_quantile() {
        assert_eq!(Spread::default().quantile(0.5), None);
        assert_eq!(Spread::default().max(), None);
    }

    #[test]
    fn one_value_is_exact() {
        for value in extremes() {
            for part in [0.0, 0.5, 1.0, -1.0, 7.0, f64::NAN] {
                assert_eq!(spread([value]).quantile(part), Some(value));
            }
        }
    }

    #[test]
    fn buckets_are_in_order_and_close() {
        let mut values = extremes();
        values.sort_unstable();
        assert!(values.is_sorted_by_key(|&value| bucket(value)));
        assert_eq!(bucket(u64::MAX), 1919);
        for value in values {
            let error = middle(bucket(value)).abs_diff(value);
            assert!(error <= value / 64, "{value}: {error}");
        }
        assert!((0..64).all(|value| middle(bucket(value)) == value));
        assert!((0..1920).all(|number| bucket(middle(number)) == number));
    }

    #[test]
    fn quantiles_are_close_and_merging_changes_nothing() {
        let mut values = extremes();
        let (left, right) = values.split_at(100);
        let mut merged = spread(left.to_vec());
        merged.merge(&spread(right.to_vec()));
        assert_eq!(merged, spread(values.clone()));
        assert_eq!(merged.count(), values.len() as u64);
        assert_eq!(merged.max(), Some(u64::MAX));

        values.sort_unstable();
        for rank in 1..=values.len() {
            let part = (rank as f64 - 0.5) / values.len() as f64;
            let (true_value, given) = (values[rank - 1], merged.quantile(part).expect("values"));
            assert!(given.abs_diff(true_value) <= true_value / 64);
        }
        assert_eq!(spread([64, 65, 64]).quantile(0.5), Some(65));
    }
}
