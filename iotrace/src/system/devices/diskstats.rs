//! `/proc/diskstats`.

use std::{collections::HashSet, path::Path};

use procfs::DiskStat;

use super::{
    super::text,
    counters::{Counter, Counters},
};

/// Bytes of a sector, whatever those of the device have (Documentation/block/stat.rst).
const SECTOR: u64 = 512;
const MILLISECOND: u64 = 1_000_000;

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub name: String,
    /// Device number; `None` of a path to an NVMe namespace, which has none and shows `0 0`.
    pub number: Option<(u32, u32)>,
    pub counters: Counters,
}

/// All lines that can be understood, in their order; `None` when there are none.
pub(super) fn read(path: &Path) -> Option<Vec<Line>> {
    let mut lines: Vec<_> = text::read(path)?.lines().filter_map(parse).collect();
    // The file is given out in parts, so a line may come twice when devices come meanwhile.
    let mut names = HashSet::new();
    lines.retain(|line| names.insert(line.name.clone()));
    (!lines.is_empty()).then_some(lines)
}

fn parse(line: &str) -> Option<Line> {
    let stat = DiskStat::from_line(line).ok()?;
    let number = (stat.major.try_into().ok()?, stat.minor.try_into().ok()?);
    // Times are printed as `unsigned int` milliseconds (block/genhd.c, `diskstats_show`).
    let time = |value| Counter::narrow(value, MILLISECOND);
    Some(Line {
        name: stat.name,
        number: (number != (0, 0)).then_some(number),
        counters: Counters {
            reads: Counter::wide(stat.reads, 1),
            writes: Counter::wide(stat.writes, 1),
            flushes: Counter::wide(stat.flushes.unwrap_or(0), 1),
            read_bytes: Counter::wide(stat.sectors_read, SECTOR),
            write_bytes: Counter::wide(stat.sectors_written, SECTOR),
            read_time: time(stat.time_reading),
            write_time: time(stat.time_writing),
            busy_time: time(stat.time_in_progress),
            queue_time: time(stat.weighted_time_in_progress),
        },
    })
}
