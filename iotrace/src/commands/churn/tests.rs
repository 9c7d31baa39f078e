//! Lives by events: names, ends, room.

use bytes::Bytes;

use super::{
    life::{End, Ended},
    lives::Lives,
};
use crate::{
    event::{
        Change, Changed, Comm, Counts, Door, FileId, FilePath, FileType, Io, Open, Opened, Thread,
        Time,
    },
    filter::NameFilter,
};

fn thread(tid: u32) -> Thread {
    Thread {
        pid: 1,
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
        generation: 7,
    }
}

fn path(name: &'static str, claimed: bool) -> Option<FilePath> {
    Some(FilePath {
        bytes: Bytes::from_static(name.as_bytes()),
        claimed,
        ..FilePath::default()
    })
}

fn lives() -> Lives {
    Lives::new(NameFilter::default(), 8)
}

fn kernel_tells_ends() -> Lives {
    let mut lives = lives();
    lives.ends_seen = true;
    lives
}

fn make(lives: &mut Lives, time: u64, ino: u64, name: &'static str) {
    lives.open(Open {
        time: Time(time),
        thread: thread(1),
        flags: libc::O_CREAT as u64,
        mode: 0o600,
        path: path(name, false),
        result: Opened::Ok {
            fd: Some(3),
            file: Some((file(ino), FileType::Regular)),
            created: Some(true),
        },
        door: Door::Call,
        cgroup: 0,
        mount_ns: None,
        cancelled_bytes: None,
    });
}

/// By a caller's words: the file is not known, nor its links.
fn said(time: u64, what: Changed, name: &'static str) -> Change {
    Change {
        time: Time(time),
        thread: thread(1),
        what,
        file: None,
        file_type: None,
        path: path(name, true),
        links: None,
        held: false,
        cancelled_bytes: None,
    }
}

fn rename(time: u64, from: &'static str, to: &'static str, exchange: bool) -> Change {
    let what = Changed::Rename {
        from: path(from, true),
        other: None,
        exchange,
    };
    said(time, what, to)
}

fn free(time: u64, ino: u64) -> Change {
    Change {
        file: Some(file(ino)),
        file_type: Some(FileType::Regular),
        path: None,
        links: Some(0),
        ..said(time, Changed::Free, "/")
    }
}

/// End, inode and lifetime of each, in order.
fn told(ended: &[Ended]) -> Vec<(End, Option<u64>, Option<u64>)> {
    let one = |ended: &Ended| {
        let ino = ended.life.file.map(|file| file.ino);
        (ended.end, ino, ended.lifetime_ns())
    };
    ended.iter().map(one).collect()
}

fn name(ended: &Ended) -> &[u8] {
    ended.life.path.as_ref().map_or(b"", |path| &path.bytes)
}

#[test]
fn a_name_is_found_again_whatever_detours_it_is_said_with() {
    let mut lives = lives();
    make(&mut lives, 10, 1, "/d/a");
    lives.change(said(15, Changed::Unlink, "/d/x/..//./a"));
    let ended = lives.tick(None);
    assert_eq!(told(&ended), [(End::Unlink, Some(1), Some(5))]);
    // The kernel's own words are shown.
    assert_eq!(name(&ended[0]), b"/d/a");
}

#[test]
fn files_go_with_the_directory_that_is_renamed() {
    let mut lives = lives();
    make(&mut lives, 10, 1, "/d/old/a");
    make(&mut lives, 11, 2, "/d/older");
    lives.change(rename(12, "/d/old", "/d/new", false));
    lives.change(said(13, Changed::Unlink, "/d/new/a"));
    lives.change(said(14, Changed::Unlink, "/d/older"));
    let ended = lives.tick(None);
    let ends = [
        (End::Unlink, Some(1), Some(3)),
        (End::Unlink, Some(2), Some(3)),
    ];
    assert_eq!(told(&ended), ends);
    assert_eq!(name(&ended[0]), b"/d/new/a");
}

#[test]
fn files_go_with_directories_that_change_places() {
    let mut lives = lives();
    make(&mut lives, 10, 1, "/d/1/a");
    make(&mut lives, 10, 2, "/d/2/a");
    lives.change(rename(12, "/d/1", "/d/2", true));
    lives.change(said(13, Changed::Unlink, "/d/1/a"));
    assert_eq!(told(&lives.tick(None)), [(End::Unlink, Some(2), Some(3))]);
}

#[test]
fn who_is_replaced_ends_and_who_replaces_goes_on() {
    let mut lives = lives();
    make(&mut lives, 10, 1, "/d/a");
    make(&mut lives, 11, 2, "/d/a.tmp");
    lives.change(rename(13, "/d/a.tmp", "/d/a", false));
    lives.change(said(18, Changed::Unlink, "/d/a"));
    let ends = [
        (End::Replaced, Some(1), Some(3)),
        (End::Unlink, Some(2), Some(7)),
    ];
    assert_eq!(told(&lives.tick(None)), ends);
}

#[test]
fn a_link_keeps_it_alive() {
    let mut lives = lives();
    make(&mut lives, 10, 1, "/d/a");
    let from = path("/d/a", true);
    lives.change(said(11, Changed::Link { from }, "/d/b"));
    lives.change(said(12, Changed::Unlink, "/d/a"));
    assert_eq!(told(&lives.tick(Some(Time(12)))), []);
    lives.change(said(13, Changed::Unlink, "/d/b"));
    assert_eq!(told(&lives.tick(None)), [(End::Unlink, Some(1), Some(3))]);
}

#[test]
fn a_link_that_is_renamed_leaves_the_other_name_to_it() {
    for exchange in [false, true] {
        let mut lives = lives();
        make(&mut lives, 10, 1, "/d/a");
        make(&mut lives, 10, 2, "/d/c");
        let from = path("/d/a", true);
        lives.change(said(11, Changed::Link { from }, "/d/b"));
        lives.change(rename(12, "/d/b", "/d/c", exchange));
        lives.change(said(13, Changed::Unlink, "/d/a"));
        lives.change(said(14, Changed::Unlink, "/d/c"));
        lives.change(said(15, Changed::Unlink, "/d/b"));
        let mut ended = told(&lives.tick(None));
        ended.retain(|(_, ino, _)| *ino == Some(1));
        assert_eq!(ended, [(End::Unlink, Some(1), Some(4))]);
    }
}

#[test]
fn the_kernel_lets_go_before_the_call_returns() {
    let mut lives = kernel_tells_ends();
    make(&mut lives, 10, 1, "/d/a");
    lives.change(free(15, 1));
    // A tick between both does not end it another way.
    assert_eq!(told(&lives.tick(Some(Time(15)))), []);
    lives.change(said(16, Changed::Unlink, "/d/a"));
    assert_eq!(
        told(&lives.tick(Some(Time(20)))),
        [(End::Unlink, Some(1), Some(5))]
    );
}

#[test]
fn the_last_name_is_told_although_the_kernel_lets_go_before() {
    let mut lives = kernel_tells_ends();
    make(&mut lives, 10, 1, "/d/a");
    let from = path("/d/a", true);
    lives.change(said(11, Changed::Link { from }, "/d/b"));
    lives.change(said(12, Changed::Unlink, "/d/a"));
    lives.change(free(15, 1));
    lives.change(said(16, Changed::Unlink, "/d/b"));
    let ended = lives.tick(None);
    assert_eq!(told(&ended), [(End::Unlink, Some(1), Some(5))]);
    assert_eq!(name(&ended[0]), b"/d/b");
}

#[test]
fn a_directory_that_is_let_go_was_removed() {
    let mut lives = kernel_tells_ends();
    let kind = |change| Change {
        file: Some(file(1)),
        file_type: Some(FileType::Directory),
        ..change
    };
    lives.change(kind(said(10, Changed::Create, "/d/a")));
    lives.change(kind(free(15, 1)));
    assert_eq!(told(&lives.tick(None)), [(End::Unlink, Some(1), Some(5))]);
}

#[test]
fn what_let_go_is_what_the_thread_removes_by_a_name_that_is_not_known() {
    let mut lives = kernel_tells_ends();
    make(&mut lives, 10, 1, "/d/a");
    lives.change(free(15, 1));
    lives.change(said(16, Changed::Unlink, "/link/a"));
    let ended = lives.tick(None);
    assert_eq!(told(&ended), [(End::Unlink, Some(1), Some(5))]);
    assert_eq!(name(&ended[0]), b"/d/a");
    // Of another thread, it is another file.
    make(&mut lives, 30, 2, "/d/b");
    lives.change(free(35, 2));
    lives.change(Change {
        thread: thread(2),
        ..said(36, Changed::Unlink, "/link/b")
    });
    let ends = [
        (End::LastClose, Some(2), Some(5)),
        (End::Unlink, None, None),
    ];
    assert_eq!(told(&lives.tick(None)), ends);
}

#[test]
fn the_end_of_one_that_was_held_is_its_last_close() {
    let mut lives = kernel_tells_ends();
    make(&mut lives, 10, 1, "/d/a");
    lives.change(Change {
        file: Some(file(1)),
        links: Some(0),
        held: true,
        ..said(12, Changed::Unlink, "/d/a")
    });
    assert_eq!(told(&lives.tick(Some(Time(13)))), []);
    lives.change(free(20, 1));
    assert_eq!(
        told(&lives.tick(None)),
        [(End::LastClose, Some(1), Some(10))]
    );
}

#[test]
fn two_files_of_one_identity_are_two_lives() {
    let mut lives = lives();
    for time in [10, 20] {
        make(&mut lives, time, 1, "/d/a");
        lives.change(said(time + 5, Changed::Unlink, "/d/a"));
    }
    let end = (End::Unlink, Some(1), Some(5));
    assert_eq!(told(&lives.tick(None)), [end, end]);
}

#[test]
fn a_file_that_is_made_by_name_is_met_when_it_is_opened() {
    let mut lives = lives();
    lives.change(said(10, Changed::Create, "/d/a"));
    lives.change(rename(11, "/d/a", "/d/b", false));
    // Another one of that name is another one.
    lives.change(said(12, Changed::Create, "/d/a"));
    lives.io(&Io {
        thread: thread(1),
        file: file(4),
        file_type: FileType::Regular,
        path: path("/d/b", false).map(Into::into),
        counts: Counts {
            write_bytes: 9,
            ..Counts::default()
        },
        lower: false,
    });
    lives.change(said(14, Changed::Unlink, "/d/b"));
    lives.change(said(15, Changed::Unlink, "/d/a"));
    let ended = lives.tick(None);
    let ends = [
        (End::Unlink, Some(4), Some(4)),
        (End::Unlink, None, Some(3)),
    ];
    assert_eq!(told(&ended), ends);
    assert_eq!(ended[0].life.write_bytes, Some(9));
}

#[test]
fn files_of_other_kinds_are_known_by_name_when_they_are_removed() {
    let mut lives = lives();
    lives.other(&said(10, Changed::Create, "/d/link"));
    lives.change(rename(11, "/d/link", "/d/moved", false));
    lives.change(said(12, Changed::Unlink, "/d/moved"));
    // Of which nobody knows what it was.
    lives.change(said(13, Changed::Unlink, "/d/moved"));
    let ended = lives.tick(None);
    assert_eq!(told(&ended), [(End::Unlink, None, None)]);
    assert_eq!(ended[0].life.file_type, None);
}

#[test]
fn there_is_no_more_room_than_was_asked_for() {
    let mut lives = lives();
    for ino in 0..20 {
        make(&mut lives, 10, ino, "/d/a");
    }
    for _ in 0..20 {
        lives.change(said(11, Changed::Unlink, "/d/b"));
    }
    assert_eq!(lives.count(), 8);
    // As many of those removed may be those that found no room.
    assert_eq!(lives.untracked, 12 + 8);
}

/// The kernel's word that a file lost a name.
fn unlinked(time: u64, ino: u64, name: &'static str, links: u32) -> Change {
    Change {
        file: Some(file(ino)),
        file_type: Some(FileType::Regular),
        path: path(name, false),
        links: Some(links),
        ..said(time, Changed::Unlink, name)
    }
}

#[test]
fn a_file_whose_end_was_lost_ends_an_interval_later() {
    let mut lives = kernel_tells_ends();
    make(&mut lives, 10, 1, "/d/a");
    lives.change(unlinked(12, 1, "/d/a", 0));
    assert!(lives.tick(Some(Time(20))).is_empty());
    let ended = lives.tick(Some(Time(30)));
    assert_eq!(told(&ended), [(End::Unlink, Some(1), Some(2))]);
    assert_eq!(lives.count(), 0);
}

#[test]
fn a_file_that_is_held_lives_until_it_is_let_go() {
    let mut lives = kernel_tells_ends();
    make(&mut lives, 10, 1, "/d/a");
    lives.change(Change {
        held: true,
        ..unlinked(12, 1, "/d/a", 0)
    });
    for time in [20, 30, 40] {
        assert!(lives.tick(Some(Time(time))).is_empty());
    }
    lives.change(free(45, 1));
    let ended = lives.tick(Some(Time(50)));
    assert_eq!(told(&ended), [(End::LastClose, Some(1), Some(35))]);
}

#[test]
fn what_was_cancelled_before_an_open_is_not_its_files() {
    let mut lives = lives();
    make(&mut lives, 10, 1, "/d/a");
    let mut reopen = |flags: i32| {
        lives.open(Open {
            time: Time(11),
            thread: thread(1),
            flags: flags as u64,
            mode: 0,
            path: path("/d/a", false),
            result: Opened::Ok {
                fd: Some(3),
                file: Some((file(1), FileType::Regular)),
                created: Some(false),
            },
            door: Door::Call,
            cgroup: 0,
            mount_ns: None,
            cancelled_bytes: Some(4096),
        });
    };
    reopen(libc::O_RDONLY);
    reopen(libc::O_WRONLY | libc::O_TRUNC);
    lives.change(said(12, Changed::Unlink, "/d/a"));
    let ended = lives.tick(None);
    assert_eq!(ended[0].life.cancelled_bytes, Some(4096));
    assert_eq!(ended[0].life.truncates, 1);
}

#[test]
fn a_memfd_is_no_old_file_that_ends() {
    let mut lives = kernel_tells_ends();
    lives.io(&Io {
        thread: thread(1),
        file: file(1),
        file_type: FileType::Regular,
        path: path("memfd:x", false).map(std::sync::Arc::new),
        lower: false,
        counts: Counts::default(),
    });
    lives.change(free(12, 1));
    assert!(lives.tick(None).is_empty());
}

#[test]
fn a_file_that_is_replaced_lives_on_by_its_other_name() {
    let mut lives = lives();
    make(&mut lives, 10, 1, "/d/a");
    make(&mut lives, 10, 2, "/d/b");
    lives.change(Change {
        file: Some(file(2)),
        links: Some(1),
        what: Changed::Rename {
            from: path("/d/b", false),
            other: Some(file(1)),
            exchange: false,
        },
        ..said(12, Changed::Unlink, "/d/a")
    });
    assert!(lives.tick(Some(Time(20))).is_empty());
    lives.change(unlinked(25, 1, "/d/other", 0));
    let ended = lives.tick(None);
    assert_eq!(told(&ended), [(End::Unlink, Some(1), Some(15))]);
}

#[test]
fn a_rename_between_two_names_of_a_file_does_nothing() {
    let mut lives = lives();
    make(&mut lives, 10, 1, "/d/a");
    lives.change(Change {
        what: Changed::Link {
            from: path("/d/a", true),
        },
        ..said(11, Changed::Create, "/d/b")
    });
    lives.change(rename(12, "/d/a", "/d/b", false));
    lives.change(said(13, Changed::Unlink, "/d/a"));
    assert!(lives.tick(Some(Time(20))).is_empty());
    lives.change(said(21, Changed::Unlink, "/d/b"));
    assert_eq!(told(&lives.tick(None)), [(End::Unlink, Some(1), Some(11))]);
}

#[test]
fn an_old_file_with_two_names_ends_once() {
    let mut lives = kernel_tells_ends();
    let mut open = |name: &'static str| {
        lives.io(&Io {
            thread: thread(1),
            file: file(1),
            file_type: FileType::Regular,
            path: path(name, false).map(std::sync::Arc::new),
            lower: false,
            counts: Counts::default(),
        });
    };
    open("/d/a");
    lives.change(said(12, Changed::Unlink, "/d/a"));
    lives.change(free(13, 1));
    lives.change(said(14, Changed::Unlink, "/d/b"));
    assert_eq!(told(&lives.tick(None)), [(End::Unlink, Some(1), None)]);
}

#[test]
fn a_file_without_room_is_counted_once() {
    let mut lives = lives();
    for ino in 0..12 {
        make(
            &mut lives,
            10,
            ino,
            ["/d/a", "/d/b", "/d/c"][ino as usize % 3],
        );
    }
    assert_eq!((lives.count(), lives.untracked), (8, 4));
    for _ in 0..4 {
        lives.change(said(12, Changed::Unlink, "/d/unknown"));
    }
    assert_eq!(lives.untracked, 4);
    assert!(lives.tick(None).is_empty());
}

#[test]
fn a_file_that_is_replaced_while_it_is_open_ends_as_it_is_closed() {
    let mut lives = kernel_tells_ends();
    make(&mut lives, 10, 1, "/d/kept");
    make(&mut lives, 11, 2, "/d/kept.tmp");
    lives.change(rename(12, "/d/kept.tmp", "/d/kept", false));
    lives.change(free(13, 1));
    lives.change(free(14, 2));
    lives.change(said(15, Changed::Unlink, "/d/kept"));
    let ended = lives.tick(None);
    let ends = [
        (End::LastClose, Some(1), Some(3)),
        (End::Unlink, Some(2), Some(3)),
    ];
    assert_eq!(told(&ended), ends);
}
