//! NDJSON fields of `opens`.

use nix::errno::Errno;

use super::rows::{LossRow, Row, takes_mode};
use crate::{
    event::{Door, FileId, FilePath, FileType, Opened},
    flags,
    output::ndjson::{Field, field},
};

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
        "file descriptor; absent when the open failed, or gave none (exec, io_uring into its own table)",
        |row, slot| {
            if let Opened::Ok { fd: Some(fd), .. } = row.open.result {
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
        "via",
        "`handle` (open_by_handle_at), `io_uring`, or `exec`: the program, its interpreter or loader; absent for `open`, `openat`, `openat2` and `creat`",
        |row, slot| {
            let via: &[u8] = match row.open.door {
                Door::Call => return,
                Door::Handle => b"handle",
                Door::Uring => b"io_uring",
                Door::Exec => b"exec",
            };
            slot.text(via);
        }
    ),
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
                slot.device(file.major, file.minor);
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
    field!(
        "cancelled_bytes",
        "bytes of dirty pages that were dropped since the thread was last heard of, and will not be written to storage; only where changes are told too",
        |row, slot| {
            if let Some(bytes) = row.open.cancelled_bytes {
                slot.number(bytes);
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
