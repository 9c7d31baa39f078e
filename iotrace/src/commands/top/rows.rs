//! Rows of `top`: what they hold, their columns and their NDJSON fields.

use std::{fmt::Write as _, sync::Arc};

use bytes::Bytes;
use jiff::{Timestamp, tz::TimeZone};

use super::args::By;
use crate::{
    event::{Counts, FileId, FilePath, FileType, Io, Load, Lost, Time},
    output::{
        ndjson::{Field, field},
        sanitize,
        table::{Column, column},
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
    pub comm: Option<Bytes>,
    /// The file and its kind.
    pub file: Option<(FileId, FileType)>,
    /// Its path, or that of the directory.
    pub path: Option<Arc<FilePath>>,
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
    let time = Timestamp::from_nanosecond(i128::from(tick.time.0)).unwrap_or_default();
    let time = time.to_zoned(TimeZone::system());
    let mut machine = time.strftime("%H:%M:%S").to_string();
    // Writing to a string does not fail.
    if let Some(load) = &tick.load {
        let _ = write!(machine, " loadavg: {}", load.average.escape_default());
        if let Some(iowait) = load.iowait {
            let _ = write!(machine, " iowait: {:.1}%", iowait * 100.0);
        }
    }
    let mut sums = format!(
        "reads: {} ({}) writes: {} ({})",
        tick.total.reads,
        units::bytes(tick.total.read_bytes),
        tick.total.writes,
        units::bytes(tick.total.write_bytes),
    );
    if tick.overflow != Counts::default() {
        let _ = write!(
            sums,
            " without a row: {} ({})",
            tick.overflow.operations(),
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
const COMM: Column<Row> = column!("COMM", 15, Left, |row, cell| {
    cell.push_str(&sanitize::text(row.comm.as_deref().unwrap_or_default()));
});
const READS: Column<Row> = column!("READS", 7, Right, |row, cell| {
    let _ = write!(cell, "{}", row.counts.reads);
});
const WRITES: Column<Row> = column!("WRITES", 7, Right, |row, cell| {
    let _ = write!(cell, "{}", row.counts.writes);
});
const R_KB: Column<Row> = column!("R_KB", 8, Right, |row, cell| {
    let _ = write!(cell, "{}", units::kib(row.counts.read_bytes));
});
const W_KB: Column<Row> = column!("W_KB", 8, Right, |row, cell| {
    let _ = write!(cell, "{}", units::kib(row.counts.write_bytes));
});
const T: Column<Row> = column!("T", 1, Left, |row, cell| {
    cell.push(row.file.map_or('-', |(_, file_type)| file_type.letter()));
});
const FILE: Column<Row> = column!("FILE", 0, Left, path);
const DIRECTORY: Column<Row> = column!("DIRECTORY", 0, Left, path);
const FILES: Column<Row> = column!("FILES", 7, Right, |row, cell| {
    let _ = write!(cell, "{}", row.files);
});

/// The columns of a grouping.
pub fn columns(by: Option<By>) -> &'static [Column<Row>] {
    match by {
        None => &[PID, TID, COMM, READS, WRITES, R_KB, W_KB, T, FILE],
        Some(By::File) => &[READS, WRITES, R_KB, W_KB, T, FILE],
        Some(By::Thread) => &[PID, TID, READS, WRITES, R_KB, W_KB, FILES, COMM],
        Some(By::Process) => &[PID, READS, WRITES, R_KB, W_KB, FILES, COMM],
        Some(By::Directory) => &[READS, WRITES, R_KB, W_KB, FILES, DIRECTORY],
    }
}

fn number(value: Option<u32>, cell: &mut String) {
    if let Some(value) = value {
        let _ = write!(cell, "{value}");
    }
}

fn path(row: &Row, cell: &mut String) {
    match (&row.path, row.file) {
        (Some(path), _) => {
            sanitize::path(path, cell);
        }
        (None, Some((file, _))) => {
            let _ = write!(cell, "<{}:{} inode {}>", file.major, file.minor, file.ino);
        }
        (None, None) => cell.push_str("<unknown>"),
    }
}

/// Fields of an `io` record.
pub const IO_FIELDS: &[Field<Row>] = &[
    field!("ts", "end of the interval", |row, slot| slot.time(row.time)),
    field!(
        "pid",
        "process id in the initial PID namespace",
        |row, slot| {
            if let Some(pid) = row.pid {
                slot.number(pid.into());
            }
        }
    ),
    field!("tid", "thread id", |row, slot| if let Some(tid) = row.tid {
        slot.number(tid.into());
    }),
    field!(
        "uid",
        "real user id",
        |row, slot| if let Some(uid) = row.uid {
            slot.number(uid.into());
        }
    ),
    field!("comm", "name of the thread", |row, slot| {
        if let Some(comm) = &row.comm {
            slot.text(comm);
        }
    }),
    field!(
        "comm_b64",
        "the same in Base64, when it is not UTF-8",
        |row, slot| {
            if let Some(comm) = &row.comm {
                slot.raw(comm);
            }
        }
    ),
    field!(
        "path",
        "absolute path, or `pipe:[INO]` and the like",
        |row, slot| {
            if let Some(path) = &row.path {
                slot.text(&path.bytes);
            }
        }
    ),
    field!(
        "path_b64",
        "the same in Base64, when it is not UTF-8",
        |row, slot| {
            if let Some(path) = &row.path {
                slot.raw(&path.bytes);
            }
        }
    ),
    field!(
        "deleted",
        "`true` when the name has been unlinked",
        |row, slot| {
            slot.mark(row.path.as_ref().is_some_and(|path| path.deleted));
        }
    ),
    field!(
        "path_cut",
        "`true` when leading components are missing",
        |row, slot| {
            slot.mark(row.path.as_ref().is_some_and(|path| path.cut));
        }
    ),
    field!(
        "dev",
        "device of the file system, `MAJOR:MINOR`",
        |row, slot| {
            if let Some((file, _)) = row.file {
                slot.text(format!("{}:{}", file.major, file.minor).as_bytes());
            }
        }
    ),
    field!(
        "ino",
        "inode number",
        |row, slot| if let Some((file, _)) = row.file {
            slot.number(file.ino);
        }
    ),
    field!(
        "gen",
        "generation of the inode: another file has another",
        |row, slot| {
            if let Some((file, _)) = row.file {
                slot.number(file.generation.into());
            }
        }
    ),
    field!(
        "file_type",
        "`regular`, `block`, `char`, `fifo`, `socket`, `directory`, `symlink` or `other`",
        |row, slot| if let Some((_, file_type)) = row.file {
            slot.text(file_type.name().as_bytes());
        }
    ),
    field!(
        "files",
        "different files that are summed in the row; only with `--by thread`, `process` or `directory`",
        |row, slot| {
            if row.file.is_none() {
                slot.number(row.files);
            }
        }
    ),
    field!(
        "reads",
        "reads in the interval that did not fail",
        |row, slot| {
            slot.number(row.counts.reads);
        }
    ),
    field!(
        "writes",
        "writes in the interval that did not fail",
        |row, slot| {
            slot.number(row.counts.writes);
        }
    ),
    field!(
        "read_bytes",
        "bytes that those reads returned",
        |row, slot| {
            slot.number(row.counts.read_bytes);
        }
    ),
    field!(
        "write_bytes",
        "bytes that those writes accepted",
        |row, slot| {
            slot.number(row.counts.write_bytes);
        }
    ),
];

/// Fields of a `tick` record of `top`.
pub const TICK_FIELDS: &[Field<TickRow>] = &[
    field!("ts", "end of the interval", |tick, slot| slot
        .time(tick.time)),
    field!("interval_ns", "length of the interval", |tick, slot| {
        slot.number(tick.interval_ns);
    }),
    field!(
        "rows",
        "rows of the interval, also those that `--rows` left out",
        |tick, slot| {
            slot.number(tick.rows);
        }
    ),
    field!(
        "reads",
        "reads: the sum of all rows and `overflow`",
        |tick, slot| {
            slot.number(tick.total.reads);
        }
    ),
    field!("writes", "writes, likewise", |tick, slot| slot
        .number(tick.total.writes)),
    field!("read_bytes", "bytes read, likewise", |tick, slot| {
        slot.number(tick.total.read_bytes);
    }),
    field!("write_bytes", "bytes written, likewise", |tick, slot| {
        slot.number(tick.total.write_bytes);
    }),
    field!(
        "overflow",
        "operations that found no free row, and their bytes",
        |tick, slot| {
            let Counts {
                reads,
                writes,
                read_bytes,
                write_bytes,
            } = tick.overflow;
            slot.numbers(
                [
                    ("reads", reads),
                    ("writes", writes),
                    ("read_bytes", read_bytes),
                    ("write_bytes", write_bytes),
                ]
                .into_iter(),
            );
        }
    ),
    field!(
        "lost",
        "what was lost in the interval, by cause",
        |tick, slot| {
            slot.numbers(tick.lost.iter());
        }
    ),
    field!(
        "load_average",
        "`/proc/loadavg`",
        |tick, slot| if let Some(load) = &tick.load {
            slot.text(load.average.as_bytes());
        }
    ),
    field!(
        "iowait",
        "share of CPU time spent waiting for I/O, 0 to 1",
        |tick, slot| {
            if let Some(iowait) = tick.load.as_ref().and_then(|load| load.iowait) {
                slot.fraction(iowait);
            }
        }
    ),
];
