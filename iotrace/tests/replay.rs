//! The whole program over events that are there already: text and NDJSON.

use std::{process::Stdio, sync::Arc};

use bytes::Bytes;
use clap::Parser as _;
use iotrace::{
    cli::{Cli, Command},
    commands::{
        Header, View, churn::Churn, diagnose::Diagnose, events::Events, opens::Opens, procs::Procs,
        top::Top,
    },
    event::{
        Accounts, Change, Changed, Comm, Container, Counts, Device, DeviceKind, DeviceWork, Door,
        Each, Event, Facts, FileId, FilePath, FileType, Io, Load, Lost, Open, Opened, Operation,
        Proc, System, Thread, Tick, Time, Usage, Work, WorkKind,
    },
    exit::Exit,
    kernel::Way,
    output::{Output, Screen},
    run,
    source::Memory,
    stop::Stop,
    system::users::Users,
};

const NOON: u64 = 1_790_000_000_000_000_000;

fn thread(comm: &[u8]) -> Thread {
    Thread {
        pid: 3920,
        tid: 21776,
        uid: 1000,
        comm: Comm::new(comm).expect("a name"),
    }
}

fn path(bytes: &'static [u8]) -> FilePath {
    FilePath {
        bytes: Bytes::from_static(bytes),
        ..FilePath::default()
    }
}

const FILE: FileId = FileId {
    major: 8,
    minor: 1,
    ino: 131,
    generation: 77,
};

fn io(name: Option<FilePath>, counts: [u64; 4]) -> Event {
    let [reads, writes, read_bytes, write_bytes] = counts;
    Event::Io(Io {
        thread: thread(b"python"),
        file: FILE,
        file_type: FileType::Regular,
        path: name.map(Arc::new),
        counts: Counts {
            reads,
            writes,
            read_bytes,
            write_bytes,
            ..Counts::default()
        },
        lower: false,
    })
}

/// The file below, and what is no read and no write.
fn rare() -> Vec<Event> {
    let counts = Counts {
        map_reads: 16,
        map_writes: 3,
        cloned_bytes: 65_536,
        ..Counts::default()
    };
    let mut events = vec![
        io(Some(path(b"/merged/a")), [1, 0, 10, 0]),
        io(Some(path(b"/upper/a")), [1, 0, 10, 0]),
        io(Some(path(b"/srv/mapped")), [0; 4]),
    ];
    if let [_, Event::Io(below), Event::Io(mapped)] = &mut events[..] {
        below.lower = true;
        mapped.counts = counts;
    }
    let mut lost = Lost::default();
    lost.add("ring_full", 2);
    events.push(Event::Tick(Tick {
        time: Time(NOON),
        lost,
        total: Counts {
            reads: 2,
            read_bytes: 20,
            ..counts
        },
        overflow: Counts {
            map_reads: 1,
            ..Counts::default()
        },
        ..Tick::default()
    }));
    events
}

fn tick() -> Event {
    let mut lost = Lost::default();
    lost.add("ring_full", 2);
    Event::Tick(Tick {
        time: Time(NOON),
        interval_ns: 1_000_000_000,
        total: Counts {
            reads: 12,
            writes: 1001,
            read_bytes: 9_000_000,
            write_bytes: 5_003_264,
            ..Counts::default()
        },
        overflow: Counts {
            reads: 1,
            read_bytes: 4096,
            ..Counts::default()
        },
        lost,
        load: Some(Load {
            average: "0.42 0.30 0.25 1/134 12345".to_owned(),
            iowait: Some(0.031),
        }),
    })
}

fn transfers() -> Vec<Event> {
    let deleted = FilePath {
        deleted: true,
        ..path(b"/tmp/2ec5/594.txt")
    };
    vec![
        io(Some(deleted), [0, 1, 0, 4_999_168]),
        io(Some(path(b"/tmp/\x1b[31mred\xff")), [0, 1000, 0, 4096]),
        io(Some(path("/srv/日本.db".as_bytes())), [10, 0, 8_995_900, 0]),
        io(None, [1, 0, 4, 0]),
        tick(),
    ]
}

fn open(result: Opened, flags: i32, name: Option<FilePath>) -> Event {
    Event::Open(Open {
        time: Time(NOON + 1_500_000),
        thread: thread(b"py\nthon"),
        flags: flags as u64,
        mode: 0o644,
        result,
        path: name,
        door: Door::Call,
        cgroup: 42,
        mount_ns: Some(4_026_531_841),
        cancelled_bytes: None,
    })
}

fn executed(result: Opened) -> Event {
    let mut event = open(result, libc::O_RDONLY, Some(path(b"/usr/bin/true")));
    if let Event::Open(open) = &mut event {
        open.door = Door::Exec;
    }
    event
}

fn opens() -> Vec<Event> {
    let file = Some((FILE, FileType::Regular));
    let claimed = FilePath {
        claimed: true,
        ..path(b"/tmp/../etc/shadow")
    };
    vec![
        open(
            Opened::Ok {
                fd: Some(6),
                file,
                created: Some(true),
            },
            libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC,
            Some(path(b"/tmp/2ec5/594.txt")),
        ),
        executed(Opened::Ok {
            fd: None,
            file,
            created: Some(false),
        }),
        open(Opened::Failed { errno: 13 }, libc::O_RDONLY, Some(claimed)),
        open(Opened::Failed { errno: 14 }, libc::O_RDONLY, None),
        tick(),
    ]
}

fn change(at_ns: u64, what: Changed, name: Option<FilePath>) -> Event {
    let is_free = what == Changed::Free;
    Event::Change(Change {
        time: Time(NOON + at_ns),
        thread: thread(b"rm"),
        what,
        file: Some(FILE),
        file_type: Some(FileType::Regular),
        path: name,
        links: is_free.then_some(0),
        held: false,
        cancelled_bytes: is_free.then_some(4_997_120),
    })
}

/// A file that is made, written, renamed, read and removed, and an old one.
fn lives() -> Vec<Event> {
    let renamed = Changed::Rename {
        from: Some(path(b"/tmp/2ec5/594.txt")),
        other: None,
        exchange: false,
    };
    let each = Each {
        time: Time(NOON + 3_000_000),
        thread: thread(b"python"),
        file: FILE,
        file_type: FileType::Regular,
        path: Some(Arc::new(path(b"/tmp/2ec5/594.txt"))),
        operation: Operation::Write,
        bytes: 4096,
        count: 1,
        offset: Some(8192),
        size: Some(5000),
        latency_ns: Some(12_345),
    };
    let mut old = change(
        9_000_000,
        Changed::Unlink,
        Some(path(b"/srv/cache/\x1b[2Ja.db")),
    );
    if let Event::Change(old) = &mut old {
        old.file = None;
    }
    let mut unlinked = change(7_000_000, Changed::Unlink, Some(path(b"/tmp/2ec5/595.txt")));
    if let Event::Change(unlinked) = &mut unlinked {
        unlinked.links = Some(0);
    }
    let mut events = opens();
    events.truncate(1);
    events.extend([
        Event::Each(each),
        change(4_000_000, renamed, Some(path(b"/tmp/2ec5/595.txt"))),
        change(
            5_000_000,
            Changed::Truncate { length: 0 },
            Some(path(b"/tmp/2ec5/595.txt")),
        ),
        unlinked,
        change(8_000_000, Changed::Free, None),
        old,
        io(Some(path(b"/tmp/2ec5/594.txt")), [3, 1, 4096, 4_999_168]),
    ]);
    let Event::Tick(mut last) = tick() else {
        return events;
    };
    last.time = Time(NOON + 1_000_000_000);
    events.push(Event::Tick(last));
    events
}

fn process(pid: u32, command: &str, read: u64, written: u64, cancelled: u64) -> Proc {
    let interval = Usage {
        disk_read_bytes: read,
        disk_write_bytes: written,
        cancelled_write_bytes: cancelled,
        read_syscalls: 10,
        write_syscalls: 30,
        read_call_bytes: read,
        write_call_bytes: written,
    };
    let mut total = interval;
    total += interval;
    let name = command.split(' ').next().unwrap_or_default();
    let name = name.rsplit('/').next().unwrap_or_default();
    Proc {
        pid,
        tid: None,
        facts: Arc::new(Facts {
            ppid: Some(1),
            uid: Some(1000),
            comm: Bytes::copy_from_slice(name.as_bytes()),
            command: Some(Bytes::copy_from_slice(command.as_bytes())),
            exe: Some(Bytes::from(format!("/usr/bin/{name}"))),
            started: Some(Time(NOON - 90_000_000_000)),
            kernel: false,
            unit: Some(format!("{name}.service")),
            container: None,
        }),
        accounts: Some(Accounts { interval, total }),
        io_wait_ns: Some((250_000_000, 1_000_000_000)),
        threads: Some(3),
        ended: false,
    }
}

/// What `/proc` and `/sys` tell of a second in which a machine is backed up.
fn survey() -> Vec<Event> {
    const MIB: u64 = 1 << 20;
    let kvm = "/usr/bin/kvm -id 105 -name k3s -drive file=/dev/vg/vm-105-disk-0,if=none";
    let backup = "task UPID:host:001854D2:1B2ADD95:693C976B:vzdump:105:root@pam:";
    let mut server = process(
        811,
        "/opt/app/server --log \x1b[2J",
        4096,
        200 * 1024,
        90 * 1024,
    );
    let facts = Arc::make_mut(&mut server.facts);
    facts.container = Some(Container {
        runtime: "docker".to_owned(),
        id: "0123456789ab".to_owned(),
        pod: None,
    });
    let flusher = Proc {
        facts: Arc::new(Facts {
            comm: Bytes::from_static(b"kworker/u8:1"),
            kernel: true,
            ..Facts::default()
        }),
        io_wait_ns: None,
        threads: Some(1),
        ..process(31, "x", 0, 40_960, 0)
    };
    let secret = Proc {
        accounts: None,
        io_wait_ns: None,
        ..process(900, "/sbin/secret", 0, 0, 0)
    };
    let ended = Proc {
        ended: true,
        threads: None,
        io_wait_ns: None,
        ..process(950, "/bin/tar c /srv", MIB, 0, 0)
    };
    let device = |name: &str, kind, below: &[&str], read_bytes| {
        Event::Device(Device {
            name: name.to_owned(),
            number: Some((8, name.len() as u32)),
            kind,
            label: None,
            below: below.iter().map(ToString::to_string).collect(),
            work: DeviceWork {
                reads: read_bytes / 131_072,
                writes: 12,
                flushes: 2,
                read_bytes,
                write_bytes: 49_152,
                read_ns: 800_000_000,
                write_ns: 9_000_000,
                busy_ns: 400_000_000,
                queue_ns: 810_000_000,
            },
        })
    };
    let mut events: Vec<Event> = [
        process(501, kvm, 12 * MIB, 4096, 0),
        process(600, backup, 0, 0, 0),
        server,
        flusher,
        secret,
        ended,
    ]
    .map(Event::Proc)
    .to_vec();
    events.extend([
        device("nvme0n1", DeviceKind::Disk, &[], 13 * MIB),
        device("dm-0", DeviceKind::Mapper, &["nvme0n1"], 12 * MIB),
        Event::System(System {
            io_some: Some(0.42),
            io_full: Some(0.125),
            memory_some: Some(0.0),
            iowait: vec![0.5, 0.0],
            swap_in_bytes: Some(0),
            swap_out_bytes: Some(0),
            dirty_bytes: Some(4096),
            writeback_bytes: Some(0),
        }),
        Event::Work(Work {
            kind: WorkKind::Lock,
            name: "/run/vzdump.lock".to_owned(),
            state: "held".to_owned(),
            done: None,
            pid: Some(600),
        }),
        tick(),
    ]);
    events
}

/// What a command line prints for these events, and its last words.
fn print(arguments: &str, events: Vec<Event>) -> String {
    let cli = Cli::try_parse_from(arguments.split_whitespace()).expect("a command line");
    let screen = Screen::default();
    match cli.command {
        Command::Top(args) => show(
            Top::new(args.config(screen).expect("a config"), screen),
            events,
        ),
        Command::Opens(args) => show(Opens::new(args.config().expect("a config"), screen), events),
        Command::Churn(args) => show(
            Churn::new(args.config(screen).expect("a config"), screen),
            events,
        ),
        Command::Procs(args) => show(
            Procs::new(
                args.config(screen).expect("a config"),
                screen,
                Users::default(),
            ),
            events,
        ),
        Command::Events(args) => show(
            Events::new(args.config().expect("a config"), screen),
            events,
        ),
        Command::Diagnose(args) => show(
            Diagnose::new(args.config().expect("a config"), screen),
            events,
        ),
        Command::Doctor(_) => panic!("doctor has no events"),
    }
}

fn show(mut view: impl View, events: Vec<Event>) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let header = Header {
        time: Time(NOON),
        backend: "fentry".into(),
        unseen: vec![Way::Mapped, Way::Uring],
        kernel: "6.12.95".to_owned(),
        command: "test".into(),
    };
    let mut out = Output::memory();
    view.begin(&header, &mut out).expect("memory");
    let (exit, end) = runtime.block_on(async {
        let mut stop = Stop::new(None).expect("signals");
        let source = Memory::new(events);
        run::run(
            source,
            &mut view,
            &mut out,
            &mut stop,
            &[],
            Stdio::null(),
            run::Begin {
                time: Time(NOON),
                meter: None,
            },
        )
        .await
        .expect("a run")
    });
    assert_eq!(exit, Exit::Done);
    assert_eq!(end.lost.total(), 2);
    let text = String::from_utf8(out.into_bytes()).expect("UTF-8");
    // The time of day depends on where the test runs.
    let text = text.replace(&format!("{} loadavg", local_time(NOON)), "HH:MM:SS loadavg");
    let second = local_time(NOON + 1_000_000_000);
    let text = text.replace(&format!("{second} since"), "HH:MM:SS since");
    format!("{text}-- {}", view.summary())
}

fn local_time(ns: u64) -> String {
    let time = jiff::Timestamp::from_nanosecond(i128::from(ns)).expect("a time");
    let zoned = time.to_zoned(jiff::tz::TimeZone::system());
    zoned.strftime("%H:%M:%S").to_string()
}

#[test]
fn top_as_text() {
    insta::assert_snapshot!(print("iotrace top", transfers()));
}

#[test]
fn top_as_text_two_rows_by_writes() {
    insta::assert_snapshot!(print("iotrace top -r 2 -s writes", transfers()));
}

#[test]
fn top_by_everything() {
    let all = ["file", "thread", "process", "directory"];
    let text = all.map(|by| print(&format!("iotrace top --by {by}"), transfers()));
    insta::assert_snapshot!(text.join("\n\n"));
}

#[test]
fn top_as_ndjson() {
    insta::assert_snapshot!(print("iotrace top --json", transfers()));
}

#[test]
fn top_with_mapped_files_and_lower_layers() {
    let printed = [
        print("iotrace top --mmap --layers", rare()),
        print("iotrace top --layers --by process", rare()),
        print("iotrace top --mmap --layers --json", rare()),
    ];
    insta::assert_snapshot!(printed.join("\n\n"));
}

#[test]
fn top_by_process_as_ndjson() {
    insta::assert_snapshot!(print("iotrace top --json --by process", transfers()));
}

#[test]
fn opens_as_text() {
    insta::assert_snapshot!(print("iotrace opens", opens()));
}

#[test]
fn opens_as_text_with_all_columns() {
    insta::assert_snapshot!(print("iotrace opens -T -U -e", opens()));
}

#[test]
fn opens_as_ndjson() {
    insta::assert_snapshot!(print("iotrace opens --json", opens()));
}

#[test]
fn opens_with_filters() {
    let filtered = [
        print("iotrace opens -x", opens()),
        print("iotrace opens -f O_CREAT", opens()),
        print("iotrace opens --path /tmp/2*", opens()),
        print("iotrace opens --write-only -n thon", opens()),
        print("iotrace opens -n perl", opens()),
    ];
    insta::assert_snapshot!(filtered.join("\n\n"));
}

#[test]
fn churn_as_text() {
    insta::assert_snapshot!(print("iotrace churn", lives()));
}

#[test]
fn churn_as_ndjson() {
    insta::assert_snapshot!(print("iotrace churn --json", lives()));
}

#[test]
fn churn_with_filters() {
    let filtered = [
        print("iotrace churn --min-files 2", lives()),
        print("iotrace churn --max-age 1", lives()),
        print("iotrace churn --path /srv/*", lives()),
    ];
    insta::assert_snapshot!(filtered.join("\n\n"));
}

#[test]
fn events_as_ndjson() {
    insta::assert_snapshot!(print("iotrace events --json", lives()));
}

#[test]
fn procs_as_text() {
    let printed = [
        print("iotrace procs", survey()),
        print("iotrace procs -s cancelled -r 2", survey()),
        print("iotrace procs --all --by user", survey()),
    ];
    insta::assert_snapshot!(printed.join("\n\n"));
}

#[test]
fn procs_by_container() {
    let printed = [
        print("iotrace procs --by container", survey()),
        print("iotrace procs --by container --json", survey()),
    ];
    insta::assert_snapshot!(printed.join("\n\n"));
}

#[test]
fn procs_by_device() {
    insta::assert_snapshot!(print("iotrace procs --by device", survey()));
}

#[test]
fn procs_as_ndjson() {
    insta::assert_snapshot!(print("iotrace procs --json", survey()));
}

#[test]
fn procs_with_files() {
    let mut events = survey();
    let mut file = io(Some(path(b"/srv/a\x1b.db")), [10, 1, 8_995_900, 4096]);
    if let Event::Io(io) = &mut file {
        io.thread.pid = 811;
    }
    events.splice(0..0, [io(Some(path(b"/tmp/other")), [1, 0, 1, 0]), file]);
    let printed = [
        print(
            "iotrace procs --files -n server --path /srv/*",
            events.clone(),
        ),
        print("iotrace procs --files -n server --json", events),
    ];
    insta::assert_snapshot!(printed.join("\n\n"));
}

#[test]
fn diagnose_as_text() {
    let without: Vec<Event> = survey()
        .into_iter()
        .filter(|event| match event {
            Event::Proc(proc) => proc.pid != 600,
            Event::Work(_) => false,
            _ => true,
        })
        .collect();
    let printed = [
        print("iotrace diagnose", survey()),
        print("iotrace diagnose", without),
        print("iotrace diagnose", vec![tick()]),
    ];
    insta::assert_snapshot!(printed.join("\n\n"));
}

#[test]
fn diagnose_as_ndjson() {
    insta::assert_snapshot!(print("iotrace diagnose --json", survey()));
}

#[test]
fn every_line_of_ndjson_is_an_object_with_type_and_time() {
    let all = [
        print("iotrace top --json", transfers()),
        print("iotrace opens --json", opens()),
        print("iotrace procs --json", survey()),
        print("iotrace diagnose --json", survey()),
    ];
    for line in all.iter().flat_map(|text| text.lines()) {
        if !line.starts_with("-- ") {
            let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
            assert!(
                value["type"].is_string() && value["ts"].is_string(),
                "{line}"
            );
        }
    }
}

#[test]
fn a_tick_is_the_sum_of_its_rows_and_the_overflow() {
    let text = print("iotrace top --json", transfers());
    let records: Vec<serde_json::Value> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let sum = |name: &str| -> u64 {
        let rows = records.iter().filter(|record| record["type"] == "io");
        rows.filter_map(|record| record[name].as_u64()).sum()
    };
    let tick = records
        .iter()
        .find(|record| record["type"] == "tick")
        .expect("a tick");
    for name in ["reads", "writes", "read_bytes", "write_bytes"] {
        let overflow = tick["overflow"][name].as_u64().expect("a number");
        assert_eq!(tick[name].as_u64(), Some(sum(name) + overflow), "{name}");
    }
}
