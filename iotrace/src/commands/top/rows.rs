//! Rows of `top`: what they hold, and their columns.

use std::{fmt::Write as _, sync::Arc};

use super::args::{By, Config};
use crate::{
    commands::headline,
    event::{Comm, Counts, FileId, FilePath, FileType, Io, Load, Lost, Time},
    output::{
        sanitize,
        table::{Cell, Column, column},
        units,
    },
};

/// One line of the table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// End of the interval.
    pub time: Time,
    /// Process id.
    pub pid: Option<u32>,
    /// Thread id.
    pub tid: Option<u32>,
    /// Real user id.
    pub uid: Option<u32>,
    /// Name of the thread or process.
    pub comm: Option<Comm>,
    /// The file and its kind.
    pub file: Option<(FileId, FileType)>,
    /// Its path, or that of the directory.
    pub path: Option<Arc<FilePath>>,
    /// It was done as a layer below another file.
    pub lower: bool,
    /// Different files that are summed here.
    pub files: u64,
    /// The sums.
    pub counts: Counts,
}

impl Row {
    /// The row of a single event.
    pub fn of(io: Io) -> Self {
        Self {
            time: Time::default(),
            pid: Some(io.thread.pid),
            tid: Some(io.thread.tid),
            uid: Some(io.thread.uid),
            comm: Some(io.thread.comm),
            file: Some((io.file, io.file_type)),
            path: io.path,
            lower: io.lower,
            files: 1,
            counts: io.counts,
        }
    }

    /// Forgets the file.
    pub fn without_file(&mut self) {
        self.file = None;
        self.path = None;
    }
}

/// What stands above the table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TickRow {
    /// End of the interval.
    pub time: Time,
    /// Its length, nanoseconds.
    pub interval_ns: u64,
    /// Rows, also those not shown.
    pub rows: u64,
    /// Sums over all rows and the overflow.
    pub total: Counts,
    /// Operations without a row.
    pub overflow: Counts,
    /// What was lost.
    pub lost: Lost,
    /// How the machine fares.
    pub load: Option<Load>,
}

/// `12:00:01 loadavg: 0.42 0.30 0.25 1/134 971 iowait: 3.1% reads: 12 (4.5 MiB) ...`,
/// in two lines where one is too narrow.
pub fn headlines(tick: &TickRow, width: Option<usize>) -> String {
    let machine = headline::machine(tick.time, tick.load.as_ref());
    let mut sums = format!(
        "reads: {} ({}) writes: {} ({})",
        tick.total.reads,
        units::bytes(tick.total.read_bytes),
        tick.total.writes,
        units::bytes(tick.total.write_bytes),
    );
    if tick.overflow.is_any() {
        // Writing to a string does not fail.
        let _ = write!(
            sums,
            " without a row: {} ({})",
            tick.overflow.events(),
            units::bytes(tick.overflow.bytes())
        );
    }
    let _ = write!(sums, " lost: {}", tick.lost);
    // All of it is ASCII.
    let one_line = width.is_none_or(|width| machine.len() + 1 + sums.len() <= width);
    let between = if one_line { ' ' } else { '\n' };
    let cut = |mut line: String| {
        line.truncate(width.unwrap_or(usize::MAX));
        line
    };
    format!("{}{between}{}\n", cut(machine), cut(sums))
}

// Writing to a string does not fail, so results are not looked at here.
const PID: Column<Row> = column!("PID", 7, Left, |row, cell| number(row.pid, cell));
const TID: Column<Row> = column!("TID", 7, Left, |row, cell| number(row.tid, cell));
const COMM: Column<Row> = column!("COMM", 15, Cut, |row, cell| {
    cell.push_str(&sanitize::name(row.comm.as_deref().unwrap_or_default()));
    // Otherwise the file tells.
    if row.lower && row.file.is_none() {
        cell.push_str(LOWER);
    }
});
const READS: Column<Row> = column!("READS", 7, Right, |row, cell| {
    cell.number(row.counts.reads);
});
const WRITES: Column<Row> = column!("WRITES", 7, Right, |row, cell| {
    cell.number(row.counts.writes);
});
const R_KB: Column<Row> = column!("R_KB", 8, Right, |row, cell| {
    cell.number(units::kib(row.counts.read_bytes));
});
const W_KB: Column<Row> = column!("W_KB", 8, Right, |row, cell| {
    cell.number(units::kib(row.counts.write_bytes));
});
const DISK_KB: Column<Row> = column!("DISK_KB", 8, Right, |row, cell| {
    kib_if_known(
        row.counts.storage.map(|storage| storage.fetched_bytes),
        cell,
    );
});
const DIRTY_KB: Column<Row> = column!("DIRTY_KB", 8, Right, |row, cell| {
    kib_if_known(
        row.counts.storage.map(|storage| storage.dirtied_bytes),
        cell,
    );
});
const M_READS: Column<Row> = column!("M_READS", 7, Right, |row, cell| {
    cell.number(row.counts.map_reads);
});
const M_WRITES: Column<Row> = column!("M_WRITES", 8, Right, |row, cell| {
    cell.number(row.counts.map_writes);
});
const T: Column<Row> = column!("T", 1, Left, |row, cell| {
    cell.push(row.file.map_or('-', |(_, file_type)| file_type.letter()));
});
const FILE: Column<Row> = column!("FILE", 0, Left, path);
const DIRECTORY: Column<Row> = column!("DIRECTORY", 0, Left, path);
const FILES: Column<Row> = column!("FILES", 7, Right, |row, cell| {
    cell.number(row.files);
});

/// The columns of a grouping, with those that were asked for.
pub fn columns(config: &Config) -> Vec<Column<Row>> {
    let (who, what): (&[_], &[_]) = match config.by {
        None => (&[PID, TID, COMM], &[T, FILE]),
        Some(By::File) => (&[], &[T, FILE]),
        Some(By::Thread) => (&[PID, TID], &[FILES, COMM]),
        Some(By::Process) => (&[PID], &[FILES, COMM]),
        Some(By::Directory) => (&[], &[FILES, DIRECTORY]),
    };
    let storage: &[_] = if config.cache {
        &[DISK_KB, DIRTY_KB]
    } else {
        &[]
    };
    let faults: &[_] = if config.mapped {
        &[M_READS, M_WRITES]
    } else {
        &[]
    };
    [who, &[READS, WRITES, R_KB, W_KB], storage, faults, what].concat()
}

/// Behind what a lower layer did.
const LOWER: &str = " (lower layer)";

fn kib_if_known(bytes: Option<u64>, cell: &mut Cell<'_>) {
    match bytes {
        Some(bytes) => cell.number(units::kib(bytes)),
        None => cell.push('-'),
    }
}

fn number(value: Option<u32>, cell: &mut Cell<'_>) {
    if let Some(value) = value {
        cell.number(value);
    }
}

fn path(row: &Row, cell: &mut Cell<'_>) {
    match (&row.path, row.file) {
        (Some(path), _) => {
            sanitize::path(path, cell);
            if row.counts.cloned_bytes > 0 {
                let _ = write!(cell, " (cloned {})", units::bytes(row.counts.cloned_bytes));
            }
        }
        (None, Some((file, _))) => {
            let _ = write!(cell, "<{}:{} inode {}>", file.major, file.minor, file.ino);
        }
        (None, None) => cell.push_str("<unknown>"),
    }
    if row.lower {
        cell.push_str(LOWER);
    }
}
