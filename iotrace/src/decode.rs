//! From the bytes of the ring buffer to events. The wire's types end here, and
//! every failure is a value.

mod path;

use iotrace_common::{
    self as wire, ChangeRecord, EachRecord, ExitRecord, FileRecord, OpTotal, OpenRecord,
    RECORD_CHANGE, RECORD_EACH, RECORD_EXIT, RECORD_FILE, RECORD_OPEN, Row, RowKey, RowKind, Via,
    path_flag,
};
use thiserror::Error;

use crate::event::{
    Change, Changed, Comm, Counts, Door, Each, Exit, FileId, FilePath, FileType, Io, Open, Opened,
    Operation, Storage, Thread, Time, Usage,
};
use crate::flags;
use path::{file_path, path_bytes};

/// A record that is not what the contract says.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// Shorter than its head.
    #[error("a record of {0} bytes is cut short")]
    Short(usize),
    /// Of a kind that this version does not know.
    #[error("unknown kind of record: {0}")]
    UnknownKind(u32),
    /// Of a change that this version does not know.
    #[error("unknown change: {0}")]
    UnknownChange(u32),
    /// Of an operation that this version does not know.
    #[error("unknown direction of an operation: {0}")]
    UnknownDirection(u32),
    /// Its path reaches past its end.
    #[error("a path of {0} bytes reaches past its record")]
    BadPath(u32),
}

/// A decoded record.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// The name of a file that is being counted.
    Name {
        /// The file.
        file: FileId,
        /// Where it is, if any of it could be read.
        path: Option<FilePath>,
    },
    /// An open. Its time is still the kernel's boot time.
    Open {
        /// The open.
        open: Open,
        /// What the thread kept from being written so far.
        cancelled: Option<u64>,
    },
    /// A read, write or sync. Its time likewise.
    Each(Each),
    /// The end of a process.
    Exit(Exit),
    /// The name from which a link or rename is about to be made.
    From(Begun),
    /// A change. Its time likewise; the rest of it is with its [`Begun`].
    Change {
        /// The change.
        change: Change,
        /// When it began.
        begun_ns: u64,
        /// As of an open.
        cancelled: Option<u64>,
    },
}

/// See [`Record::From`].
#[derive(Clone, Debug, PartialEq)]
pub struct Begun {
    /// Thread.
    pub tid: u32,
    /// When it began.
    pub begun_ns: u64,
    /// The name.
    pub path: Option<FilePath>,
}

/// Decodes a record of the ring buffer.
pub fn record(bytes: &[u8]) -> Result<Record, DecodeError> {
    let kind = bytes.first_chunk().ok_or(DecodeError::Short(bytes.len()))?;
    match u32::from_ne_bytes(*kind) {
        RECORD_FILE => {
            let (head, rest) = head::<FileRecord>(bytes)?;
            let file = file_id(head.file);
            let path = path_bytes(rest, head.path_len)?;
            Ok(Record::Name {
                file,
                path: file_path(path, head.flags),
            })
        }
        RECORD_OPEN => {
            let (head, rest) = head::<OpenRecord>(bytes)?;
            let path = path_bytes(rest, head.path_len)?;
            Ok(Record::Open {
                open: open(&head, path),
                cancelled: known(head.cancelled),
            })
        }
        RECORD_EACH => each(&head::<EachRecord>(bytes)?.0).map(Record::Each),
        RECORD_EXIT => head::<ExitRecord>(bytes).map(|(head, _)| Record::Exit(exit(&head))),
        RECORD_CHANGE => {
            let (head, rest) = head::<ChangeRecord>(bytes)?;
            let path = path_bytes(rest, head.path_len)?;
            change(&head, path)
        }
        other => Err(DecodeError::UnknownKind(other)),
    }
}

/// Decodes counter rows: those of a [`group`], which stand side by side, become one [`Io`].
pub fn ios(rows: &[Row]) -> impl Iterator<Item = Io> {
    let groups = rows.chunk_by(|a, b| group(&a.key) == group(&b.key));
    groups.map(|rows| {
        let mut io = io(&rows[0]);
        for row in &rows[1..] {
            io.counts += counts(kind(&row.key), row.moved);
        }
        io
    })
}

/// What rows of all kinds of a thread and a file have in common; what was done to it as a lower layer
/// stands apart.
pub fn group(key: &RowKey) -> (u64, u32, u32, u32, u32, bool) {
    let wire::FileId {
        ino,
        dev,
        generation,
    } = key.file;
    let lower = kind(key) == RowKind::Lower;
    (ino, dev, generation, key.tid(), key.birth, lower)
}

/// A kind that is not known is none that this version's programs write.
fn kind(key: &RowKey) -> RowKind {
    key.kind().unwrap_or(RowKind::Own)
}

/// Decodes what was counted in both directions.
pub fn counts(kind: RowKind, [read, write]: [OpTotal; 2]) -> Counts {
    match kind {
        RowKind::Own | RowKind::Elsewhere | RowKind::Lower => Counts {
            reads: read.ops,
            writes: write.ops,
            read_bytes: read.bytes,
            write_bytes: write.bytes,
            ..Counts::default()
        },
        RowKind::Mapped => Counts {
            map_reads: read.ops,
            map_writes: write.ops,
            ..Counts::default()
        },
        RowKind::Cloned => Counts {
            cloned_bytes: write.bytes,
            ..Counts::default()
        },
        RowKind::Storage => Counts {
            storage: Some(Storage {
                fetched_bytes: read.bytes,
                dirtied_bytes: write.bytes,
            }),
            ..Counts::default()
        },
    }
}

/// Decodes a counter row.
fn io(row: &Row) -> Io {
    let kind = kind(&row.key);
    Io {
        thread: Thread {
            pid: row.tgid,
            tid: row.key.tid(),
            uid: row.uid,
            comm: Comm::of_task(&row.comm),
        },
        file: file_id(row.key.file),
        file_type: file_type(row.mode),
        path: None,
        lower: kind == RowKind::Lower,
        counts: counts(kind, row.moved),
    }
}

/// Splits a record into its fixed head and the rest.
fn head<T: aya::Pod>(bytes: &[u8]) -> Result<(T, &[u8]), DecodeError> {
    let (head, rest) = bytes
        .split_at_checked(size_of::<T>())
        .ok_or(DecodeError::Short(bytes.len()))?;
    // SAFETY: `Pod` allows any bytes, and there are enough of them.
    let head = unsafe { head.as_ptr().cast::<T>().read_unaligned() };
    Ok((head, rest))
}

fn open(head: &OpenRecord, path: &[u8]) -> Open {
    let found = head.flags & path_flag::CLAIMED == 0 && head.result >= 0;
    let file = found.then(|| (file_id(head.file), file_type(head.file_mode)));
    let mut path = (found || !path.is_empty())
        .then(|| file_path(path, head.flags))
        .flatten();
    // Such as `/dev/stdin` where that is a pipe.
    if let (Some((file, file_type)), Some(path)) = (&file, &mut path)
        && let Some(named) = path.of_nameless(*file_type, file.ino)
    {
        *path = named;
    }
    let result = if head.result < 0 {
        Opened::Failed {
            errno: head.result.saturating_neg(),
        }
    } else {
        Opened::Ok {
            fd: (head.flags & path_flag::NO_FD == 0).then_some(head.result as u32),
            file,
            // An unnamed temporary file is always new, but has no such mark.
            created: found.then_some(
                head.flags & path_flag::CREATED != 0 || flags::is_tmpfile(head.open_flags),
            ),
        }
    };
    Open {
        time: Time(head.time_ns),
        thread: Thread {
            pid: head.tgid,
            tid: head.tid,
            uid: head.uid,
            comm: Comm::of_task(&head.comm),
        },
        flags: head.open_flags,
        mode: head.create_mode & 0o7777,
        result,
        path,
        door: door(head.flags),
        cgroup: head.cgroup,
        mount_ns: (head.mount_ns != 0).then_some(head.mount_ns),
        cancelled_bytes: None,
    }
}

fn each(head: &EachRecord) -> Result<Each, DecodeError> {
    let operation = Operation::ALL.get(head.direction as usize);
    let file_type = file_type(head.file_mode);
    // Pipes and the like have no places.
    let has_places = matches!(file_type, FileType::Regular | FileType::Block);
    Ok(Each {
        time: Time(head.time_ns),
        thread: Thread {
            pid: head.tgid,
            tid: head.tid,
            uid: head.uid,
            comm: Comm::of_task(&head.comm),
        },
        file: file_id(head.file),
        file_type,
        path: None,
        operation: *operation.ok_or(DecodeError::UnknownDirection(head.direction))?,
        bytes: head.result,
        count: head.count,
        offset: known(head.offset).filter(|_| has_places),
        size: known(head.size),
        latency_ns: known(head.latency_ns),
    })
}

fn exit(head: &ExitRecord) -> Exit {
    let usage = &head.usage;
    Exit {
        pid: head.tgid,
        tid: head.tid,
        ppid: head.parent,
        uid: head.uid,
        comm: Comm::of_task(&head.comm).into(),
        process_start_ns: head.process_start_ns,
        start_ns: head.start_ns,
        is_last: head.last != 0,
        total: Usage {
            disk_read_bytes: usage.read_bytes,
            disk_write_bytes: usage.write_bytes,
            cancelled_write_bytes: usage.cancelled_write_bytes,
            read_syscalls: usage.syscr,
            write_syscalls: usage.syscw,
            read_call_bytes: usage.rchar,
            write_call_bytes: usage.wchar,
        },
    }
}

fn change(head: &ChangeRecord, path: &[u8]) -> Result<Record, DecodeError> {
    let what = wire::Change::ALL.get(head.what as usize);
    let what = *what.ok_or(DecodeError::UnknownChange(head.what))?;
    let path = (!path.is_empty())
        .then(|| file_path(path, head.flags))
        .flatten();
    let what = match what {
        wire::Change::From => {
            return Ok(Record::From(Begun {
                tid: head.tid,
                begun_ns: head.begun_ns,
                path,
            }));
        }
        wire::Change::Create => Changed::Create,
        wire::Change::Link => Changed::Link { from: None },
        wire::Change::Unlink => Changed::Unlink,
        wire::Change::Rmdir => Changed::Rmdir,
        wire::Change::Rename => Changed::Rename {
            from: None,
            other: file_if_known(head.other),
            exchange: head.value & wire::RENAME_EXCHANGE != 0,
        },
        wire::Change::Truncate => Changed::Truncate { length: head.value },
        wire::Change::Free => Changed::Free,
    };
    let change = Change {
        time: Time(head.time_ns),
        thread: Thread {
            pid: head.tgid,
            tid: head.tid,
            uid: head.uid,
            comm: Comm::of_task(&head.comm),
        },
        what,
        file: file_if_known(head.file),
        file_type: (head.file_mode != 0).then(|| file_type(head.file_mode)),
        path,
        links: (head.links != wire::ABSENT).then_some(head.links),
        held: head.flags & path_flag::HELD != 0,
        cancelled_bytes: None,
    };
    Ok(Record::Change {
        change,
        begun_ns: head.begun_ns,
        cancelled: known(head.cancelled),
    })
}

/// The programs have no other word for what they do not know.
fn known(number: u64) -> Option<u64> {
    (number != wire::UNKNOWN).then_some(number)
}

fn file_if_known(file: wire::FileId) -> Option<FileId> {
    (file != wire::FileId::default()).then(|| file_id(file))
}

fn door(flags: u32) -> Door {
    let number = (flags >> path_flag::VIA_SHIFT) as usize;
    match Via::ALL.get(number) {
        Some(Via::Handle) => Door::Handle,
        Some(Via::Uring) => Door::Uring,
        Some(Via::Exec) => Door::Exec,
        Some(Via::Call) | None => Door::Call,
    }
}

fn file_id(file: wire::FileId) -> FileId {
    FileId {
        // The kernel's own encoding (include/linux/kdev_t.h).
        major: file.dev >> 20,
        minor: file.dev & 0xf_ffff,
        ino: file.ino,
        generation: file.generation,
    }
}

fn file_type(mode: u32) -> FileType {
    match mode & libc::S_IFMT {
        libc::S_IFREG => FileType::Regular,
        libc::S_IFBLK => FileType::Block,
        libc::S_IFCHR => FileType::Char,
        libc::S_IFIFO => FileType::Fifo,
        libc::S_IFSOCK => FileType::Socket,
        libc::S_IFDIR => FileType::Directory,
        libc::S_IFLNK => FileType::Symlink,
        _ => FileType::Other,
    }
}

#[cfg(test)]
mod tests;
