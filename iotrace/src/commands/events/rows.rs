//! Rows of `events` as text.

use std::fmt::Write as _;

use jiff::{Timestamp, tz::TimeZone};
use nix::errno::Errno;

use crate::{
    event::{Change, Changed, Each, FilePath, Io, Open, Opened, Operation, Thread, Time},
    flags,
    output::{
        sanitize,
        table::{Column, column},
        units,
    },
};

/// A line.
pub struct Row {
    time: Time,
    thread: Thread,
    what: String,
    detail: String,
    path: Option<FilePath>,
    from: Option<FilePath>,
}

impl Row {
    /// Of an open.
    pub fn open(open: Open) -> Self {
        let detail = match open.result {
            Opened::Failed { errno } => format!("{:?}", Errno::from_raw(errno)),
            Opened::Ok { fd, created, .. } => {
                let fd = fd.map_or_else(|| "-".to_owned(), |fd| fd.to_string());
                let new = if created == Some(true) { " new" } else { "" };
                format!("{fd}{new} {}", access(open.flags))
            }
        };
        Self {
            time: open.time,
            thread: open.thread,
            what: "open".to_owned(),
            detail,
            path: open.path,
            from: None,
        }
    }

    /// Of a change.
    pub fn change(change: Change) -> Self {
        let detail = match &change.what {
            Changed::Truncate { length } => units::bytes(*length),
            Changed::Rename { exchange: true, .. } => "exchange".to_owned(),
            Changed::Rename { other: Some(_), .. } => "replaces".to_owned(),
            _ => change
                .links
                .map_or_else(String::new, |links| format!("links {links}")),
        };
        let what = change.what.name().to_owned();
        let from = match change.what {
            Changed::Link { from } | Changed::Rename { from, .. } => from,
            _ => None,
        };
        Self {
            time: change.time,
            thread: change.thread,
            what,
            detail,
            path: change.path,
            from,
        }
    }

    /// Of a read or write.
    pub fn each(each: &Each) -> Self {
        let mut detail = match each.operation {
            Operation::Read | Operation::Write => units::bytes(each.bytes),
            Operation::Sync => String::new(),
        };
        if let Some(size) = each.size.filter(|size| *size != each.bytes) {
            let _ = write!(detail, " of {}", units::bytes(size));
        }
        if let Some(offset) = each.offset {
            let _ = write!(detail, " @{offset}");
        }
        if let Some(latency_ns) = each.latency_ns {
            let _ = write!(detail, " {}", units::duration(latency_ns));
        }
        Self {
            time: each.time,
            thread: each.thread.clone(),
            what: each.operation.name().to_owned(),
            detail,
            path: each.path.as_deref().cloned(),
            from: None,
        }
    }

    /// Of what a thread did with a file in an interval that ended then.
    pub fn io(io: Io, time: Time) -> Vec<Self> {
        let row = |what: &str, count: u64, bytes: u64| Self {
            time,
            thread: io.thread.clone(),
            what: what.to_owned(),
            detail: format!("{count} x, {}", units::bytes(bytes)),
            path: io.path.as_deref().cloned(),
            from: None,
        };
        let counts = &io.counts;
        let all = [
            ("read", counts.reads, counts.read_bytes),
            ("write", counts.writes, counts.write_bytes),
        ];
        let some = all.into_iter().filter(|(_, count, _)| *count > 0);
        some.map(|(what, count, bytes)| row(what, count, bytes))
            .collect()
    }
}

/// The flags of an open that tell most.
fn access(flags: u64) -> String {
    let mut words: Vec<&str> = flags::names(flags)
        .filter(|name| *name != "O_CLOEXEC")
        .map(|name| name.trim_start_matches("O_"))
        .collect();
    words.truncate(4);
    words.join("|")
}

// Writing to a string does not fail, so results are not looked at here.
/// The columns.
pub const COLUMNS: [Column<Row>; 7] = [
    column!("TIME", 15, Left, spare 2, |row, cell| {
        let time = Timestamp::from_nanosecond(i128::from(row.time.0)).unwrap_or_default();
        let time = time.to_zoned(TimeZone::system());
        let _ = write!(cell, "{}", time.strftime("%H:%M:%S.%6f"));
    }),
    column!("PID", 7, Left, |row, cell| {
        let _ = write!(cell, "{}", row.thread.pid);
    }),
    column!("TID", 7, Left, spare 1, |row, cell| {
        let _ = write!(cell, "{}", row.thread.tid);
    }),
    column!("COMM", 15, Cut, |row, cell| {
        cell.push_str(&sanitize::name(&row.thread.comm));
    }),
    column!("EVENT", 8, Left, |row, cell| cell.push_str(&row.what)),
    column!("RESULT", 22, Cut, |row, cell| cell.push_str(&row.detail)),
    column!("FILE", 0, Left, |row, cell| {
        if let Some(from) = &row.from {
            sanitize::path(from, cell);
            cell.push_str(" -> ");
        }
        match &row.path {
            Some(path) => sanitize::path(path, cell),
            None => cell.push('-'),
        }
    }),
];
