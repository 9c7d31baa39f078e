//! What `/proc`, `/sys` and recordings may tell: names of any bytes, and the largest numbers.

use std::sync::Arc;

use bytes::Bytes;
use iotrace::event::{
    Accounts, Container, Device, DeviceKind, DeviceWork, Each, Event, Facts, FileId, Operation,
    Proc, System, Tick, Time, Usage, Work, WorkKind,
};
use proptest::{collection::vec, prelude::*};

use super::{check, names, render};

const FILE: FileId = FileId {
    major: 8,
    minor: 1,
    ino: u64::MAX,
    generation: 0,
};

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![Just(u64::MAX), Just(0), 0..1u64 << 40]
}

fn usage() -> impl Strategy<Value = Usage> {
    vec(number(), 7).prop_map(|numbers| Usage {
        disk_read_bytes: numbers[0],
        disk_write_bytes: numbers[1],
        cancelled_write_bytes: numbers[2],
        read_syscalls: numbers[3],
        write_syscalls: numbers[4],
        read_call_bytes: numbers[5],
        write_call_bytes: numbers[6],
    })
}

fn text() -> impl Strategy<Value = String> {
    names::hostile(4).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn command() -> impl Strategy<Value = Vec<u8>> {
    const PROGRAMS: [&[u8]; 5] = [
        b"kvm -id 105 -drive file=",
        b"task UPID:a:b:c:d:vzdump:105:",
        b"restic ",
        b"postgres: ",
        b"",
    ];
    (prop::sample::select(&PROGRAMS[..]), names::hostile(6))
        .prop_map(|(program, rest)| [program, &rest[..]].concat())
}

prop_compose! {
    fn proc()(
        pid in 0..4u32, comm in names::hostile(3), command in prop::option::of(command()),
        unit in prop::option::of(text()), container in prop::option::of((text(), text())),
        accounts in prop::option::of((usage(), usage())), waits in prop::option::of((number(), number())),
        started in prop::option::of(number()), kernel: bool, ended: bool,
    ) -> Event {
        Event::Proc(Proc {
            pid,
            tid: None,
            facts: Arc::new(Facts {
                ppid: Some(pid / 2),
                uid: Some(u32::MAX),
                comm: Bytes::from(comm),
                command: command.map(Bytes::from),
                exe: None,
                started: started.map(Time),
                kernel,
                unit,
                container: container.map(|(runtime, id)| Container { runtime, id, pod: None }),
            }),
            accounts: accounts.map(|(interval, total)| Accounts { interval, total }),
            io_wait_ns: waits,
            threads: Some(u32::MAX),
            ended,
        })
    }
}

prop_compose! {
    fn device()(name in text(), label in text(), below in text(), numbers in vec(number(), 9)) -> Event {
        Event::Device(Device {
            name,
            number: None,
            kind: DeviceKind::Disk,
            label: Some(label),
            below: vec![below],
            work: DeviceWork {
                reads: numbers[0],
                writes: numbers[1],
                flushes: numbers[2],
                read_bytes: numbers[3],
                write_bytes: numbers[4],
                read_ns: numbers[5],
                write_ns: numbers[6],
                busy_ns: numbers[7],
                queue_ns: numbers[8],
            },
        })
    }
}

fn system() -> impl Strategy<Value = Event> {
    (any::<f64>(), number()).prop_map(|(share, bytes)| {
        Event::System(System {
            io_some: Some(share),
            memory_some: Some(share),
            iowait: vec![share],
            swap_in_bytes: Some(bytes),
            swap_out_bytes: Some(bytes),
            ..System::default()
        })
    })
}

fn work() -> impl Strategy<Value = Event> {
    let state = prop_oneof![Just("resync".to_owned()), text()];
    (text(), state, any::<f64>()).prop_map(|(name, state, done)| {
        Event::Work(Work {
            kind: WorkKind::Md,
            name,
            state,
            done: Some(done),
            pid: Some(u32::MAX),
        })
    })
}

prop_compose! {
    fn transfer()(pid in 0..4u32, comm in names::hostile(3), path in names::path()) -> Event {
        let mut io = check::transfer(&comm, FILE, path);
        io.thread.pid = pid;
        io.lower = false;
        Event::Io(io)
    }
}

fn syncs() -> impl Strategy<Value = Event> {
    transfer().prop_map(|event| {
        let Event::Io(io) = event else {
            return event;
        };
        Event::Each(Each {
            time: Time(u64::MAX),
            thread: io.thread,
            file: io.file,
            file_type: io.file_type,
            path: io.path,
            operation: Operation::Sync,
            bytes: 0,
            count: u64::MAX,
            offset: None,
            size: None,
            latency_ns: None,
        })
    })
}

fn tick() -> impl Strategy<Value = Event> {
    (number(), number()).prop_map(|(time, interval_ns)| {
        Event::Tick(Tick {
            time: Time(time),
            interval_ns,
            ..Tick::default()
        })
    })
}

const COMMANDS: [&str; 9] = [
    "procs",
    "procs -a",
    "procs --files",
    "procs --by user",
    "procs --by container -s total",
    "procs --by device",
    "procs --files --json",
    "diagnose",
    "diagnose --json",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_the_system_tells_does_no_harm(
        first in vec(prop_oneof![proc(), device(), system(), work(), transfer(), syncs()], 0..12),
        tick in tick(),
        rest in vec(prop_oneof![3 => proc(), 1 => device()], 0..6),
        last in tick(),
    ) {
        let events = [first, vec![tick], rest, vec![last]].concat();
        for command in COMMANDS {
            check::assert_harmless(&render::text(command, &events));
        }
    }
}
