//! Rows of `opens`: their columns and NDJSON fields.

use std::fmt::Write as _;

use nix::errno::Errno;

use super::args::Config;
use crate::{
    event::{FileId, FilePath, FileType, Lost, Open, Opened, Time},
    flags,
    output::{
        ndjson::{Field, field},
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
    let _ = write!(cell, "{}", row.open.thread.uid);
});
const PID: Column<Row> = column!("PID", 7, Left, |row, cell| {
    let _ = write!(cell, "{}", row.open.thread.pid);
});
const TID: Column<Row> = column!("TID", 7, Left, |row, cell| {
    let _ = write!(cell, "{}", row.open.thread.tid);
});
const COMM: Column<Row> = column!("COMM", 15, Left, |row, cell| {
    cell.push_str(&sanitize::text(&row.open.thread.comm));
});
const FD: Column<Row> = column!("FD", 4, Right, |row, cell| {
    let _ = match row.open.result {
        Opened::Ok { fd, .. } => write!(cell, "{fd}"),
        Opened::Failed { .. } => write!(cell, "-1"),
    };
});
const ERR: Column<Row> = column!("ERR", 3, Right, |row, cell| {
    let _ = match row.open.result {
        Opened::Ok { .. } => write!(cell, "0"),
        Opened::Failed { errno } => write!(cell, "{errno}"),
    };
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
fn takes_mode(open: &Open) -> bool {
    open.flags & libc::O_CREAT as u64 != 0 || flags::is_tmpfile(open.flags)
}

fn path(row: &Row) -> Option<&FilePath> {
    row.open.path.as_ref()
}

fn file(row: &Row) -> Option<(FileId, FileType)> {
    match row.open.result {
        Opened::Ok { file, .. } => file,
        Opened::Failed { .. } => None,
    }
}

fn errno(row: &Row) -> Option<i32> {
    match row.open.result {
        Opened::Ok { .. } => None,
        Opened::Failed { errno } => Some(errno),
    }
}

/// Fields of an `open` record.
pub const OPEN_FIELDS: &[Field<Row>] = &[
    field!("ts", "when the call returned", |row, slot| slot
        .time(row.open.time)),
    field!(
        "pid",
        "process id in the initial PID namespace",
        |row, slot| {
            slot.number(row.open.thread.pid.into());
        }
    ),
    field!("tid", "thread id", |row, slot| slot
        .number(row.open.thread.tid.into())),
    field!("uid", "real user id", |row, slot| slot
        .number(row.open.thread.uid.into())),
    field!("comm", "name of the thread", |row, slot| slot
        .text(&row.open.thread.comm)),
    field!(
        "comm_b64",
        "the same in Base64, when it is not UTF-8",
        |row, slot| {
            slot.raw(&row.open.thread.comm);
        }
    ),
    field!(
        "fd",
        "file descriptor; absent when the open failed",
        |row, slot| {
            if let Opened::Ok { fd, .. } = row.open.result {
                slot.number(fd.into());
            }
        }
    ),
    field!(
        "errno",
        "error number; absent when the open succeeded",
        |row, slot| {
            if let Some(errno) = errno(row) {
                slot.number(errno.unsigned_abs().into());
            }
        }
    ),
    field!("error", "its name, such as `ENOENT`", |row, slot| {
        if let Some(errno) = errno(row).map(Errno::from_raw)
            && errno != Errno::UnknownErrno
        {
            slot.text(format!("{errno:?}").as_bytes());
        }
    }),
    field!(
        "flags",
        "flags as the caller gave them, by name",
        |row, slot| {
            slot.words(flags::names(row.open.flags));
        }
    ),
    field!(
        "mode",
        "permission bits asked for a new file, octal; absent when no file could be made",
        |row, slot| {
            if takes_mode(&row.open) {
                slot.text(format!("{:04o}", row.open.mode).as_bytes());
            }
        }
    ),
    field!(
        "created",
        "whether this open made the file; absent when it failed or is not known",
        |row, slot| {
            if let Opened::Ok {
                created: Some(created),
                ..
            } = row.open.result
            {
                slot.flag(created);
            }
        }
    ),
    field!(
        "path",
        "absolute path of the opened file; of a failed open what the caller asked for",
        |row, slot| {
            if let Some(path) = path(row) {
                slot.text(&path.bytes);
            }
        }
    ),
    field!(
        "path_b64",
        "the same in Base64, when it is not UTF-8",
        |row, slot| {
            if let Some(path) = path(row) {
                slot.raw(&path.bytes);
            }
        }
    ),
    field!(
        "path_claimed",
        "`true` when the path is the caller's own string, made absolute, not a name found by the kernel",
        |row, slot| {
            slot.mark(path(row).is_some_and(|path| path.claimed));
        }
    ),
    field!(
        "deleted",
        "`true` when the name had been unlinked",
        |row, slot| {
            slot.mark(path(row).is_some_and(|path| path.deleted));
        }
    ),
    field!(
        "path_cut",
        "`true` when leading components are missing (as for a bad directory descriptor), or the end of what the caller asked for",
        |row, slot| {
            slot.mark(path(row).is_some_and(|path| path.cut));
        }
    ),
    field!(
        "dev",
        "device of the file system, `MAJOR:MINOR`",
        |row, slot| {
            if let Some((file, _)) = file(row) {
                slot.text(format!("{}:{}", file.major, file.minor).as_bytes());
            }
        }
    ),
    field!(
        "ino",
        "inode number",
        |row, slot| if let Some((file, _)) = file(row) {
            slot.number(file.ino);
        }
    ),
    field!(
        "gen",
        "generation of the inode: another file has another",
        |row, slot| {
            if let Some((file, _)) = file(row) {
                slot.number(file.generation.into());
            }
        }
    ),
    field!(
        "file_type",
        "as in `io`",
        |row, slot| if let Some((_, file_type)) = file(row) {
            slot.text(file_type.name().as_bytes());
        }
    ),
    field!(
        "cgroup_id",
        "id of the caller's control group (v2)",
        |row, slot| {
            slot.number(row.open.cgroup);
        }
    ),
    field!(
        "mnt_ns",
        "inode number of the caller's mount namespace",
        |row, slot| {
            if let Some(mount_ns) = row.open.mount_ns {
                slot.number(mount_ns.into());
            }
        }
    ),
];

/// Fields of a `tick` record of `opens`.
pub const LOSS_FIELDS: &[Field<LossRow>] = &[
    field!("ts", "end of the interval", |row, slot| slot.time(row.time)),
    field!("interval_ns", "length of the interval", |row, slot| {
        slot.number(row.interval_ns);
    }),
    field!(
        "lost",
        "what was lost in the interval, by cause",
        |row, slot| {
            slot.numbers(row.lost.iter());
        }
    ),
];
