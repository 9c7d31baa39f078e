//! Rows of `procs`: what they hold, and their columns.

use std::{fmt::Write as _, sync::Arc};

use crate::{
    event::{Counts, FilePath, Lost, Proc, Time, Usage},
    output::{
        sanitize,
        table::{self, Column, column},
        units,
    },
};

/// A process, a thread, or a sum of processes, in an interval.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// End of the interval.
    pub time: Time,
    /// Its length, nanoseconds.
    pub interval_ns: u64,
    /// Who.
    pub subject: Subject,
    /// What they did; `None` where this user may not know.
    pub interval: Option<Usage>,
    /// Time that they waited, nanoseconds; `None` when that is not known.
    pub waited_ns: Option<u64>,
}

/// Who a row is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// One process or thread.
    Process {
        /// That.
        proc: Proc,
        /// Name of its user, when known.
        user: Option<String>,
        /// Files that it read and wrote most.
        files: Vec<(Option<Arc<FilePath>>, Counts)>,
    },
    /// A sum of processes. They have no totals: those of who did nothing for a while are not there.
    Sum {
        /// What they have in common; `None` of those that belong nowhere.
        group: Option<String>,
        /// How many.
        processes: u64,
    },
}

impl Row {
    /// The row of a single process or thread.
    pub fn of(proc: Proc, time: Time, interval_ns: u64) -> Self {
        Self {
            time,
            interval_ns,
            interval: proc.accounts.map(|accounts| accounts.interval),
            waited_ns: proc.io_wait_ns.map(|(waited, _)| waited),
            subject: Subject::Process {
                proc,
                user: None,
                files: Vec::new(),
            },
        }
    }

    /// The process or thread, if it is one.
    pub fn proc(&self) -> Option<&Proc> {
        match &self.subject {
            Subject::Process { proc, .. } => Some(proc),
            Subject::Sum { .. } => None,
        }
    }

    /// What they did in the interval.
    pub fn interval(&self) -> Option<Usage> {
        self.interval
    }

    /// What a process did in its life.
    pub fn total(&self) -> Option<Usage> {
        Some(self.proc()?.accounts?.total)
    }

    /// Files of a process that are to be shown.
    pub fn files(&self) -> &[(Option<Arc<FilePath>>, Counts)] {
        match &self.subject {
            Subject::Process { files, .. } => files,
            Subject::Sum { .. } => &[],
        }
    }
}

/// The end of an interval.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TickRow {
    /// End of the interval.
    pub time: Time,
    /// Its length, nanoseconds.
    pub interval_ns: u64,
    /// Rows, also those not shown.
    pub rows: u64,
    /// Sum over all processes, of the interval, without threads of the kernel: what they write was
    /// on account of others before.
    pub total: Usage,
    /// What was lost.
    pub lost: Lost,
}

// Writing to a string does not fail, so results are not looked at here.
macro_rules! usage {
    ($title:literal, $of:ident, spare $spare:literal, $value:expr) => {
        column!($title, 9, Right, spare $spare, |row, cell| {
            let value: fn(&Row, &Usage) -> String = $value;
            match Row::$of(row) {
                Some(usage) => cell.push_str(&value(row, &usage)),
                None => cell.push('-'),
            }
        })
    };
}

/// A column of a process; a sum has none of these.
macro_rules! process {
    ($title:literal, $width:literal, $align:ident, spare $spare:literal, $value:expr) => {
        column!($title, $width, $align, spare $spare, |row, cell| {
            let value: fn(&Row, &Proc) -> Option<String> = $value;
            let value = row.proc().and_then(|proc| value(row, proc));
            cell.push_str(value.as_deref().unwrap_or("-"));
        })
    };
}

const PID: Column<Row> = process!("PID", 7, Left, spare 0, |_, proc| Some(proc.pid.to_string()));
const TID: Column<Row> = process!("TID", 7, Left, spare 0, |_, proc| {
    Some(proc.tid.unwrap_or(proc.pid).to_string())
});
const USER: Column<Row> = column!("USER", 8, Cut, |row, cell| {
    if let Subject::Process { proc, user, .. } = &row.subject {
        match (user, proc.facts.uid) {
            (Some(user), _) => cell.push_str(&sanitize::name(user.as_bytes())),
            (None, Some(uid)) => _ = write!(cell, "{uid}"),
            (None, None) => cell.push('-'),
        }
    }
});
const GROUP: Column<Row> = column!("", 0, Cut, |row, cell| {
    if let Subject::Sum { group, .. } = &row.subject {
        let name = group.as_deref().unwrap_or("-");
        cell.push_str(&sanitize::name(name.as_bytes()));
    }
});
const PROCESSES: Column<Row> = column!("PROCS", 5, Right, |row, cell| {
    if let Subject::Sum { processes, .. } = &row.subject {
        let _ = write!(cell, "{processes}");
    }
});
const READ: Column<Row> = usage!("READ/s", interval, spare 0, |row, usage| rate(
    row,
    usage.disk_read_bytes
));
const WRITE: Column<Row> = usage!("WRITE/s", interval, spare 0, |row, usage| rate(
    row,
    usage.disk_write_bytes
));
const CANCELLED: Column<Row> = usage!("CANC/s", interval, spare 0, |row, usage| rate(
    row,
    usage.cancelled_write_bytes
));
const WAIT: Column<Row> = column!("WAIT", 5, Right, spare 3, |row, cell| {
    match row.waited_ns {
        Some(waited) => {
            let share = 100.0 * waited as f64 / row.interval_ns.max(1) as f64;
            let _ = write!(cell, "{share:.0}%");
        }
        None => cell.push('-'),
    }
});
const CALLS: Column<Row> = usage!("CALLS/s", interval, spare 6, |row, usage| {
    let calls = usage.syscalls();
    format!("{:.0}", per_second(row.interval_ns, calls))
});
const MEAN: Column<Row> = usage!("MEAN", interval, spare 7, |_, usage| {
    match usage.read_call_bytes.saturating_add(usage.write_call_bytes).checked_div(usage.syscalls()) {
        Some(mean) => units::bytes(mean),
        None => "-".to_owned(),
    }
});
const TOTAL_READ: Column<Row> = usage!("TOT_R", total, spare 4, |_, usage| units::bytes(
    usage.disk_read_bytes
));
const TOTAL_WRITE: Column<Row> = usage!("TOT_W", total, spare 4, |_, usage| signed(
    usage.net_write_bytes()
));
const THREADS: Column<Row> = process!("THR", 4, Right, spare 8, |_, proc| {
    proc.threads.map(|threads| threads.to_string())
});
const UPTIME: Column<Row> = process!("UP", 6, Right, spare 5, |row, proc| {
    let started = proc.facts.started?;
    Some(units::duration(row.time.0.saturating_sub(started.0)))
});
const UNIT: Column<Row> = process!("UNIT", 20, Cut, spare 2, |_, proc| {
    Some(sanitize::name(unit(proc)?.as_bytes()).into())
});
const COMMAND: Column<Row> = process!("COMMAND", 0, Cut, spare 0, |_, proc| {
    let facts = &proc.facts;
    let mut text: String = match &facts.command {
        Some(command) if proc.tid.is_none() => sanitize::name(command).into(),
        _ if facts.kernel => format!("[{}]", sanitize::name(&facts.comm)),
        _ => sanitize::name(&facts.comm).into(),
    };
    if proc.ended {
        text.push_str(" (ended)");
    }
    Some(text)
});

/// Columns of processes.
pub const OF_PROCESSES: &[Column<Row>] = &[
    PID,
    USER,
    READ,
    WRITE,
    CANCELLED,
    WAIT,
    CALLS,
    MEAN,
    TOTAL_READ,
    TOTAL_WRITE,
    THREADS,
    UPTIME,
    UNIT,
    COMMAND,
];

/// Columns of threads.
pub const OF_THREADS: &[Column<Row>] = &[
    PID,
    TID,
    USER,
    READ,
    WRITE,
    CANCELLED,
    WAIT,
    CALLS,
    MEAN,
    TOTAL_READ,
    TOTAL_WRITE,
    UNIT,
    COMMAND,
];

/// Columns of sums by user.
pub const OF_USERS: &[Column<Row>] = &[
    PROCESSES,
    READ,
    WRITE,
    CANCELLED,
    WAIT,
    CALLS,
    MEAN,
    Column {
        title: "USER",
        ..GROUP
    },
];

/// Columns of sums by container or unit.
pub const OF_CONTAINERS: &[Column<Row>] = &[
    PROCESSES,
    READ,
    WRITE,
    CANCELLED,
    WAIT,
    CALLS,
    MEAN,
    Column {
        title: "CONTAINER OR UNIT",
        ..GROUP
    },
];

/// The container of a process or else its unit, in a word.
pub fn unit(proc: &Proc) -> Option<String> {
    let facts = &proc.facts;
    if let Some(container) = &facts.container {
        let pod = container.pod.as_ref().map(|pod| format!(" (pod {pod})"));
        return Some(format!(
            "{}/{}{}",
            container.runtime,
            container.id,
            pod.unwrap_or_default()
        ));
    }
    facts.unit.clone()
}

/// How many in a second, of so many in an interval.
pub fn per_second(interval_ns: u64, count: u64) -> f64 {
    count as f64 * 1e9 / interval_ns.max(1) as f64
}

fn rate(row: &Row, bytes: u64) -> String {
    units::bytes(per_second(row.interval_ns, bytes).round() as u64)
}

fn signed(bytes: i64) -> String {
    let size = units::bytes(bytes.unsigned_abs());
    if bytes < 0 { format!("-{size}") } else { size }
}

/// As many of the rows as there is room for, with their files.
pub fn fitting(rows: &[Row], mut room: usize) -> &[Row] {
    let fits = |row: &&Row| {
        let lines = 1 + row.files().len();
        let fits = lines <= room;
        room = room.saturating_sub(lines);
        fits
    };
    let count = rows.iter().take_while(fits).count();
    &rows[..count.max(1).min(rows.len())]
}

/// The files of a process, below it.
pub fn files(row: &Row, width: Option<usize>, out: &mut Vec<u8>) {
    for (path, counts) in row.files() {
        let mut line = format!(
            "        {:>9} {:>9} ",
            rate(row, counts.read_bytes),
            rate(row, counts.write_bytes)
        );
        match path {
            Some(path) => sanitize::path(path, &mut line),
            None => line.push_str("<unknown>"),
        }
        let cut = width.and_then(|width| table::begin(&line, width));
        out.extend_from_slice(cut.unwrap_or(line).as_bytes());
        out.push(b'\n');
    }
}
