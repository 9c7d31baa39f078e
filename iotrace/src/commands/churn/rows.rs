//! Rows of `churn`: what they hold, and their columns.

use std::fmt::Write as _;

use jiff::{Timestamp, tz::TimeZone};

use super::{life::Ended, patterns::Pattern};
use crate::{
    event::{Lost, Thread, Time},
    output::{
        sanitize,
        table::{Cell, Column, column},
        units,
    },
};

/// A pattern at some time.
pub struct PatternRow {
    /// End of the interval.
    pub time: Time,
    /// The pattern.
    pub pattern: Pattern,
}

/// A file that ended.
pub struct LifeRow {
    /// The file.
    pub ended: Ended,
    /// Since the start of tracing.
    pub watched_ns: u64,
}

/// What was lost in an interval.
pub struct TickRow {
    /// End of the interval.
    pub time: Time,
    /// Its length, nanoseconds.
    pub interval_ns: u64,
    /// Files that are followed.
    pub files: u64,
    /// The losses.
    pub lost: Lost,
}

// Writing to a string does not fail, so results are not looked at here.
/// The columns of patterns.
pub const PATTERNS: [Column<PatternRow>; 15] = [
    column!("CREATED", 7, Right, |row, cell| number(
        row.pattern.created,
        cell
    )),
    column!("DELETED", 7, Right, |row, cell| number(
        row.pattern.deleted,
        cell
    )),
    column!("ALIVE", 6, Right, spare 4, |row, cell| number(
        row.pattern.alive,
        cell
    )),
    column!("P50", 6, Right, |row, cell| quantile(row, 0.5, cell)),
    column!("P95", 6, Right, spare 6, |row, cell| quantile(row, 0.95, cell)),
    column!("MAX", 6, Right, spare 7, |row, cell| {
        age(row.pattern.lifetimes.max(), cell);
    }),
    column!("W_KB", 8, Right, |row, cell| kib(
        row.pattern.write_bytes,
        cell
    )),
    column!("R_KB", 8, Right, |row, cell| kib(
        row.pattern.read_bytes,
        cell
    )),
    column!("CANC_KB", 8, Right, spare 5, |row, cell| {
        match row.pattern.cancelled_bytes {
            Some(bytes) => kib(bytes, cell),
            None => cell.push('-'),
        }
    }),
    column!("OPENS", 7, Right, spare 8, |row, cell| number(
        row.pattern.opens,
        cell
    )),
    column!("BURST", 6, Right, spare 9, |row, cell| number(
        row.pattern.largest_burst(),
        cell
    )),
    column!("PID", 7, Left, |row, cell| {
        who(&row.pattern, |thread| _ = write!(cell, "{}", thread.pid));
    }),
    column!("TID", 7, Left, spare 2, |row, cell| {
        who(&row.pattern, |thread| _ = write!(cell, "{}", thread.tid));
    }),
    column!("COMM", 15, Cut, |row, cell| {
        who(&row.pattern, |thread| {
            cell.push_str(&sanitize::name(&thread.comm));
        });
    }),
    column!("PATTERN", 0, Left, |row, cell| {
        cell.push_str(&sanitize::name(&row.pattern.name));
    }),
];

/// The columns of files.
pub const FILES: [Column<LifeRow>; 10] = [
    column!("TIME", 8, Left, spare 4, |row, cell| {
        let time = Timestamp::from_nanosecond(i128::from(row.ended.time.0)).unwrap_or_default();
        let time = time.to_zoned(TimeZone::system());
        let _ = write!(cell, "{}", time.strftime("%H:%M:%S"));
    }),
    column!("PID", 7, Left, |row, cell| {
        let _ = write!(cell, "{}", row.ended.thread.pid);
    }),
    column!("TID", 7, Left, spare 1, |row, cell| {
        let _ = write!(cell, "{}", row.ended.thread.tid);
    }),
    column!("COMM", 15, Cut, |row, cell| {
        cell.push_str(&sanitize::name(&row.ended.thread.comm));
    }),
    column!("AGE", 8, Right, |row, cell| match row.ended.lifetime_ns() {
        Some(lifetime_ns) => age(Some(lifetime_ns), cell),
        None => {
            cell.push('>');
            age(Some(row.watched_ns), cell);
        }
    }),
    column!("W_KB", 8, Right, spare 2, |row, cell| {
        kib_if_known(row.ended.life.write_bytes, cell);
    }),
    column!("R_KB", 8, Right, spare 2, |row, cell| {
        kib_if_known(row.ended.life.read_bytes, cell);
    }),
    column!("OPENS", 6, Right, spare 3, |row, cell| match row.ended.life.opens {
        Some(opens) => number(opens, cell),
        None => cell.push('-'),
    }),
    column!("END", 10, Left, |row, cell| cell
        .push_str(row.ended.end.name())),
    column!("FILE", 0, Left, |row, cell| {
        match &row.ended.life.path {
            Some(path) => sanitize::path(path, cell),
            None => cell.push_str("<unknown>"),
        }
    }),
];

/// `12:00:01 since the start: 42 patterns, 20 of them shown; lost: 0`
pub fn headline(
    time: Time,
    found: usize,
    shown: usize,
    lost: &Lost,
    width: Option<usize>,
) -> String {
    let time = Timestamp::from_nanosecond(i128::from(time.0)).unwrap_or_default();
    let time = time.to_zoned(TimeZone::system()).strftime("%H:%M:%S");
    let mut line = format!("{time} since the start: {found} patterns");
    if shown < found {
        let _ = write!(line, ", {shown} of them shown");
    }
    let _ = write!(line, "; lost: {lost}");
    // All of it is ASCII.
    line.truncate(width.unwrap_or(usize::MAX));
    line.push_str("\n\n");
    line
}

fn number(value: u64, cell: &mut Cell<'_>) {
    let _ = write!(cell, "{value}");
}

fn kib(bytes: u64, cell: &mut Cell<'_>) {
    number(units::kib(bytes), cell);
}

fn kib_if_known(bytes: Option<u64>, cell: &mut Cell<'_>) {
    match bytes {
        Some(bytes) => kib(bytes, cell),
        None => cell.push('-'),
    }
}

fn quantile(row: &PatternRow, part: f64, cell: &mut Cell<'_>) {
    age(row.pattern.lifetimes.quantile(part), cell);
}

fn age(ns: Option<u64>, cell: &mut Cell<'_>) {
    match ns {
        Some(ns) => cell.push_str(&units::duration(ns)),
        None => cell.push('-'),
    }
}

/// Who made the files, or who ended them where they were there before.
fn who(pattern: &Pattern, put: impl FnOnce(&Thread)) {
    if let Some(thread) = pattern.creator().or_else(|| pattern.deleter()) {
        put(thread);
    }
}
