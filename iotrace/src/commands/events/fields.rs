//! NDJSON fields of `events`, beside those of `opens` and `top`.

use crate::{
    event::{Change, Changed, Each, FileId, FilePath, Operation},
    output::ndjson::{Field, field},
};

fn from(change: &Change) -> Option<&FilePath> {
    match &change.what {
        Changed::Link { from } | Changed::Rename { from, .. } => from.as_ref(),
        _ => None,
    }
}

fn other(change: &Change) -> Option<FileId> {
    match change.what {
        Changed::Rename { other, .. } => other,
        _ => None,
    }
}

/// Fields of the records of changes: `create`, `link`, `unlink`, `rmdir`, `rename`, `truncate`
/// and `free`.
pub const CHANGE_FIELDS: &[Field<Change>] = &[
    field!("ts", "when it was done", |change, slot| slot
        .time(change.time)),
    field!(
        "pid",
        "process id in the initial PID namespace",
        |change, slot| slot.number(change.thread.pid.into())
    ),
    field!("tid", "thread id", |change, slot| slot
        .number(change.thread.tid.into())),
    field!("uid", "real user id", |change, slot| slot
        .number(change.thread.uid.into())),
    field!("comm", "name of the thread", |change, slot| slot
        .text(&change.thread.comm)),
    field!(
        "comm_b64",
        "the same in Base64, when it is not UTF-8",
        |change, slot| slot.raw(&change.thread.comm)
    ),
    field!(
        "path",
        "the name that was made or removed; of a rename the new one; absent at the end of a file",
        |change, slot| {
            if let Some(path) = &change.path {
                slot.text(&path.bytes);
            }
        }
    ),
    field!(
        "path_b64",
        "the same in Base64, when it is not UTF-8",
        |change, slot| {
            if let Some(path) = &change.path {
                slot.raw(&path.bytes);
            }
        }
    ),
    field!(
        "path_claimed",
        "`true` when it is the caller's own string, made absolute, not a name found by the kernel",
        |change, slot| slot.mark(change.path.as_ref().is_some_and(|path| path.claimed))
    ),
    field!(
        "path_cut",
        "`true` when leading components are missing",
        |change, slot| slot.mark(change.path.as_ref().is_some_and(|path| path.cut))
    ),
    field!("deleted", "`true` when the name is gone", |change, slot| {
        slot.mark(change.path.as_ref().is_some_and(|path| path.deleted))
    }),
    field!(
        "from",
        "of a rename, the name before; of a link, one that the file had, where callers' names are told",
        |change, slot| {
            if let Some(path) = from(change) {
                slot.text(&path.bytes);
            }
        }
    ),
    field!(
        "from_b64",
        "the same in Base64, when it is not UTF-8",
        |change, slot| {
            if let Some(path) = from(change) {
                slot.raw(&path.bytes);
            }
        }
    ),
    field!("from_claimed", "as `path_claimed`", |change, slot| {
        slot.mark(from(change).is_some_and(|path| path.claimed));
    }),
    field!("from_cut", "as `path_cut`", |change, slot| {
        slot.mark(from(change).is_some_and(|path| path.cut));
    }),
    field!(
        "dev",
        "device of the file system, `MAJOR:MINOR`; absent when the file is not known (backends that see system calls only)",
        |change, slot| {
            if let Some(file) = change.file {
                slot.device(file.major, file.minor);
            }
        }
    ),
    field!("ino", "inode number, likewise", |change, slot| {
        if let Some(file) = change.file {
            slot.number(file.ino);
        }
    }),
    field!(
        "gen",
        "generation of the inode, likewise",
        |change, slot| {
            if let Some(file) = change.file {
                slot.number(file.generation.into());
            }
        }
    ),
    field!(
        "file_type",
        "as in `io`; absent when not known",
        |change, slot| {
            if let Some(file_type) = change.file_type {
                slot.text(file_type.name().as_bytes());
            }
        }
    ),
    field!(
        "links",
        "names that the file has now; of a rename, those left to the file that had the new one; absent when not known",
        |change, slot| {
            if let Some(links) = change.links {
                slot.number(links.into());
            }
        }
    ),
    field!(
        "held",
        "`true` when the file that lost a name by it, was replaced or exchanged, was open",
        |change, slot| slot.mark(change.held)
    ),
    field!(
        "other_dev",
        "of a rename, the file that had the new name: its device",
        |change, slot| {
            if let Some(file) = other(change) {
                slot.device(file.major, file.minor);
            }
        }
    ),
    field!("other_ino", "its inode number", |change, slot| {
        if let Some(file) = other(change) {
            slot.number(file.ino);
        }
    }),
    field!("other_gen", "its generation", |change, slot| {
        if let Some(file) = other(change) {
            slot.number(file.generation.into());
        }
    }),
    field!(
        "exchange",
        "`true` when that file got the old name",
        |change, slot| {
            let is_exchange = matches!(change.what, Changed::Rename { exchange: true, .. });
            slot.mark(is_exchange);
        }
    ),
    field!(
        "length_bytes",
        "of a `truncate`, the new size",
        |change, slot| {
            if let Changed::Truncate { length } = change.what {
                slot.number(length);
            }
        }
    ),
    field!(
        "cancelled_bytes",
        "bytes of dirty pages that were dropped since the thread was last heard of, and will not be written to storage; absent when not known",
        |change, slot| {
            if let Some(bytes) = change.cancelled_bytes {
                slot.number(bytes);
            }
        }
    ),
];

/// Fields of a `read`, `write` or `sync` record: one operation.
pub const EACH_FIELDS: &[Field<Each>] = &[
    field!("ts", "when it ended", |each, slot| slot.time(each.time)),
    field!(
        "pid",
        "process id in the initial PID namespace",
        |each, slot| slot.number(each.thread.pid.into())
    ),
    field!("tid", "thread id", |each, slot| slot
        .number(each.thread.tid.into())),
    field!("uid", "real user id", |each, slot| slot
        .number(each.thread.uid.into())),
    field!("comm", "name of the thread", |each, slot| slot
        .text(&each.thread.comm)),
    field!(
        "comm_b64",
        "the same in Base64, when it is not UTF-8",
        |each, slot| slot.raw(&each.thread.comm)
    ),
    field!("path", "as in `io`", |each, slot| {
        if let Some(path) = &each.path {
            slot.text(&path.bytes);
        }
    }),
    field!(
        "path_b64",
        "the same in Base64, when it is not UTF-8",
        |each, slot| {
            if let Some(path) = &each.path {
                slot.raw(&path.bytes);
            }
        }
    ),
    field!("deleted", "as in `io`", |each, slot| {
        slot.mark(each.path.as_ref().is_some_and(|path| path.deleted));
    }),
    field!("path_cut", "as in `io`", |each, slot| {
        slot.mark(each.path.as_ref().is_some_and(|path| path.cut));
    }),
    field!("dev", "as in `io`", |each, slot| slot
        .device(each.file.major, each.file.minor)),
    field!("ino", "inode number", |each, slot| slot
        .number(each.file.ino)),
    field!("gen", "generation of the inode", |each, slot| slot
        .number(each.file.generation.into())),
    field!("file_type", "as in `io`", |each, slot| slot
        .text(each.file_type.name().as_bytes())),
    field!(
        "bytes",
        "bytes that were moved: the result; absent of a sync",
        |each, slot| {
            if each.operation != Operation::Sync {
                slot.number(each.bytes);
            }
        }
    ),
    field!(
        "count",
        "operations that are told together, where one call fetched the results of several; absent for one",
        |each, slot| {
            if each.count != 1 {
                slot.number(each.count);
            }
        }
    ),
    field!(
        "offset_bytes",
        "where in the file it began; absent when not known (appending writes, AIO, io_uring, copies), or there are no places (pipes)",
        |each, slot| {
            if let Some(offset) = each.offset {
                slot.number(offset);
            }
        }
    ),
    field!(
        "size_bytes",
        "bytes that were asked for; absent when not known (likewise, and vectors)",
        |each, slot| {
            if let Some(size) = each.size {
                slot.number(size);
            }
        }
    ),
    field!(
        "latency_ns",
        "how long it took; absent when not known (AIO, io_uring, copies)",
        |each, slot| {
            if let Some(latency_ns) = each.latency_ns {
                slot.number(latency_ns);
            }
        }
    ),
];
