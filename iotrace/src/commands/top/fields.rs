//! NDJSON fields of `top`.

use super::rows::{Row, TickRow};
use crate::{
    event::Counts,
    output::ndjson::{Field, Slot, field},
};

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
                slot.device(file.major, file.minor);
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
    field!(
        "fetched_bytes",
        "bytes that had to be read from storage for that, readahead included; only with `--cache`, absent when not known (AIO, io_uring)",
        |row, slot| {
            if let Some(storage) = row.counts.storage {
                slot.number(storage.fetched_bytes);
            }
        }
    ),
    field!(
        "dirtied_bytes",
        "bytes of pages that became dirty by it (of direct writes, their bytes), likewise",
        |row, slot| {
            if let Some(storage) = row.counts.storage {
                slot.number(storage.dirtied_bytes);
            }
        }
    ),
    field!(
        "cloned_bytes",
        "bytes that the file came to share with another one (reflink); absent when none",
        |row, slot| {
            put_if(row.counts.cloned_bytes, slot);
        }
    ),
    field!(
        "map_reads",
        "page faults that read the mapped file; absent when none, or without `--mmap`",
        |row, slot| {
            put_if(row.counts.map_reads, slot);
        }
    ),
    field!(
        "map_writes",
        "first writes to a page of a shared mapping of the file, likewise",
        |row, slot| {
            put_if(row.counts.map_writes, slot);
        }
    ),
    field!(
        "layer",
        "`lower` when it was done to a file below another one, which has the same bytes in a row of its own; only with `--layers`",
        |row, slot| {
            if row.lower {
                slot.text(b"lower");
            }
        }
    ),
];

fn put_if(number: u64, slot: Slot<'_>) {
    if number > 0 {
        slot.number(number);
    }
}

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
        "fetched_bytes",
        "bytes read from storage, likewise; absent when not known",
        |tick, slot| {
            if let Some(storage) = tick.total.storage {
                slot.number(storage.fetched_bytes);
            }
        }
    ),
    field!(
        "dirtied_bytes",
        "bytes of pages that became dirty, likewise",
        |tick, slot| {
            if let Some(storage) = tick.total.storage {
                slot.number(storage.dirtied_bytes);
            }
        }
    ),
    field!(
        "cloned_bytes",
        "bytes cloned, likewise; absent when none",
        |tick, slot| {
            put_if(tick.total.cloned_bytes, slot);
        }
    ),
    field!(
        "map_reads",
        "page faults that read mapped files, likewise",
        |tick, slot| {
            put_if(tick.total.map_reads, slot);
        }
    ),
    field!(
        "map_writes",
        "first writes to pages of mapped files, likewise",
        |tick, slot| {
            put_if(tick.total.map_writes, slot);
        }
    ),
    field!(
        "overflow",
        "operations that found no free row, and their bytes",
        |tick, slot| {
            let Counts {
                reads,
                writes,
                read_bytes,
                write_bytes,
                map_reads,
                map_writes,
                cloned_bytes,
                storage,
            } = tick.overflow;
            let storage = storage.unwrap_or_default();
            let always = [
                ("reads", reads),
                ("writes", writes),
                ("read_bytes", read_bytes),
                ("write_bytes", write_bytes),
            ];
            let rare = [
                ("cloned_bytes", cloned_bytes),
                ("map_reads", map_reads),
                ("map_writes", map_writes),
                ("fetched_bytes", storage.fetched_bytes),
                ("dirtied_bytes", storage.dirtied_bytes),
            ];
            let rare = rare.into_iter().filter(|(_, number)| *number > 0);
            slot.numbers(always.into_iter().chain(rare));
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
