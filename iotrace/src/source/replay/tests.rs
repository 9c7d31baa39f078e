use std::{io::Write as _, path::PathBuf, sync::Arc};

use bytes::Bytes;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::{
    commands::{
        View as _,
        events::{Config, Events},
    },
    event::{
        Accounts, Change, Changed, Container, Counts, Device, DeviceKind, DeviceWork, Door, Each,
        Facts, FileId, FilePath, FileType, Io, Load, Open, Opened, Operation, Proc, Storage,
        System, Thread, Tick, Time, Usage, Work, WorkKind,
    },
    filter::NameFilter,
    kernel::{Opens, OwnTraffic, Request, Transfers, Way, What},
    output::{Output, Screen},
};

fn request() -> Request {
    Request {
        backend: None,
        what: What {
            transfers: Some(Transfers {
                read: true,
                write: true,
                mapped: true,
                layers: true,
                cache: true,
                each: true,
            }),
            opens: Some(Opens::All),
            ..What::NOTHING
        },
        pid: None,
        tid: None,
        uid: None,
        follow: false,
        own: OwnTraffic::Excluded,
        all_files: true,
        rows: 1,
        calls: Some(1),
        followed: 1,
        ring_bytes: 4096,
        log: false,
        btf: None,
    }
}

/// What `events` makes of events.
fn recorded(events: &[Event]) -> String {
    let config = Config {
        json: true,
        each: true,
        names: NameFilter::default(),
    };
    let mut out = Output::memory();
    let mut view = Events::new(config, Screen::default());
    let header = Header {
        time: Time(1),
        backend: "fentry".into(),
        unseen: vec![Way::Ends, Way::Aio],
        kernel: "6.12".to_owned(),
        command: "events".into(),
    };
    view.begin(&header, &mut out).expect("memory");
    for event in events {
        view.event(event.clone(), &mut out).expect("memory");
    }
    view.end(Time(9), &Lost::default(), &mut out)
        .expect("memory");
    String::from_utf8(out.into_bytes()).expect("UTF-8")
}

struct Recording {
    path: PathBuf,
    _dir: TempDir,
}

fn recording(bytes: &[u8]) -> Recording {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("recording");
    std::fs::write(&path, bytes).expect("a file");
    Recording { path, _dir: dir }
}

fn replay(bytes: &[u8], request: &Request) -> (Header, Vec<Event>) {
    let recording = recording(bytes);
    let opened = Replay::open(&recording.path, Admission::of(request));
    let (header, mut replay) = opened.expect("a recording");
    let mut events = Vec::new();
    while let Some(mut batch) = replay.batches.blocking_recv() {
        events.append(&mut batch);
    }
    (header, events)
}

fn refused(bytes: &[u8]) -> String {
    let recording = recording(bytes);
    match Replay::open(&recording.path, Admission::of(&request())) {
        Ok(_) => panic!("it was accepted"),
        Err(error) => error.to_string(),
    }
}

fn thread(tid: u32) -> Thread {
    Thread {
        pid: 7,
        tid,
        uid: 1000,
        comm: Bytes::from_static(b"worker \xff\n"),
    }
}

const FILE: FileId = FileId {
    major: 8,
    minor: 1,
    ino: u64::MAX,
    generation: 5,
};

fn io(tid: u32, reads: u64, writes: u64) -> Event {
    Event::Io(Io {
        thread: thread(tid),
        file: FILE,
        file_type: FileType::Regular,
        path: None,
        lower: false,
        counts: Counts {
            reads,
            writes,
            read_bytes: reads * 10,
            write_bytes: writes * 100,
            ..Counts::default()
        },
    })
}

fn tick(reads: u64, writes: u64) -> Event {
    Event::Tick(Tick {
        time: Time(5_000_000_001),
        interval_ns: 3,
        total: Counts {
            reads,
            writes,
            read_bytes: reads * 10,
            write_bytes: writes * 100,
            ..Counts::default()
        },
        ..Tick::default()
    })
}

/// Counts causes that a replay adds to.
fn damaged(events: &[Event]) -> u64 {
    let ticks = events.iter().filter_map(|event| match event {
        Event::Tick(tick) => Some(tick),
        _ => None,
    });
    let damaged = ticks.flat_map(|tick| tick.lost.iter());
    let damaged = damaged.filter(|(cause, _)| *cause == DAMAGED);
    damaged.map(|(_, count)| count).sum()
}

#[test]
fn damaged_lines_are_left_out_and_counted() {
    let mut text = recorded(&[io(1, 1, 0), tick(1, 0), io(2, 0, 1), tick(0, 1)]);
    text = text.replacen("\"reads\":1,", "\"reads\":-1,", 1);
    text = text.replacen("{\"type\":\"tick\"", "not json\n{\"type\":\"tick\"", 1);
    let (_, events) = replay(text.as_bytes(), &request());
    assert_eq!(events.len(), 3, "{events:?}");
    assert_eq!(damaged(&events), 2);
}

#[test]
fn a_recording_that_was_cut_off_gives_what_it_has() {
    let text = recorded(&[io(1, 1, 0), tick(1, 0), io(2, 0, 1), tick(0, 1)]);
    let last = text.rfind("{\"type\":\"tick\"").expect("a tick");
    let (_, events) = replay(&text.as_bytes()[..last + 20], &request());
    assert_eq!(events.len(), 4, "{events:?}");
    // The interval that was cut off has a tick all the same, which tells of the line and of the
    // end that is missing.
    assert_eq!(events[3].time(), Some(Time(5_000_000_001)));
    assert_eq!(damaged(&events), 2);
}

#[test]
fn what_is_newer_or_made_of_events_is_passed_over() {
    let text = recorded(&[io(1, 1, 0), tick(1, 0)]);
    let text = text.replacen(
        "{\"type\":\"io\"",
        "{\"type\":\"verdict\",\"ts\":1}\n{\"type\":\"io\",\"news\":{\"a\":[1]}",
        1,
    );
    let (_, events) = replay(text.as_bytes(), &request());
    assert_eq!(events.len(), 2);
    assert_eq!(damaged(&events), 0);
}

#[test]
fn what_is_no_recording_is_refused() {
    assert!(refused(b"").contains("is empty"));
    for other in ["hello\n", "{\"type\":\"io\"}\n", "{}\n", "{"] {
        assert!(
            refused(other.as_bytes()).contains("no recording"),
            "{other}"
        );
    }
    let newer = recorded(&[]).replace("\"schema\":1", "\"schema\":2");
    let reason = refused(newer.as_bytes());
    assert!(
        reason.contains("schema 2") && reason.contains("reads schema 1"),
        "{reason}"
    );
    let missing = Replay::open(Path::new("/nonexistent"), Admission::of(&request()));
    assert!(missing.is_err_and(|error| error.to_string().contains("No such file")));
}

#[test]
fn compressed_recordings_are_known_by_their_bytes() {
    let text = recorded(&[io(1, 1, 0), tick(1, 0)]);
    // Of several frames, as `cat` makes them.
    let (one, two) = text.split_at(text.find("{\"type\":\"tick\"").expect("a tick"));
    let mut bytes = Vec::new();
    for part in [one, two] {
        let mut encoder = zstd::Encoder::new(&mut bytes, 1).expect("an encoder");
        encoder.write_all(part.as_bytes()).expect("memory");
        encoder.finish().expect("memory");
    }
    let (header, events) = replay(&bytes, &request());
    assert_eq!(header.unseen, [Way::Ends, Way::Aio]);
    assert_eq!(events.len(), 2);
    // Cut in the middle of a frame: the rest of it is of no use, what came before is.
    let (_, events) = replay(&bytes[..bytes.len() - 5], &request());
    assert_eq!(events.len(), 2);
    assert_eq!(damaged(&events), 2);
}

#[test]
fn sums_of_processes_can_not_be_taken_apart() {
    let text = recorded(&[io(1, 1, 0), tick(1, 0)]);
    let text = text.replacen(
        "{\"type\":\"io\"",
        "{\"type\":\"proc\",\"ts\":1,\"group\":\"root\",\"disk_read_bytes\":1}\n{\"type\":\"io\"",
        1,
    );
    let (_, events) = replay(text.as_bytes(), &request());
    assert_eq!((events.len(), damaged(&events)), (2, 0));
}

#[test]
fn filters_of_the_kernel_run_here_too_and_sums_follow() {
    let text = recorded(&[io(1, 1, 2), io(2, 4, 8), tick(5, 10)]);
    let only = |request: Request| {
        let (_, events) = replay(text.as_bytes(), &request);
        let ios = events.iter().filter(|event| matches!(event, Event::Io(_)));
        let total = events.iter().find_map(|event| match event {
            Event::Tick(tick) => Some(tick.total),
            _ => None,
        });
        let total = total.expect("a tick");
        (ios.count(), total.reads, total.writes, total.bytes())
    };
    assert_eq!(only(request()), (2, 5, 10, 1050));
    let tid = Request {
        tid: Some(2),
        ..request()
    };
    assert_eq!(only(tid), (1, 4, 8, 840));
    let nobody = Request {
        uid: Some(0),
        ..request()
    };
    assert_eq!(only(nobody), (0, 0, 0, 0));
    let mut plain = request();
    if let Some(transfers) = &mut plain.what.transfers {
        transfers.layers = false;
    }
    assert_eq!(only(plain), (2, 5, 10, 1050));
    let mut reads = request();
    if let Some(transfers) = &mut reads.what.transfers {
        transfers.write = false;
    }
    assert_eq!(only(reads), (2, 5, 0, 50));
}

prop_compose! {
    fn any_path()(
        bytes in prop::collection::vec(1..=u8::MAX, 1..40), claimed: bool, cut: bool, deleted: bool,
    ) -> FilePath {
        FilePath { bytes: Bytes::from(bytes), claimed, cut, deleted }
    }
}

prop_compose! {
    fn any_file()(major in 0u32..4096, minor in 0u32..1 << 20, ino: u64, generation: u32) -> FileId {
        FileId { major, minor, ino, generation }
    }
}

prop_compose! {
    fn any_thread()(pid: u32, tid: u32, uid: u32, comm: [u8; 15]) -> Thread {
        let end = comm.iter().position(|byte| *byte == 0).unwrap_or(comm.len());
        Thread { pid, tid, uid, comm: Bytes::copy_from_slice(&comm[..end]) }
    }
}

fn any_time() -> impl Strategy<Value = Time> {
    (0..i64::MAX as u64).prop_map(Time)
}

prop_compose! {
    fn any_io()(
        thread in any_thread(), file in any_file(), path in prop::option::of(any_path()),
        lower: bool, reads: u64, writes: u64, map_reads: u64, cloned_bytes: u64,
        storage in prop::option::of((any::<u64>(), any::<u64>())),
    ) -> Event {
        let storage = storage.map(|(fetched_bytes, dirtied_bytes)| Storage {
            fetched_bytes,
            dirtied_bytes,
        });
        Event::Io(Io {
            thread,
            file,
            file_type: FileType::Fifo,
            // A row never has the caller's words.
            path: path.map(|path| Arc::new(FilePath { claimed: false, ..path })),
            lower,
            counts: Counts {
                reads, writes, read_bytes: writes, write_bytes: reads, map_reads,
                map_writes: map_reads, cloned_bytes, storage,
            },
        })
    }
}

prop_compose! {
    fn any_open()(
        time in any_time(), thread in any_thread(), path in prop::option::of(any_path()),
        file in prop::option::of(any_file()), errno in prop::option::of(1..200i32),
        fd in prop::option::of(any::<u32>()), created: bool, mode in 0u32..0o10000,
        cgroup: u64, mount_ns in prop::option::of(any::<u32>()),
        cancelled_bytes in prop::option::of(any::<u64>()), door in 0..4usize,
    ) -> Event {
        Event::Open(Open {
            time,
            thread,
            flags: (libc::O_CREAT | libc::O_RDWR | libc::O_SYNC | libc::O_CLOEXEC) as u64,
            mode,
            result: match errno {
                Some(errno) => Opened::Failed { errno },
                None => Opened::Ok {
                    fd,
                    file: file.map(|file| (file, FileType::Regular)),
                    created: file.map(|_| created),
                },
            },
            path,
            door: [Door::Call, Door::Handle, Door::Uring, Door::Exec][door],
            cgroup,
            mount_ns,
            cancelled_bytes,
        })
    }
}

prop_compose! {
    fn any_change()(
        time in any_time(), thread in any_thread(), path in prop::option::of(any_path()),
        from in prop::option::of(any_path()), file in prop::option::of(any_file()),
        other in prop::option::of(any_file()), exchange: bool, length: u64, what in 0..7usize,
        links in prop::option::of(any::<u32>()), held: bool,
        cancelled_bytes in prop::option::of(any::<u64>()),
    ) -> Event {
        let from = from.map(|path| FilePath { deleted: false, ..path });
        Event::Change(Change {
            time,
            thread,
            what: [
                Changed::Create, Changed::Link { from: from.clone() }, Changed::Unlink,
                Changed::Rmdir, Changed::Rename { from, other, exchange },
                Changed::Truncate { length }, Changed::Free,
            ][what].clone(),
            file,
            file_type: file.map(|_| FileType::Directory),
            path,
            links,
            held,
            cancelled_bytes,
        })
    }
}

prop_compose! {
    fn any_each()(
        time in any_time(), thread in any_thread(), path in prop::option::of(any_path()),
        file in any_file(), operation in 0..3usize, bytes: u64, count in 1..9u64,
        offset in prop::option::of(any::<u64>()), size in prop::option::of(any::<u64>()),
        latency_ns in prop::option::of(any::<u64>()),
    ) -> Event {
        Event::Each(Each {
            time, thread, file, file_type: FileType::Block,
            path: path.map(|path| Arc::new(FilePath { claimed: false, ..path })),
            operation: Operation::ALL[operation],
            bytes: if operation == 2 { 0 } else { bytes },
            count, offset, size, latency_ns,
        })
    }
}

prop_compose! {
    fn any_usage()(numbers: [u64; 7]) -> Usage {
        let [disk_read_bytes, disk_write_bytes, cancelled_write_bytes, read_syscalls,
            write_syscalls, read_call_bytes, write_call_bytes] = numbers;
        Usage {
            disk_read_bytes, disk_write_bytes, cancelled_write_bytes, read_syscalls,
            write_syscalls, read_call_bytes, write_call_bytes,
        }
    }
}

prop_compose! {
    fn any_container()(
        runtime in "[a-z]{1,9}", id in ".{1,12}", pod in prop::option::of(".{1,9}"),
    ) -> Container {
        Container { runtime, id, pod }
    }
}

prop_compose! {
    fn any_facts()(
        ids in prop::option::of(any::<(u32, u32)>()), comm: [u8; 15],
        command in prop::option::of(prop::collection::vec(any::<u8>(), 1..40)),
        exe in prop::option::of("/.{0,20}"), started in prop::option::of(any_time()),
        kernel: bool, unit in prop::option::of(".{1,20}"),
        container in prop::option::of(any_container()),
    ) -> Facts {
        Facts {
            ppid: ids.map(|ids| ids.0), uid: ids.map(|ids| ids.1),
            comm: Bytes::copy_from_slice(&comm), command: command.map(Bytes::from),
            exe: exe.map(Bytes::from), started, kernel, unit, container,
        }
    }
}

prop_compose! {
    fn any_proc()(
        pid: u32, tid in prop::option::of(any::<u32>()), facts in any_facts(),
        accounts in prop::option::of((any_usage(), any_usage())),
        io_wait_ns in prop::option::of(any::<(u64, u64)>()),
        threads in prop::option::of(any::<u32>()), ended: bool,
    ) -> Event {
        let accounts = accounts.map(|(interval, total)| Accounts { interval, total });
        Event::Proc(Proc { pid, tid, facts: Arc::new(facts), accounts, io_wait_ns, threads, ended })
    }
}

prop_compose! {
    fn any_device()(
        name in ".{1,9}", number in prop::option::of(any::<(u32, u32)>()), kind in 0..8usize,
        label in prop::option::of(".{1,9}"), below in prop::collection::vec(".{1,9}", 0..3),
        numbers: [u64; 9],
    ) -> Event {
        let kinds = [
            DeviceKind::Disk, DeviceKind::Partition, DeviceKind::Raid, DeviceKind::Mapper,
            DeviceKind::Loop, DeviceKind::Zvol, DeviceKind::Pool, DeviceKind::Memory,
        ];
        let [reads, writes, flushes, read_bytes, write_bytes, read_ns, write_ns, busy_ns, queue_ns]
            = numbers;
        Event::Device(Device {
            name, number, kind: kinds[kind], label, below,
            work: DeviceWork {
                reads, writes, flushes, read_bytes, write_bytes, read_ns, write_ns, busy_ns,
                queue_ns,
            },
        })
    }
}

/// Shares are told with four digits.
fn any_share() -> impl Strategy<Value = f64> {
    (0..=16u8).prop_map(|part| f64::from(part) / 16.0)
}

prop_compose! {
    fn any_system()(
        io in prop::option::of((any_share(), any_share())),
        memory_some in prop::option::of(any_share()),
        iowait in prop::collection::vec(any_share(), 0..4),
        bytes in prop::option::of(any::<(u64, u64, u64, u64)>()),
    ) -> Event {
        Event::System(System {
            io_some: io.map(|io| io.0), io_full: io.map(|io| io.1), memory_some, iowait,
            swap_in_bytes: bytes.map(|bytes| bytes.0), swap_out_bytes: bytes.map(|bytes| bytes.1),
            dirty_bytes: bytes.map(|bytes| bytes.2), writeback_bytes: bytes.map(|bytes| bytes.3),
        })
    }
}

prop_compose! {
    fn any_work()(
        kind in 0..4usize, name in ".{1,20}", state in ".{1,9}",
        done in prop::option::of(any_share()), pid in prop::option::of(any::<u32>()),
    ) -> Event {
        let kind = [WorkKind::Md, WorkKind::Btrfs, WorkKind::Zfs, WorkKind::Lock][kind];
        Event::Work(Work { kind, name, state, done, pid })
    }
}

prop_compose! {
    fn any_tick()(
        time in any_time(), interval_ns: u64, reads: u64, lost: u32,
        average in prop::option::of("[0-9./ ]{0,20}"),
    ) -> Event {
        let mut all = Lost::default();
        all.add("ring_full", lost.into());
        all.add(DAMAGED, 0);
        Event::Tick(Tick {
            time,
            interval_ns,
            total: Counts { reads, ..Counts::default() },
            overflow: Counts { writes: reads, ..Counts::default() },
            lost: all,
            load: average.map(|average| Load { average, iowait: Some(0.25) }),
        })
    }
}

proptest! {
    /// Records of opens and changes come before the sums of their interval, and what the system told.
    #[test]
    fn whatever_is_recorded_comes_back(
        told in prop::collection::vec(prop_oneof![any_open(), any_change(), any_each()], 0..4),
        procs in prop::collection::vec(any_proc(), 0..3),
        devices in prop::collection::vec(any_device(), 0..3),
        system in prop::option::of(any_system()),
        works in prop::collection::vec(any_work(), 0..3),
        ios in prop::collection::vec(any_io(), 0..4),
        tick in any_tick(),
    ) {
        let system = system.into_iter().collect();
        let events = [told, procs, devices, system, works, ios, vec![tick]].concat();
        let (header, replayed) = replay(recorded(&events).as_bytes(), &request());
        prop_assert_eq!(header.unseen, [Way::Ends, Way::Aio]);
        // Without operations there was nothing to leave out.
        prop_assert_eq!(replayed, events);
    }

    #[test]
    fn whatever_is_read_does_no_harm(bytes: Vec<u8>, at: prop::sample::Index) {
        let mut text = recorded(&[io(1, 1, 0), tick(1, 0)]).into_bytes();
        let header = text.iter().position(|byte| *byte == b'\n').expect("a header") + 1;
        let at = header + at.index(text.len() - header);
        text.splice(at..at, bytes);
        replay(&text, &request());
    }
}
