//! Rows of `opens`: what they hold, and their columns.

use std::fmt::Write as _;

use super::args::Config;
use crate::{
    event::{Lost, Open, Opened, Time},
    flags,
    output::{
        sanitize,
        table::{Column, column},
    },
};

/// One open.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The open.
    pub open: Open,
    /// Time of the first one.
    pub since: Time,
}

impl Row {
    /// An open for itself.
    pub fn of(open: Open) -> Self {
        Self {
            since: open.time,
            open,
        }
    }
}

/// What was lost in a second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LossRow {
    /// End of the interval.
    pub time: Time,
    /// Its length, nanoseconds.
    pub interval_ns: u64,
    /// The losses.
    pub lost: Lost,
}

// Writing to a string does not fail, so results are not looked at here.
const TIME: Column<Row> = column!("TIME(s)", 14, Left, |row, cell| {
    let ns = row.open.time.0.saturating_sub(row.since.0);
    let _ = write!(cell, "{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000);
});
const UID: Column<Row> = column!("UID", 6, Left, |row, cell| {
    cell.number(row.open.thread.uid);
});
const PID: Column<Row> = column!("PID", 7, Left, |row, cell| {
    cell.number(row.open.thread.pid);
});
const TID: Column<Row> = column!("TID", 7, Left, |row, cell| {
    cell.number(row.open.thread.tid);
});
const COMM: Column<Row> = column!("COMM", 15, Cut, |row, cell| {
    cell.push_str(&sanitize::name(&row.open.thread.comm));
});
const FD: Column<Row> = column!("FD", 4, Right, |row, cell| {
    match row.open.result {
        Opened::Ok { fd: Some(fd), .. } => cell.number(fd),
        Opened::Ok { fd: None, .. } => cell.push('-'),
        Opened::Failed { .. } => cell.push_str("-1"),
    }
});
const ERR: Column<Row> = column!("ERR", 3, Right, |row, cell| {
    match row.open.result {
        Opened::Ok { .. } => cell.number(0),
        Opened::Failed { errno } => cell.number(errno),
    }
});
const FLAGS: Column<Row> = column!("FLAGS", 8, Left, |row, cell| {
    let _ = write!(cell, "{:08o}", flags::number(row.open.flags));
});
const MODE: Column<Row> = column!("MODE", 4, Left, |row, cell| {
    if takes_mode(&row.open) {
        let _ = write!(cell, "{:04o}", row.open.mode);
    } else {
        cell.push_str("n/a");
    }
});
const PATH: Column<Row> = column!("PATH", 0, Left, |row, cell| {
    let Some(path) = &row.open.path else {
        cell.push_str("<unknown>");
        return;
    };
    sanitize::path(path, cell);
});

/// The columns that were asked for.
pub fn columns(config: &Config) -> Vec<Column<Row>> {
    let mut columns = Vec::new();
    columns.extend(config.timestamp.then_some(TIME));
    columns.extend(config.uid.then_some(UID));
    columns.push(if config.by_tid { TID } else { PID });
    columns.extend([COMM, FD, ERR]);
    columns.extend(
        config
            .extended
            .then_some([FLAGS, MODE])
            .into_iter()
            .flatten(),
    );
    columns.push(PATH);
    columns
}

/// Only an open that may make a file has a mode; otherwise it is garbage.
pub fn takes_mode(open: &Open) -> bool {
    open.flags & libc::O_CREAT as u64 != 0 || flags::is_tmpfile(open.flags)
}
