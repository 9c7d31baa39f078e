//! NDJSON fields of `churn`.

use super::rows::{LifeRow, PatternRow, TickRow};
use crate::{
    event::{FilePath, Thread},
    output::ndjson::{Field, Slot, field, put},
};

fn path(row: &LifeRow) -> Option<&FilePath> {
    row.ended.life.path.as_ref()
}

fn id(thread: Option<&Thread>, id: fn(&Thread) -> u32, slot: Slot<'_>) {
    put(thread.map(|thread| id(thread).into()), slot);
}

fn comm(thread: Option<&Thread>, slot: Slot<'_>) {
    if let Some(thread) = thread {
        slot.text(&thread.comm);
    }
}

fn creator(row: &LifeRow) -> Option<&Thread> {
    row.ended.life.created.as_ref().map(|(_, thread)| thread)
}

/// Fields of a `life` record: a file that ended.
pub const LIFE_FIELDS: &[Field<LifeRow>] = &[
    field!("ts", "when it ended", |row, slot| slot.time(row.ended.time)),
    field!("path", "its last name", |row, slot| {
        if let Some(path) = path(row) {
            slot.text(&path.bytes);
        }
    }),
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
        "`true` when the name is the caller's own string, not one found by the kernel",
        |row, slot| slot.mark(path(row).is_some_and(|path| path.claimed))
    ),
    field!(
        "path_cut",
        "`true` when leading components are missing",
        |row, slot| slot.mark(path(row).is_some_and(|path| path.cut))
    ),
    field!(
        "created_ts",
        "when it was made; absent when that was before the start",
        |row, slot| {
            if let Some((time, _)) = row.ended.life.created {
                slot.time(time);
            }
        }
    ),
    field!(
        "lifetime_ns",
        "how long it lived; absent likewise",
        |row, slot| put(row.ended.lifetime_ns(), slot)
    ),
    field!(
        "older_than_ns",
        "of a file that was there before the start: time since then",
        |row, slot| {
            if row.ended.life.created.is_none() {
                slot.number(row.watched_ns);
            }
        }
    ),
    field!(
        "end",
        "`unlink`: its last name was removed; `replaced`: another file was renamed to it; `last_close`: it had no name, and the last who had it open closed it",
        |row, slot| slot.text(row.ended.end.name().as_bytes())
    ),
    field!(
        "write_bytes",
        "bytes written to it; absent when some may not have been seen",
        |row, slot| put(row.ended.life.write_bytes, slot)
    ),
    field!("read_bytes", "bytes read from it, likewise", |row, slot| {
        put(row.ended.life.read_bytes, slot);
    }),
    field!(
        "cancelled_bytes",
        "bytes written that never went to storage, because the file was cut or removed first; absent when not known",
        |row, slot| put(row.ended.life.cancelled_bytes, slot)
    ),
    field!(
        "opens",
        "opens, the one that made it included; absent when some may not have been seen",
        |row, slot| put(row.ended.life.opens, slot)
    ),
    field!(
        "truncates",
        "how often it was cut to nothing",
        |row, slot| {
            slot.number(row.ended.life.truncates);
        }
    ),
    field!(
        "pid",
        "process that made it, by its id in the initial PID namespace; absent when not seen",
        |row, slot| id(creator(row), |thread| thread.pid, slot)
    ),
    field!("tid", "the thread", |row, slot| {
        id(creator(row), |thread| thread.tid, slot);
    }),
    field!("comm", "its name", |row, slot| comm(creator(row), slot)),
    field!("end_pid", "process that ended it", |row, slot| {
        id(Some(&row.ended.thread), |thread| thread.pid, slot);
    }),
    field!("end_tid", "the thread", |row, slot| {
        id(Some(&row.ended.thread), |thread| thread.tid, slot);
    }),
    field!("end_comm", "its name", |row, slot| {
        comm(Some(&row.ended.thread), slot);
    }),
    field!(
        "dev",
        "device of the file system, `MAJOR:MINOR`; absent when only the name is known",
        |row, slot| {
            if let Some(file) = row.ended.life.file {
                slot.device(file.major, file.minor);
            }
        }
    ),
    field!("ino", "inode number, likewise", |row, slot| {
        put(row.ended.life.file.map(|file| file.ino), slot);
    }),
    field!("gen", "generation of the inode, likewise", |row, slot| {
        put(row.ended.life.file.map(|file| file.generation.into()), slot);
    }),
    field!(
        "file_type",
        "as in `io`; absent when only the name is known, which may be that of any file but a directory",
        |row, slot| {
            if let Some(file_type) = row.ended.life.file_type {
                slot.text(file_type.name().as_bytes());
            }
        }
    ),
];

/// Fields of a `churn` record: a pattern, since the start.
pub const CHURN_FIELDS: &[Field<PatternRow>] = &[
    field!("ts", "end of the interval", |row, slot| slot.time(row.time)),
    field!(
        "pattern",
        "names of the files, with what differs between them as `*` (see docs/churn.md)",
        |row, slot| slot.text(&row.pattern.name)
    ),
    field!(
        "pattern_b64",
        "the same in Base64, when it is not UTF-8",
        |row, slot| slot.raw(&row.pattern.name)
    ),
    field!("created", "files made", |row, slot| {
        slot.number(row.pattern.created);
    }),
    field!("deleted", "files that ended", |row, slot| {
        slot.number(row.pattern.deleted);
    }),
    field!(
        "older",
        "those of them that were there before the start",
        |row, slot| slot.number(row.pattern.older)
    ),
    field!(
        "alive",
        "files that were made and have not ended",
        |row, slot| slot.number(row.pattern.alive)
    ),
    field!(
        "lifetime_p50_ns",
        "half of those that were made and ended lived at most so long (to 2 %); absent when there are none",
        |row, slot| put(row.pattern.lifetimes.quantile(0.5), slot)
    ),
    field!(
        "lifetime_p95_ns",
        "95 of 100 lived at most so long",
        |row, slot| put(row.pattern.lifetimes.quantile(0.95), slot)
    ),
    field!("lifetime_max_ns", "the longest life", |row, slot| {
        put(row.pattern.lifetimes.max(), slot);
    }),
    field!("write_bytes", "bytes written to the files", |row, slot| {
        slot.number(row.pattern.write_bytes);
    }),
    field!("read_bytes", "bytes read from them", |row, slot| {
        slot.number(row.pattern.read_bytes);
    }),
    field!(
        "cancelled_bytes",
        "bytes written that never went to storage, because files were cut or removed first; absent when not known",
        |row, slot| put(row.pattern.cancelled_bytes, slot)
    ),
    field!(
        "opens",
        "opens, those that made files included",
        |row, slot| {
            slot.number(row.pattern.opens);
        }
    ),
    field!(
        "largest_burst",
        "most files that were made within one second of the clock",
        |row, slot| slot.number(row.pattern.largest_burst())
    ),
    field!(
        "pid",
        "process of the thread that made most of the files, or ended most where none was made",
        |row, slot| {
            let thread = row.pattern.creator().or_else(|| row.pattern.deleter());
            id(thread, |thread| thread.pid, slot);
        }
    ),
    field!("tid", "that thread", |row, slot| {
        let thread = row.pattern.creator().or_else(|| row.pattern.deleter());
        id(thread, |thread| thread.tid, slot);
    }),
    field!("comm", "its name", |row, slot| {
        comm(
            row.pattern.creator().or_else(|| row.pattern.deleter()),
            slot,
        );
    }),
    field!(
        "end_pid",
        "process of the thread that ended most of the files",
        |row, slot| id(row.pattern.deleter(), |thread| thread.pid, slot)
    ),
    field!("end_tid", "that thread", |row, slot| {
        id(row.pattern.deleter(), |thread| thread.tid, slot);
    }),
    field!("end_comm", "its name", |row, slot| {
        comm(row.pattern.deleter(), slot);
    }),
];

/// Fields of a `tick` record of `churn`.
pub const TICK_FIELDS: &[Field<TickRow>] = &[
    field!("ts", "end of the interval", |row, slot| slot.time(row.time)),
    field!("interval_ns", "length of the interval", |row, slot| {
        slot.number(row.interval_ns);
    }),
    field!("files", "files that are followed", |row, slot| {
        slot.number(row.files);
    }),
    field!(
        "lost",
        "what was lost in the interval, by cause",
        |row, slot| slot.numbers(row.lost.iter())
    ),
];
