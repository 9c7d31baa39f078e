//! The reader on saved extracts of three kernels (plan.rs has the running one),
//! tests/hostile has damaged ones. Expected figures are those of `bpftool btf dump`.

use iotrace_common::{Feature, Layout};

use super::*;

const V5_10: &[u8] = include_bytes!("../../tests/btf/5.10.btf");
const V6_12: &[u8] = include_bytes!("../../tests/btf/6.12.btf");
const V7_2: &[u8] = include_bytes!("../../tests/btf/7.2.btf");

fn wanted() -> impl Iterator<Item = &'static str> {
    Layout::FIELDS
        .iter()
        .filter_map(|(path, ..)| path.split('.').next())
        .chain(["pt_regs", "vfs_read", "do_sys_openat2", "vfs_unlink"])
        .chain(["btf_trace_io_uring_complete"])
}

fn btf(data: &[u8]) -> Btf {
    Btf::parse(data.to_vec(), wanted()).expect("BTF")
}

#[test]
fn members_are_found_where_each_kernel_keeps_them() {
    let of = |data| {
        let btf = btf(data);
        [
            "file.f_path.mnt",
            "file.f_path.dentry",
            "file.f_inode",
            "file.f_mode",
        ]
        .map(|path| btf.offset(path))
    };
    assert_eq!(of(V5_10), [Some(16), Some(24), Some(32), Some(68)]);
    assert_eq!(of(V6_12), [Some(64), Some(72), Some(40), Some(12)]);
    // Here f_path is a constant inside an anonymous union.
    assert_eq!(of(V7_2), [Some(64), Some(72), Some(32), Some(4)]);
}

#[test]
fn members_of_anonymous_members_are_found() {
    for data in [V5_10, V6_12, V7_2] {
        let btf = btf(data);
        let name = btf.offset("dentry.d_name.name").expect("a name");
        assert_eq!(btf.offset("dentry.d_name.hash_len"), Some(name - 8));
    }
}

#[test]
fn every_field_is_found_on_every_kernel() {
    for data in [V5_10, V6_12, V7_2] {
        let btf = btf(data);
        for (path, feature, _) in Layout::FIELDS {
            // One of these two; and from 6.6 on.
            if matches!(
                feature,
                Feature::UringTask | Feature::UringContext | Feature::UserPath
            ) {
                continue;
            }
            assert!(btf.offset(path).is_some(), "{path}");
        }
    }
}

#[test]
fn tracepoints_have_as_many_arguments_as_their_prototypes() {
    let of = |data| btf(data).tracepoint_arguments("btf_trace_io_uring_complete");
    assert_eq!([V5_10, V6_12, V7_2].map(of), [Some(4), Some(7), Some(3)]);
    assert_eq!(btf(V6_12).tracepoint_arguments("btf_trace_none"), None);
}

#[test]
fn arguments_are_told_by_name() {
    let arguments = |data, function| btf(data).arguments(function).expect("a function");
    for data in [V5_10, V6_12, V7_2] {
        assert_eq!(arguments(data, "vfs_read"), ["file", "buf", "count", "pos"]);
        assert_eq!(
            arguments(data, "do_sys_openat2"),
            ["dfd", "filename", "how"]
        );
    }
    assert_eq!(arguments(V5_10, "vfs_unlink")[1], "dentry");
    assert_eq!(arguments(V6_12, "vfs_unlink")[2], "dentry");
    assert_eq!(arguments(V7_2, "vfs_unlink")[2], "dentry");
}

#[test]
fn what_is_not_there_is_not_found() {
    let btf = btf(V6_12);
    assert_eq!(btf.offset("file.f_nonsense"), None);
    assert_eq!(btf.offset("file.f_mode.deeper"), None);
    assert_eq!(btf.offset("no_such_struct.a"), None);
    assert_eq!(btf.function("no_such_function"), None);
    assert_eq!(btf.arguments("no_such_function"), None);
}

#[test]
fn other_files_are_refused() {
    let parse = |data: &[u8]| Btf::parse(data.to_vec(), wanted()).err();
    assert_eq!(parse(b""), Some(BtfError::NoHeader));
    assert_eq!(parse(&[0x7f; 64]), Some(BtfError::NoHeader));
    assert_eq!(
        parse(&V6_12[..V6_12.len() - 1]),
        Some(BtfError::Cut(V6_12.len() - 1))
    );
}

#[test]
fn beginnings_end_with_the_name() {
    assert_eq!(
        until_zero(u64::from_le_bytes(*b"abc\0defg")),
        head_of(b"abc")
    );
    assert_eq!(until_zero(u64::from_le_bytes(*b"\0bcdefgh")), head_of(b""));
    assert_eq!(head_of(b"abcdefghi"), u64::from_le_bytes(*b"abcdefgh"));
    assert_ne!(head_of(b"abc"), head_of(b"abd"));
    // A byte of 1 behind a zero borrows.
    assert_eq!(until_zero(u64::from_le_bytes([5, 0, 1, 1, 0, 1, 7, 7])), 5);
    let wanted = Wanted::new(["file", "task_struct"]);
    assert!(wanted.may_have(head_of(b"file")));
    assert!(wanted.may_have(head_of(b"task_str")));
}
