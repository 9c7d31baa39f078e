//! The fold alone: sums, order, limits, filters.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    args::{By, Sort},
    fold::Fold,
    rows::{Row, TickRow},
};
use crate::{
    event::{Comm, Counts, FileId, FilePath, FileType, Io, Thread, Tick},
    filter::NameFilter,
};

fn io(pid: u32, tid: u32, path: &'static str, read_bytes: u64, write_bytes: u64) -> Io {
    Io {
        thread: Thread {
            pid,
            tid,
            uid: 1000,
            comm: Comm::new(format!("t{tid}").as_bytes()).expect("a name"),
        },
        file: FileId {
            major: 8,
            minor: 1,
            ino: path.len() as u64,
            generation: 7,
        },
        file_type: FileType::Regular,
        path: Some(Arc::new(FilePath {
            bytes: Bytes::from_static(path.as_bytes()),
            ..FilePath::default()
        })),
        counts: Counts {
            reads: u64::from(read_bytes > 0),
            writes: u64::from(write_bytes > 0),
            read_bytes,
            write_bytes,
            ..Counts::default()
        },
        lower: false,
    }
}

fn events() -> Vec<Io> {
    vec![
        io(10, 11, "/srv/a", 100, 0),
        io(10, 10, "/srv/a", 0, 300),
        io(10, 11, "/srv/bb", 50, 0),
        io(20, 20, "/tmp/ccc", 1, 2),
    ]
}

fn fold(
    by: Option<By>,
    sort: Sort,
    limit: Option<usize>,
    names: NameFilter,
) -> (Vec<Row>, TickRow) {
    let mut fold = Fold::new(by, names, sort, limit);
    let mut total = Counts::default();
    for io in events() {
        total += io.counts;
        fold.add(io);
    }
    let tick = Tick {
        total,
        ..Tick::default()
    };
    fold.end(&tick)
}

fn sums(rows: &[Row]) -> Counts {
    let mut sum = Counts::default();
    for row in rows {
        sum += row.counts;
    }
    sum
}

#[test]
fn every_grouping_keeps_every_byte() {
    let groupings = [By::File, By::Thread, By::Process, By::Directory];
    for by in groupings.map(Some).into_iter().chain([None]) {
        let (rows, tick) = fold(by, Sort::All, None, NameFilter::default());
        assert_eq!(sums(&rows), tick.total, "{by:?}");
        assert_eq!(tick.rows, rows.len() as u64, "{by:?}");
    }
}

#[test]
fn a_process_has_the_name_of_its_first_thread() {
    let (rows, _) = fold(Some(By::Process), Sort::All, None, NameFilter::default());
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].pid, Some(10));
    assert_eq!(rows[0].comm.as_deref(), Some(&b"t10"[..]));
    assert_eq!(rows[0].tid, None);
    // Three pairs of thread and file, but two files.
    assert_eq!(rows[0].files, 2);
    assert_eq!(rows[0].counts.bytes(), 450);
}

#[test]
fn directories_sum_their_files() {
    let (rows, _) = fold(Some(By::Directory), Sort::All, None, NameFilter::default());
    let names: Vec<_> = rows.iter().filter_map(|row| row.path.as_ref()).collect();
    assert_eq!(names[0].bytes.as_ref(), b"/srv");
    assert_eq!(names[1].bytes.as_ref(), b"/tmp");
}

#[test]
fn sorting_is_by_what_was_asked_for() {
    let first = |sort| {
        let (rows, _) = fold(None, sort, Some(1), NameFilter::default());
        assert_eq!(rows.len(), 1);
        rows[0].counts
    };
    assert_eq!(first(Sort::All).write_bytes, 300);
    assert_eq!(first(Sort::Wbytes).write_bytes, 300);
    assert_eq!(first(Sort::Rbytes).read_bytes, 100);
    assert_eq!(first(Sort::Reads).read_bytes, 100);
    assert_eq!(first(Sort::Writes).write_bytes, 300);
}

#[test]
fn order_does_not_overflow_where_differences_do_not_fit() {
    let mut fold = Fold::new(None, NameFilter::default(), Sort::All, Some(2));
    fold.add(io(1, 1, "/small", 1, 0));
    fold.add(io(1, 2, "/large", 5 << 40, 0));
    fold.add(io(1, 3, "/larger", 6 << 40, 0));
    let (rows, _) = fold.end(&Tick::default());
    let tids: Vec<_> = rows.iter().map(|row| row.tid).collect();
    assert_eq!(tids, [Some(3), Some(2)]);
}

#[test]
fn what_a_filter_leaves_out_is_not_in_the_sums() {
    let names = NameFilter {
        comm: Some("t20".to_owned()),
        ..NameFilter::default()
    };
    let (rows, tick) = fold(None, Sort::All, None, names);
    assert_eq!(rows.len(), 1);
    assert_eq!(sums(&rows), tick.total);
}

#[test]
fn an_interval_begins_empty() {
    let mut fold = Fold::new(Some(By::File), NameFilter::default(), Sort::All, None);
    fold.add(io(1, 1, "/a", 1, 0));
    assert_eq!(fold.end(&Tick::default()).0.len(), 1);
    assert_eq!(fold.end(&Tick::default()).0.len(), 0);
    fold.add(io(1, 1, "/a", 1, 0));
    let (rows, _) = fold.end(&Tick::default());
    assert_eq!(rows[0].counts.read_bytes, 1);
}

#[test]
fn the_best_of_many_are_those_of_all() {
    let numbers = |seed: u32| {
        (0..5_000_u32).map(move |n| n.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 20)
    };
    for limit in [1, 20, 700] {
        let mut some = Fold::new(None, NameFilter::default(), Sort::All, Some(limit));
        let mut all = Fold::new(None, NameFilter::default(), Sort::All, None);
        // The second interval begins anew.
        for seed in [1, 2] {
            for (tid, bytes) in (1..).zip(numbers(seed)) {
                some.add(io(1, tid, "/a", bytes.into(), 0));
                all.add(io(1, tid, "/a", bytes.into(), 0));
            }
            let (best, tick) = some.end(&Tick::default());
            let (mut rows, _) = all.end(&Tick::default());
            assert_eq!(tick.rows, rows.len() as u64);
            rows.truncate(limit);
            assert_eq!(best, rows);
        }
    }
}

#[test]
fn rows_can_be_named_when_the_best_are_known() {
    let mut fold = Fold::new(None, NameFilter::default(), Sort::All, Some(1));
    assert!(fold.names_late());
    for (tid, bytes) in [(1, 5), (2, 7)] {
        let mut io = io(1, tid, "/a", bytes, 0);
        io.path = None;
        fold.add(io);
    }
    let named = std::cell::Cell::new(0);
    fold.name(&|file, _, _| {
        named.set(named.get() + 1);
        assert_eq!(file.ino, 2);
        Some(Arc::new(FilePath::default()))
    });
    assert_eq!(named.get(), 1);
    let (rows, tick) = fold.end(&Tick::default());
    assert_eq!(tick.rows, 2);
    assert!(rows[0].tid == Some(2) && rows[0].path.is_some());
    // What is asked for by name needs all names.
    let by_directory = Fold::new(
        Some(By::Directory),
        NameFilter::default(),
        Sort::All,
        Some(1),
    );
    assert!(!by_directory.names_late());
    let all = Fold::new(None, NameFilter::default(), Sort::All, None);
    assert!(!all.names_late());
}
