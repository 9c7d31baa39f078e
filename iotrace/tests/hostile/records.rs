//! Records of the ring buffer, whole and damaged.

use iotrace::{
    decode::{self, Record},
    event::{FileId, FileType, Opened},
};
use iotrace_common::{Change, path_flag};
use proptest::{collection::vec, prelude::*};

use super::{
    check,
    wire::{self, DEV, GENERATION, INO},
};

const FILE: FileId = FileId {
    major: DEV.1,
    minor: DEV.2,
    ino: INO,
    generation: GENERATION,
};

/// Bytes behind the path, which belong to nothing.
const BEHIND: usize = "behind".len();

fn samples() -> [Vec<u8>; 8] {
    let claimed = path_flag::CLAIMED | path_flag::CUT;
    [
        wire::name_record(0, b"file.txt\0dir\0top\0/\0"),
        wire::name_record(path_flag::OUTSIDE | path_flag::DELETED, b"memfd:x\0"),
        wire::open_record(path_flag::CREATED, 7, b"cat", b"file.txt\0dir\0"),
        wire::open_record(claimed, -2, b"sixteen bytes!!!", b"../own\0home\0"),
        wire::change_record(Change::Unlink, path_flag::HELD, b"file.txt\0dir\0"),
        wire::change_record(Change::From, claimed, b"../own\0home\0"),
        wire::change_record(Change::Rename, 0, b"new\0dir\0"),
        wire::each_record(),
    ]
}

#[test]
fn every_truncation_is_an_error() {
    for whole in samples() {
        let needed = whole.len() - BEHIND;
        assert!(check::record(&whole[..needed]).is_some());
        for len in 0..needed {
            assert!(decode::record(&whole[..len]).is_err(), "{len}");
        }
    }
}

#[test]
fn any_value_of_any_byte_is_harmless() {
    for whole in samples() {
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            for _ in 0..u8::MAX {
                bytes[at] = bytes[at].wrapping_add(1);
                check::record(&bytes);
            }
        }
    }
}

#[test]
fn a_path_longer_than_any_is_refused() {
    let path = vec![b'a'; iotrace_common::PATH_CAP + 1];
    assert!(decode::record(&wire::name_record(0, &path)).is_err());
    assert!(check::record(&wire::name_record(0, &path[1..])).is_some());
}

proptest! {
    #[test]
    fn names_come_out_as_they_went_in(walk in wire::walk()) {
        let record = check::record(&wire::name_record(walk.flags(), &walk.bytes()));
        let Some(Record::Name { file, path }) = record else {
            return Err(TestCaseError::fail(format!("{record:?}")));
        };
        prop_assert_eq!(file, FILE);
        prop_assert_eq!(path.as_ref().map(|path| path.bytes.to_vec()), walk.path());
        if let Some(path) = path {
            prop_assert_eq!(path.deleted, walk.deleted);
            prop_assert_eq!(path.cut, walk.cut);
            prop_assert_eq!(path.claimed, walk.own.is_some());
        }
    }

    #[test]
    fn opens_come_out_as_they_went_in(
        walk in wire::walk(), comm in wire::comm(), result in -4095..4096,
    ) {
        let bytes = wire::open_record(walk.flags(), result, &comm, &walk.bytes());
        let Some(Record::Open { open, .. }) = check::record(&bytes) else {
            return Err(TestCaseError::fail("no open"));
        };
        let found = walk.own.is_none() && result >= 0;
        let told = found || !walk.bytes().is_empty();
        let path = open.path.map(|path| path.bytes.to_vec());
        prop_assert_eq!(path, walk.path().filter(|_| told));
        let expected = if result < 0 {
            Opened::Failed { errno: -result }
        } else {
            Opened::Ok {
                fd: Some(result as u32),
                file: found.then_some((FILE, FileType::Regular)),
                created: found.then_some(false),
            }
        };
        prop_assert_eq!(open.result, expected);
        let thread = open.thread;
        prop_assert_eq!((thread.pid, thread.tid, thread.uid), (1, 2, 3));
        prop_assert_eq!(&*thread.comm, &comm[..]);
        let numbers = (open.time.0, open.cgroup, open.mount_ns, open.mode);
        prop_assert_eq!(numbers, (4, 5, Some(6), 0o640));
    }

    #[test]
    fn no_damage_gets_through_to_the_output(
        which in 0..samples().len(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        keep in 90usize..200,
    ) {
        let mut bytes = samples()[which].clone();
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(keep);
        check::record_and_output(&bytes);
    }

    #[test]
    fn no_bytes_get_through_to_the_output(
        kind in 0u32..4, rest in vec(any::<u8>(), 0..300),
    ) {
        check::record_and_output(&[&kind.to_ne_bytes()[..], &rest].concat());
    }
}
