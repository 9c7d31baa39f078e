//! The verdict by events: each cause, and what is just not it.

mod baseline;
mod causes;
mod system_work;
mod text;

use std::sync::Arc;

use bytes::Bytes;

use super::{
    catalogue::Catalogue,
    evidence::Evidence,
    picture::Picture,
    verdict::{self, Verdict},
};
use crate::event::{
    Accounts, Change, Changed, Comm, Counts, Device, DeviceKind, DeviceWork, Door, Each, Event,
    Facts, FileId, FilePath, FileType, Io, Open, Opened, Operation, Proc, System, Thread, Tick,
    Time, Usage, Work, WorkKind,
};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const SECOND: u64 = 1_000_000_000;
/// How long is watched here.
const SECONDS: u64 = 10;

/// What is said of these events, and ten seconds.
fn verdict(events: impl IntoIterator<Item = Event>) -> Verdict {
    let evidence = evidence(events);
    let catalogue = Catalogue::embedded();
    verdict::judge(&Picture::of(&evidence, &catalogue), Time(0))
}

fn evidence(events: impl IntoIterator<Item = Event>) -> Evidence {
    let mut evidence = Evidence::new();
    evidence.lives.ends_seen = true;
    events.into_iter().for_each(|event| evidence.add(event));
    evidence.add(Event::Tick(Tick {
        time: Time(SECONDS * SECOND),
        interval_ns: SECONDS * SECOND,
        ..Tick::default()
    }));
    evidence.finish();
    evidence
}

fn text(bytes: &str) -> Bytes {
    Bytes::copy_from_slice(bytes.as_bytes())
}

fn facts(command: &str) -> Facts {
    let program = command.split(' ').next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default();
    Facts {
        ppid: Some(1),
        uid: Some(0),
        comm: text(&name[..name.len().min(15)]),
        command: Some(text(command)),
        started: Some(Time(1)),
        ..Facts::default()
    }
}

fn proc_of(pid: u32, facts: Facts, interval: Usage) -> Event {
    Event::Proc(Proc {
        pid,
        tid: None,
        facts: Arc::new(facts),
        accounts: Some(Accounts {
            interval,
            total: interval,
        }),
        io_wait_ns: None,
        threads: Some(1),
        ended: false,
    })
}

fn usage(disk_read_bytes: u64, disk_write_bytes: u64) -> Usage {
    Usage {
        disk_read_bytes,
        disk_write_bytes,
        ..Usage::default()
    }
}

fn proc(pid: u32, command: &str, read: u64, written: u64) -> Event {
    proc_of(pid, facts(command), usage(read, written))
}

/// A disk that is half busy.
fn disk(read_bytes: u64, write_bytes: u64) -> Event {
    busy_disk(read_bytes, write_bytes, SECONDS * SECOND / 2)
}

fn busy_disk(read_bytes: u64, write_bytes: u64, busy_ns: u64) -> Event {
    Event::Device(Device {
        name: "sda".to_owned(),
        number: Some((8, 0)),
        kind: DeviceKind::Disk,
        label: None,
        below: Vec::new(),
        work: DeviceWork {
            reads: read_bytes / (64 * KIB),
            writes: write_bytes / (64 * KIB),
            read_bytes,
            write_bytes,
            busy_ns,
            ..DeviceWork::default()
        },
    })
}

/// One that has next to nothing to do.
fn idle_disk() -> Event {
    busy_disk(0, 40 * KIB, 0)
}

fn pressure(io_some: f64) -> Event {
    Event::System(System {
        io_some: Some(io_some),
        ..System::default()
    })
}

fn thread(pid: u32, tid: u32) -> Thread {
    Thread {
        pid,
        tid,
        uid: 0,
        comm: Comm::from(b"t"),
    }
}

fn file(ino: u64) -> FileId {
    FileId {
        major: 8,
        minor: 1,
        ino,
        generation: 0,
    }
}

fn path(name: &str) -> FilePath {
    FilePath {
        bytes: text(name),
        ..FilePath::default()
    }
}

/// So many operations on a file, and their bytes.
fn io(pid: u32, ino: u64, name: &str, reads: (u64, u64), writes: (u64, u64)) -> Event {
    Event::Io(Io {
        thread: thread(pid, pid),
        file: file(ino),
        file_type: FileType::Regular,
        path: Some(Arc::new(path(name))),
        lower: false,
        counts: Counts {
            reads: reads.0,
            read_bytes: reads.1,
            writes: writes.0,
            write_bytes: writes.1,
            ..Counts::default()
        },
    })
}

fn open(pid: u32, time: u64, ino: u64, name: &str, created: bool) -> Event {
    Event::Open(Open {
        time: Time(time),
        thread: thread(pid, pid + 1),
        flags: libc::O_CREAT as u64,
        mode: 0o600,
        path: Some(path(name)),
        result: Opened::Ok {
            fd: Some(3),
            file: Some((file(ino), FileType::Regular)),
            created: Some(created),
        },
        door: Door::Call,
        cgroup: 0,
        mount_ns: None,
        cancelled_bytes: None,
    })
}

fn change(pid: u32, time: u64, what: Changed, ino: u64, name: Option<&str>) -> Event {
    Event::Change(Change {
        time: Time(time),
        thread: thread(pid, pid + 1),
        what,
        file: Some(file(ino)),
        file_type: Some(FileType::Regular),
        path: name.map(path),
        links: Some(0),
        held: false,
        cancelled_bytes: None,
    })
}

fn syncs(pid: u32, ino: u64, name: &str, count: u64) -> Event {
    Event::Each(Each {
        time: Time(1),
        thread: thread(pid, pid),
        file: file(ino),
        file_type: FileType::Regular,
        path: Some(Arc::new(path(name))),
        operation: Operation::Sync,
        bytes: 0,
        count,
        offset: None,
        size: None,
        latency_ns: None,
    })
}

fn work(kind: WorkKind, name: &str, state: &str, pid: Option<u32>) -> Event {
    Event::Work(Work {
        kind,
        name: name.to_owned(),
        state: state.to_owned(),
        done: Some(0.25),
        pid,
    })
}

fn culprit(verdict: &Verdict) -> Option<u32> {
    verdict.culprit.as_ref().map(|culprit| culprit.pid)
}

/// What it is, and who.
fn who(verdict: &Verdict) -> (&str, Option<u32>) {
    (&verdict.cause, culprit(verdict))
}

fn says(lines: &[String], part: &str) -> bool {
    lines.iter().any(|line| line.contains(part))
}
