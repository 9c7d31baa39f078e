//! Files below processes, and devices.

use super::{super::rows, *};
use crate::event::{
    Comm, Counts, Device, DeviceKind, DeviceWork, FileId, FilePath, FileType, Io, Thread,
};

fn io(pid: u32, ino: u64, path: &'static str, read_bytes: u64) -> Io {
    Io {
        thread: Thread {
            pid,
            tid: pid,
            uid: 0,
            comm: Comm::from(b"p"),
        },
        file: FileId {
            major: 8,
            minor: 1,
            ino,
            generation: 0,
        },
        file_type: FileType::Regular,
        path: Some(Arc::new(FilePath {
            bytes: Bytes::from_static(path.as_bytes()),
            ..FilePath::default()
        })),
        lower: false,
        counts: Counts {
            reads: 1,
            read_bytes,
            ..Counts::default()
        },
    }
}

#[test]
fn files_stand_below_their_process_busiest_first() {
    let mut fold = Fold::new(config("--files"), Users::default());
    fold.proc(proc(1, usage(1, 0, 0), usage(1, 0, 0)));
    for file in [
        io(1, 1, "/srv/a", 1),
        io(1, 2, "/srv/b", 5),
        io(1, 1, "/srv/a", 8),
        io(1, 3, "/srv/c", 2),
        io(1, 4, "/srv/d", 3),
        io(2, 6, "/srv/f", 90),
    ] {
        fold.io(file);
    }
    let (rows, _) = fold.end(&Tick::default(), None);
    let files = rows[0].files().iter().map(|(path, counts)| {
        let path = path.as_deref().map(|path| &path.bytes[..]);
        (path.expect("a path"), counts.read_bytes)
    });
    let files: Vec<_> = files.collect();
    assert_eq!(files, [(&b"/srv/a"[..], 9), (b"/srv/b", 5), (b"/srv/d", 3)]);
    // A row with its files is shown whole or not, but for the first.
    let many = [rows[0].clone(), rows[0].clone(), rows[0].clone()];
    assert_eq!(rows::fitting(&many, 9).len(), 2);
    assert_eq!(rows::fitting(&many, 1).len(), 1);
    assert_eq!(rows::fitting(&[], 1).len(), 0);
    fold.proc(proc(1, usage(1, 0, 0), usage(1, 0, 0)));
    let (rows, _) = fold.end(&Tick::default(), None);
    assert!(rows[0].files().is_empty());
}

#[test]
fn files_of_threads_stand_below_each() {
    let mut fold = Fold::new(config("--files -t"), Users::default());
    let of_thread = |tid, path| Io {
        thread: Thread {
            tid,
            ..io(1, 1, path, 1).thread
        },
        ..io(1, u64::from(tid), path, 1)
    };
    for tid in [1, 2] {
        fold.proc(Proc {
            tid: Some(tid),
            ..proc(1, usage(1, 0, 0), usage(1, 0, 0))
        });
    }
    fold.io(of_thread(1, "/srv/a"));
    fold.io(of_thread(2, "/srv/b"));
    let (rows, _) = fold.end(&Tick::default(), None);
    let files = rows.iter().map(|row| {
        let [(Some(path), _)] = row.files() else {
            panic!("not one file: {:?}", row.files());
        };
        &path.bytes[..]
    });
    assert_eq!(files.collect::<Vec<_>>(), [b"/srv/a", b"/srv/b"]);
}

#[test]
fn the_headline_has_disks_that_lie_on_nothing() {
    let mut fold = Fold::new(config(""), Users::default());
    let of = |name, kind, below: &[&str]| Device {
        kind,
        below: below.iter().map(ToString::to_string).collect(),
        ..device(name, 5)
    };
    fold.device(of("sda", DeviceKind::Disk, &[]));
    fold.device(of("bcache0", DeviceKind::Disk, &["sda"]));
    fold.device(of("dm-0", DeviceKind::Mapper, &["sda"]));
    fold.device(of("zram0", DeviceKind::Memory, &[]));
    let devices = fold.devices(&Tick::default());
    let disks = fold.disks(&devices);
    assert_eq!((disks.len(), &*disks[0].device.name), (1, "sda"));
}

fn device(name: &str, bytes: u64) -> Device {
    Device {
        name: name.to_owned(),
        number: None,
        kind: DeviceKind::Disk,
        label: None,
        below: Vec::new(),
        work: DeviceWork {
            read_bytes: bytes,
            ..DeviceWork::default()
        },
    }
}

#[test]
fn devices_that_did_something_busiest_first() {
    let of = |arguments: &str| {
        let mut fold = Fold::new(config(arguments), Users::default());
        for (name, bytes) in [("sda", 1), ("sdd", 7), ("sdb", 0), ("sdc", 7)] {
            fold.device(device(name, bytes));
        }
        let devices = fold.devices(&Tick::default());
        let names: Vec<_> = devices.into_iter().map(|row| row.device.name).collect();
        (names, fold.devices(&Tick::default()).len())
    };
    let all = |names: &[&str]| (names.iter().map(ToString::to_string).collect(), 0);
    assert_eq!(of("--by device"), all(&["sdc", "sdd", "sda"]));
    assert_eq!(of("--by device -a"), all(&["sdc", "sdd", "sda", "sdb"]));
}
