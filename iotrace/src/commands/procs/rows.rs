//! Rows of `procs`: what they hold, and their columns.

use std::{fmt::Write as _, sync::Arc};

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    event::{
        Accounts, Counts, Device, DeviceKind, DeviceWork, FilePath, Lost, Proc, System, Tick, Time,
        Usage, Work,
    },
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
    /// The process or thread; of a sum one of those that are in it.
    pub proc: Proc,
    /// Name of its user, when known.
    pub user: Option<String>,
    /// It is a sum of processes.
    pub is_sum: bool,
    /// What is summed here; `None` also of a sum of those that belong nowhere.
    pub group: Option<String>,
    /// Processes that are summed here.
    pub processes: u64,
    /// Files that it read and wrote most.
    pub files: Vec<(Option<Arc<FilePath>>, Counts)>,
}

impl Row {
    /// The row of a single process or thread.
    pub fn of(proc: Proc, time: Time, interval_ns: u64) -> Self {
        Self {
            time,
            interval_ns,
            proc,
            user: None,
            is_sum: false,
            group: None,
            processes: 1,
            files: Vec::new(),
        }
    }

    /// What it did; nothing where this user may not know.
    pub fn accounts(&self) -> Accounts {
        self.proc.accounts.unwrap_or_default()
    }

    /// Time waited in the interval, nanoseconds.
    pub fn waited_ns(&self) -> u64 {
        self.proc.io_wait_ns.map_or(0, |(waited, _)| waited)
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
    /// Sum over all processes, of the interval.
    pub total: Usage,
    /// What was lost.
    pub lost: Lost,
}

/// A device in an interval.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceRow {
    /// End of the interval.
    pub time: Time,
    /// Its length, nanoseconds.
    pub interval_ns: u64,
    /// The device.
    pub device: Device,
}

/// How the system fared in an interval.
#[derive(Clone, Debug, PartialEq)]
pub struct SystemRow {
    /// End of the interval.
    pub time: Time,
    /// How it fared.
    pub system: System,
}

/// What the system did on its own account.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkRow {
    /// End of the interval.
    pub time: Time,
    /// What it did.
    pub work: Work,
}

// Writing to a string does not fail, so results are not looked at here.
macro_rules! accounts {
    ($title:literal, $value:expr) => {
        accounts!($title, spare 0, $value)
    };
    ($title:literal, spare $spare:literal, $value:expr) => {
        column!($title, 9, Right, spare $spare, |row, cell| {
            if let Some(accounts) = &row.proc.accounts {
                let value: fn(&Row, &Accounts) -> String = $value;
                cell.push_str(&value(row, accounts));
            } else {
                cell.push('-');
            }
        })
    };
}

const PID: Column<Row> = column!("PID", 7, Left, |row, cell| {
    let _ = write!(cell, "{}", row.proc.pid);
});
const TID: Column<Row> = column!("TID", 7, Left, |row, cell| {
    let _ = write!(cell, "{}", row.proc.tid.unwrap_or(row.proc.pid));
});
const USER: Column<Row> = column!("USER", 8, Cut, |row, cell| {
    match (&row.user, row.proc.facts.uid) {
        (Some(user), _) => cell.push_str(&sanitize::name(user.as_bytes())),
        (None, Some(uid)) => _ = write!(cell, "{uid}"),
        (None, None) => cell.push('-'),
    }
});
const GROUP: Column<Row> = column!("", 0, Cut, |row, cell| {
    let name = row.group.as_deref().unwrap_or("-");
    cell.push_str(&sanitize::name(name.as_bytes()));
});
const PROCESSES: Column<Row> = column!("PROCS", 5, Right, |row, cell| {
    let _ = write!(cell, "{}", row.processes);
});
const READ: Column<Row> = accounts!("READ/s", |row, accounts| rate(
    row,
    accounts.interval.disk_read_bytes
));
const WRITE: Column<Row> = accounts!("WRITE/s", |row, accounts| rate(
    row,
    accounts.interval.disk_write_bytes
));
const CANCELLED: Column<Row> = accounts!("CANC/s", |row, accounts| rate(
    row,
    accounts.interval.cancelled_write_bytes
));
const WAIT: Column<Row> = column!("WAIT", 5, Right, spare 3, |row, cell| {
    match row.proc.io_wait_ns {
        Some((waited, _)) => {
            let share = 100.0 * waited as f64 / row.interval_ns.max(1) as f64;
            let _ = write!(cell, "{share:.0}%");
        }
        None => cell.push('-'),
    }
});
const CALLS: Column<Row> = accounts!("CALLS/s", spare 6, |row, accounts| {
    let calls = accounts.interval.syscalls();
    format!("{:.0}", per_second(row, calls))
});
const MEAN: Column<Row> = accounts!("MEAN", spare 7, |_, accounts| {
    let usage = &accounts.interval;
    match usage.read_call_bytes.saturating_add(usage.write_call_bytes).checked_div(usage.syscalls()) {
        Some(mean) => units::bytes(mean),
        None => "-".to_owned(),
    }
});
const TOTAL_READ: Column<Row> = accounts!("TOT_R", spare 4, |_, accounts| units::bytes(
    accounts.total.disk_read_bytes
));
const TOTAL_WRITE: Column<Row> = accounts!("TOT_W", spare 4, |_, accounts| signed(
    accounts.total.net_write_bytes()
));
const THREADS: Column<Row> = column!("THR", 4, Right, spare 8, |row, cell| {
    match row.proc.threads {
        Some(threads) => _ = write!(cell, "{threads}"),
        None => cell.push('-'),
    }
});
const UPTIME: Column<Row> = column!("UP", 6, Right, spare 5, |row, cell| {
    match row.proc.facts.started {
        Some(started) => {
            cell.push_str(&units::duration(row.time.0.saturating_sub(started.0)));
        }
        None => cell.push('-'),
    }
});
const UNIT: Column<Row> = column!("UNIT", 20, Cut, spare 2, |row, cell| {
    let name = unit(&row.proc).unwrap_or_else(|| "-".to_owned());
    cell.push_str(&sanitize::name(name.as_bytes()));
});
const COMMAND: Column<Row> = column!("COMMAND", 0, Cut, |row, cell| {
    let facts = &row.proc.facts;
    match &facts.command {
        Some(command) if row.proc.tid.is_none() => cell.push_str(&sanitize::name(command)),
        _ if facts.kernel => {
            let _ = write!(cell, "[{}]", sanitize::name(&facts.comm));
        }
        _ => cell.push_str(&sanitize::name(&facts.comm)),
    }
    if row.proc.ended {
        cell.push_str(" (ended)");
    }
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
    TOTAL_READ,
    TOTAL_WRITE,
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
    TOTAL_READ,
    TOTAL_WRITE,
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

fn per_second(row: &Row, count: u64) -> f64 {
    count as f64 * 1e9 / row.interval_ns.max(1) as f64
}

fn rate(row: &Row, bytes: u64) -> String {
    units::bytes(per_second(row, bytes).round() as u64)
}

fn signed(bytes: i64) -> String {
    let size = units::bytes(bytes.unsigned_abs());
    if bytes < 0 { format!("-{size}") } else { size }
}

macro_rules! device {
    ($title:literal, $width:literal, spare $spare:literal, $value:expr) => {
        column!($title, $width, Right, spare $spare, |row, cell| {
            let value: fn(&DeviceRow) -> Option<f64> = $value;
            match value(row) {
                Some(value) => _ = write!(cell, "{value:.1}"),
                None => cell.push('-'),
            }
        })
    };
}

fn each_second(row: &DeviceRow, count: u64) -> f64 {
    count as f64 * 1e9 / row.interval_ns.max(1) as f64
}

/// Columns of devices, with the words of iostat.
pub const OF_DEVICES: &[Column<DeviceRow>] = &[
    column!("DEVICE", 12, Left, |row, cell| cell
        .push_str(&sanitize::name(row.device.name.as_bytes()))),
    device!("r/s", 8, spare 0, |row| Some(each_second(row, row.device.work.reads))),
    device!("rkB/s", 10, spare 0, |row| Some(
        each_second(row, row.device.work.read_bytes) / 1024.0
    )),
    device!("r_await", 7, spare 3, |row| ratio(
        row.device.work.read_ns,
        row.device.work.reads,
        1e6
    )),
    device!("rareq-sz", 8, spare 6, |row| ratio(
        row.device.work.read_bytes,
        row.device.work.reads,
        1024.0
    )),
    device!("w/s", 8, spare 0, |row| Some(each_second(row, row.device.work.writes))),
    device!("wkB/s", 10, spare 0, |row| Some(
        each_second(row, row.device.work.write_bytes) / 1024.0
    )),
    device!("w_await", 7, spare 3, |row| ratio(
        row.device.work.write_ns,
        row.device.work.writes,
        1e6
    )),
    device!("wareq-sz", 8, spare 6, |row| ratio(
        row.device.work.write_bytes,
        row.device.work.writes,
        1024.0
    )),
    device!("f/s", 6, spare 5, |row| Some(each_second(row, row.device.work.flushes))),
    device!("aqu-sz", 7, spare 4, |row| ratio(row.device.work.queue_ns, row.interval_ns, 1.0)),
    device!("%util", 6, spare 0, |row| ratio(row.device.work.busy_ns, row.interval_ns, 0.01)),
    column!("KIND", 9, Left, spare 2, |row, cell| cell
        .push_str(row.device.kind.name())),
    column!("ON", 0, Cut, |row, cell| {
        let mut parts = row.device.below.join(" ");
        if let Some(label) = &row.device.label {
            let _ = write!(
                parts,
                "{}({label})",
                if parts.is_empty() { "" } else { " " }
            );
        }
        cell.push_str(&sanitize::name(parts.as_bytes()));
    }),
];

/// A mean, in units of `unit`; none of nothing.
fn ratio(sum: u64, count: u64, unit: f64) -> Option<f64> {
    (count > 0).then(|| sum as f64 / count as f64 / unit)
}

/// Devices that the headline names.
const NAMED_DEVICES: usize = 4;

/// `12:00:01 loadavg: … iowait: 3% | disk: 12 MiB/s read, … | nvme0n1 …`, each on lines of its own.
pub fn headlines(
    tick: &Tick,
    summary: &TickRow,
    system: Option<&System>,
    devices: &[DeviceRow],
    width: Option<usize>,
) -> String {
    let time = Timestamp::from_nanosecond(i128::from(tick.time.0)).unwrap_or_default();
    let time = time.to_zoned(TimeZone::system());
    let mut machine = time.strftime("%H:%M:%S").to_string();
    if let Some(load) = &tick.load {
        let _ = write!(machine, " loadavg: {}", load.average.escape_default());
        if let Some(iowait) = load.iowait {
            let _ = write!(machine, " iowait: {:.1}%", iowait * 100.0);
        }
    }
    if let Some(some) = system.and_then(|system| system.io_some) {
        let _ = write!(machine, " I/O pressure: {:.0}%", some * 100.0);
    }
    let second = summary.interval_ns.max(1) as f64 / 1e9;
    let rate = |bytes: u64| units::bytes((bytes as f64 / second).round() as u64);
    let sums = format!(
        "processes: {}/s read, {}/s written, {}/s cancelled; lost: {}",
        rate(summary.total.disk_read_bytes),
        rate(summary.total.disk_write_bytes),
        rate(summary.total.cancelled_write_bytes),
        summary.lost
    );
    let mut lines = vec![machine, sums];
    let is_truth = |kind| matches!(kind, DeviceKind::Disk | DeviceKind::Memory);
    let disks = devices
        .iter()
        .filter(|row| is_truth(row.device.kind) && row.device.work.is_any());
    let disks: Vec<_> = disks
        .take(NAMED_DEVICES)
        .map(|row| {
            let DeviceWork {
                read_bytes,
                write_bytes,
                busy_ns,
                ..
            } = row.device.work;
            format!(
                "{} {}/s read, {}/s written, {:.0}% busy",
                sanitize::name(row.device.name.as_bytes()),
                rate(read_bytes),
                rate(write_bytes),
                100.0 * busy_ns as f64 / row.interval_ns.max(1) as f64
            )
        })
        .collect();
    if !disks.is_empty() {
        lines.push(format!("devices: {}", disks.join("; ")));
    }
    let mut text = String::new();
    for line in lines {
        // All of it is ASCII, but for what a device may be called.
        text.extend(line.chars().take(width.unwrap_or(usize::MAX)));
        text.push('\n');
    }
    text.push('\n');
    text
}

/// As many of the rows as there is room for, with their files.
pub fn fitting(rows: &[Row], mut room: usize) -> &[Row] {
    let fits = |row: &&Row| {
        let lines = 1 + row.files.len();
        let fits = lines <= room;
        room = room.saturating_sub(lines);
        fits
    };
    let count = rows.iter().take_while(fits).count();
    &rows[..count.max(1).min(rows.len())]
}

/// The files of a process, below it.
pub fn files(row: &Row, width: Option<usize>, out: &mut Vec<u8>) {
    for (path, counts) in &row.files {
        let mut line = format!(
            "        {:>9} {:>9} ",
            rate(row, counts.read_bytes),
            rate(row, counts.write_bytes)
        );
        match path {
            Some(path) => sanitize::path(path, &mut line),
            None => line.push_str("<unknown>"),
        }
        out.extend_from_slice(table::begin(&line, width.unwrap_or(usize::MAX)).as_bytes());
        out.push(b'\n');
    }
}
