//! Decoding: paths come out right. tests/hostile has records of any kind, whole and
//! damaged.

use super::*;

/// The bytes of a wire record with a path behind it.
fn bytes<T: aya::Pod>(head: &T, path: &[u8]) -> Vec<u8> {
    // SAFETY: a `Pod` is its bytes.
    let head = unsafe { std::slice::from_raw_parts((&raw const *head).cast(), size_of::<T>()) };
    [head, path].concat()
}

fn name(flags: u32, path: &[u8]) -> FilePath {
    let head = FileRecord {
        kind: RECORD_FILE,
        flags,
        path_len: path.len() as u32,
        ..FileRecord::default()
    };
    match record(&bytes(&head, path)) {
        Ok(Record::Name { path, .. }) => path.expect("a path"),
        other => panic!("{other:?}"),
    }
}

fn opened(head: OpenRecord, path: &[u8]) -> Open {
    let head = OpenRecord {
        kind: RECORD_OPEN,
        path_len: path.len() as u32,
        ..head
    };
    match record(&bytes(&head, path)) {
        Ok(Record::Open { open, .. }) => open,
        other => panic!("{other:?}"),
    }
}

#[test]
fn components_are_put_in_order() {
    assert_eq!(name(0, b"c.txt\0b\0a\0").bytes.as_ref(), b"/a/b/c.txt");
    assert_eq!(name(0, b"").bytes.as_ref(), b"/");
    assert_eq!(name(0, b"file\0/\0").bytes.as_ref(), b"/file");
}

#[test]
fn a_file_outside_of_the_tree_has_no_slash() {
    let path = name(path_flag::OUTSIDE, b"memfd:cache\0");
    assert_eq!(path.bytes.as_ref(), b"memfd:cache");
    assert!(!path.cut);
}

#[test]
fn a_cut_path_does_not_claim_to_be_absolute() {
    let path = name(path_flag::CUT, b"c\0b\0");
    assert_eq!(path.bytes.as_ref(), b"b/c");
    assert!(path.cut);
}

#[test]
fn a_failed_open_keeps_what_the_caller_wrote() {
    let claimed = |flags, path: &[u8]| {
        let head = OpenRecord {
            flags: flags | path_flag::CLAIMED,
            result: -2,
            ..OpenRecord::default()
        };
        let open = opened(head, path);
        assert_eq!(open.result, Opened::Failed { errno: 2 });
        let path = open.path.expect("a path");
        assert!(path.claimed);
        String::from_utf8(path.bytes.to_vec()).expect("text")
    };
    assert_eq!(claimed(0, b"/etc//x\0"), "/etc//x");
    assert_eq!(claimed(0, b"../x\0dir\0home\0"), "/home/dir/../x");
    assert_eq!(claimed(0, b"x\0"), "/x");
    assert_eq!(claimed(0, b"\0dir\0"), "/dir/");
    assert_eq!(claimed(path_flag::CUT, b"x\0"), "x");
    assert_eq!(claimed(path_flag::CUT, b"x\0deep\0"), "deep/x");
}

#[test]
fn a_success_of_which_nothing_could_be_read_tells_no_file_and_no_path() {
    let head = OpenRecord {
        flags: path_flag::CLAIMED,
        result: 3,
        ..OpenRecord::default()
    };
    let open = opened(head, b"");
    assert_eq!(open.path, None);
    let unknown = Opened::Ok {
        fd: Some(3),
        file: None,
        created: None,
    };
    assert_eq!(open.result, unknown);
}

#[test]
fn an_unnamed_temporary_file_is_created() {
    let head = OpenRecord {
        open_flags: (libc::O_TMPFILE | libc::O_RDWR) as u64,
        result: 5,
        ..OpenRecord::default()
    };
    let open = opened(head, b"#12\0tmp\0");
    assert!(matches!(
        open.result,
        Opened::Ok {
            fd: Some(5),
            created: Some(true),
            ..
        }
    ));
    let head = OpenRecord {
        open_flags: libc::O_DIRECTORY as u64,
        result: 5,
        ..OpenRecord::default()
    };
    let open = opened(head, b"tmp\0");
    assert!(matches!(
        open.result,
        Opened::Ok {
            created: Some(false),
            ..
        }
    ));
}

/// A row with one read of 10 bytes and one write of 20.
fn row(key: RowKey) -> Row {
    Row {
        key,
        moved: [OpTotal { ops: 1, bytes: 10 }, OpTotal { ops: 1, bytes: 20 }],
        tgid: 7,
        ..Row::default()
    }
}

/// The events of rows with these keys.
fn ios_of<const N: usize>(mut keys: [RowKey; N]) -> Vec<Io> {
    keys.sort_unstable_by_key(group);
    ios(&keys.map(row)).collect()
}

#[test]
fn rows_of_all_kinds_become_one_but_for_lower_layers() {
    let file = iotrace_common::FileId::default();
    let ios = ios_of(RowKind::ALL.map(|kind| RowKey::new(kind, file, 4_194_303, 5)));
    let counted: Vec<_> = ios.iter().map(|io| (io.thread.tid, io.lower)).collect();
    assert_eq!(counted, [(4_194_303, false), (4_194_303, true)]);
    let expected = Counts {
        reads: 2,
        writes: 2,
        read_bytes: 20,
        write_bytes: 40,
        map_reads: 1,
        map_writes: 1,
        cloned_bytes: 20,
        storage: Some(Storage {
            fetched_bytes: 10,
            dirtied_bytes: 20,
        }),
    };
    assert_eq!(ios[0].counts, expected);
    assert_eq!(ios[1].counts.read_bytes, 10);
}

#[test]
fn rows_of_other_threads_and_files_stand_apart() {
    let file = iotrace_common::FileId::default();
    let other = iotrace_common::FileId {
        generation: 1,
        ..file
    };
    let keys = [
        RowKey::new(RowKind::Elsewhere, file, 1, 5),
        RowKey::new(RowKind::Own, file, 2, 5),
        // The same number, but another thread.
        RowKey::new(RowKind::Own, file, 1, 6),
        RowKey::new(RowKind::Own, other, 1, 5),
    ];
    assert_eq!(ios_of(keys).len(), 4);
}

#[test]
fn device_numbers_are_split_as_the_kernel_does() {
    let file = file_id(iotrace_common::FileId {
        dev: 259 << 20 | 70_000,
        ..iotrace_common::FileId::default()
    });
    assert_eq!((file.major, file.minor), (259, 70_000));
}

#[test]
fn an_open_of_a_pipe_has_the_pipes_name() {
    let mut head = wire::OpenRecord {
        kind: RECORD_OPEN,
        result: 3,
        file_mode: libc::S_IFIFO | 0o600,
        flags: path_flag::OUTSIDE,
        cancelled: wire::UNKNOWN,
        ..wire::OpenRecord::default()
    };
    head.file.ino = 411_292;
    let opened = open(&head, b"");
    assert_eq!(opened.path.expect("a path").bytes, "pipe:[411292]");
}
