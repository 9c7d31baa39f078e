//! Applications, and nobody.

use super::*;

#[test]
fn a_process_that_does_most_of_it() {
    let verdict = verdict([
        disk(400 * MIB, 0),
        proc(10, "/usr/bin/dd if=/dev/sda", 390 * MIB, 0),
        proc(11, "busy", 5 * MIB, 0),
    ]);
    assert_eq!(who(&verdict), ("process", Some(10)));
    assert!(verdict.sentence.starts_with("dd (pid 10): 39 MiB/s read"));
    assert!(verdict.confidence > 0.5);
    assert!(says(&verdict.evidence, "sda: 40 MiB/s read"));
    assert!(says(&verdict.evidence, "processes explain 99 % of sda"));
    assert!(says(&verdict.ruled_out, "not running: backup"));
    assert!(says(&verdict.ruled_out, "busy (pid 11)"));
    assert!(!says(&verdict.ruled_out, "(pid 10)"));
}

#[test]
fn nobody_is_accused_of_less_than_two_fifths() {
    let of = |read: u64| {
        verdict([
            disk(1000 * MIB, 0),
            proc(10, "a", read, 0),
            proc(11, "b", 300 * MIB, 0),
            proc(12, "c", 250 * MIB, 0),
        ])
    };
    assert_eq!(who(&of(400 * MIB)), ("process", Some(10)));
    let unclear = of(399 * MIB);
    assert_eq!(who(&unclear), ("unclear", None));
    assert!(
        unclear
            .sentence
            .contains("No single process stands out: the busiest, a (pid 10)")
    );
    assert!(unclear.also.is_empty());
}

#[test]
fn processes_of_a_service_count_together() {
    let members = (20..25).map(|pid| {
        let facts = Facts {
            unit: Some("web.service".to_owned()),
            ..facts("worker")
        };
        proc_of(pid, facts, usage(20 * MIB, 0))
    });
    let verdict = verdict(members.chain([disk(100 * MIB, 0)]));
    assert_eq!(who(&verdict), ("process", Some(20)));
    assert!(verdict.sentence.contains("and 4 more of web.service"));
    let culprit = verdict.culprit.expect("a culprit");
    assert_eq!(culprit.unit.as_deref(), Some("web.service"));
    assert!(culprit.share > 0.99);
}

#[test]
fn idle_disks_are_no_problem() {
    let quiet = verdict([idle_disk(), pressure(0.01), proc(10, "a", 0, 40 * KIB)]);
    // All of next to nothing is next to nothing.
    assert_eq!(who(&quiet), ("none", None));
    assert!(quiet.sentence.starts_with("No I/O problem seen"));
    assert!(quiet.confidence > 0.8);
    let waited_for = verdict([idle_disk(), pressure(0.06), proc(10, "a", 0, 40 * KIB)]);
    assert_eq!(waited_for.cause, "process");
}

#[test]
fn who_sees_nothing_says_nothing() {
    let blind = verdict([]);
    assert_eq!(blind.cause, "unclear");
    assert!(blind.sentence.contains("nothing can be said"));
    assert!(blind.ruled_out.is_empty());
}

#[test]
fn what_was_not_watched_has_no_rates() {
    let mut evidence = Evidence::new();
    for n in 0..10 {
        evidence.add(open(10, n, n, "/etc/x", false));
    }
    evidence.add(disk(100 * MIB, 0));
    evidence.add(proc(10, "app", 100 * MIB, 0));
    evidence.finish();
    let catalogue = Catalogue::embedded();
    let verdict = verdict::judge(&Picture::of(&evidence, &catalogue), Time(0));
    assert_eq!(who(&verdict), ("unclear", None));
    assert_eq!(verdict.sentence, "It was not watched for any time.");
}

#[test]
fn without_accounts_it_is_less_sure() {
    let secret = |pid| {
        Event::Proc(Proc {
            pid,
            tid: None,
            facts: Arc::new(facts("a")),
            accounts: None,
            io_wait_ns: None,
            threads: None,
            ended: false,
        })
    };
    let quiet = verdict([idle_disk(), secret(10)]);
    assert_eq!(quiet.cause, "none");
    assert!(quiet.confidence < 0.7);
    assert!(says(&quiet.evidence, "accounts of other users"));
    let busy = verdict([disk(100 * MIB, 0), secret(10)]);
    assert_eq!(who(&busy), ("unclear", None));
    assert!(busy.sentence.contains("run it as root"));
    let traced = [disk(100 * MIB, 0), proc(10, "a", 100 * MIB, 0)];
    let with_files = io(10, 1, "/a", (1, 1), (0, 0));
    let sure = verdict([&traced[..], &[with_files]].concat()).confidence;
    assert!(sure > verdict(traced).confidence);
}

#[test]
fn late_writeback_is_not_blamed_on_anybody() {
    let verdict = verdict([disk(0, 500 * MIB), proc(10, "a", 0, 10 * MIB)]);
    assert_eq!(who(&verdict), ("unclear", None));
    assert!(
        verdict
            .sentence
            .contains("became dirty before it was watched")
    );
}

#[test]
fn threads_of_the_kernel_are_no_culprits() {
    let flusher = Facts {
        command: None,
        kernel: true,
        ..facts("kworker/u8:1")
    };
    let verdict = verdict([disk(0, 100 * MIB), proc_of(9, flusher, usage(0, 100 * MIB))]);
    assert_eq!(culprit(&verdict), None);
}

#[test]
fn what_lies_on_a_disk_counts_once() {
    let Event::Device(below) = disk(100 * MIB, 0) else {
        panic!("no device");
    };
    let partition = Device {
        name: "sda1".to_owned(),
        kind: DeviceKind::Partition,
        below: vec!["sda".to_owned()],
        ..below.clone()
    };
    let verdict = verdict([
        Event::Device(below),
        Event::Device(partition),
        proc(10, "a", 90 * MIB, 0),
    ]);
    assert!(says(&verdict.evidence, "processes explain 90 % of sda"));
    assert!(!says(&verdict.evidence, "sda1"));
}

fn scan(mean: u64, share: u64) -> Verdict {
    let read = 200 * MIB;
    verdict([
        disk(read * 100 / share, 0),
        proc(10, "/usr/bin/copy", read, 0),
        io(10, 1, "/srv/disk.img", (read / mean, read), (0, 0)),
    ])
}

#[test]
fn a_file_that_is_read_from_end_to_end() {
    let found = scan(64 * KIB, 50);
    assert_eq!(who(&found), ("full_scan", Some(10)));
    assert_eq!(found.files, ["/srv/disk.img"]);
    // Small blocks, or not much of it.
    assert_eq!(who(&scan(32 * KIB, 50)), ("process", Some(10)));
    assert_eq!(who(&scan(64 * KIB, 39)), ("unclear", None));
}

/// Files that one thread makes, and their lives.
fn temporary(count: u64, removed: u64, life_ns: u64) -> Vec<Event> {
    let mut events = Vec::new();
    for n in 0..count {
        let (ino, name) = (1000 + n, format!("/tmp/work/f{n}.txt"));
        let born = n * SECONDS * SECOND / count;
        events.push(open(30, born, ino, &name, true));
        if n < removed {
            events.push(change(
                30,
                born + life_ns,
                Changed::Unlink,
                ino,
                Some(&name),
            ));
            events.push(change(30, born + life_ns, Changed::Free, ino, None));
        }
    }
    let cancelled = Usage {
        cancelled_write_bytes: 90 * KIB,
        ..usage(0, 100 * KIB)
    };
    events.push(proc_of(30, facts("python3 service.py"), cancelled));
    events.push(idle_disk());
    events
}

#[test]
fn files_that_are_made_to_be_removed() {
    let found = verdict(temporary(100, 50, SECOND / 10));
    assert_eq!(who(&found), ("temp_file_churn", Some(30)));
    assert_eq!(found.files, ["/tmp/work/f*.txt"]);
    assert!(found.sentence.contains("thread 31"), "{}", found.sentence);
    assert!(says(
        &found.evidence,
        "100 files made, 50 removed, 50 alive"
    ));
    assert!(says(
        &found.evidence,
        "were cancelled before they reached the disk (90 %)"
    ));
    // Fewer, or such that stay.
    assert_eq!(verdict(temporary(99, 99, SECOND / 10)).cause, "none");
    assert_eq!(verdict(temporary(100, 49, SECOND / 10)).cause, "none");
}

#[test]
fn temporary_files_beside_what_moves_the_bytes() {
    let mut events = temporary(100, 100, SECOND / 10);
    events.push(disk(400 * MIB, 10 * MIB));
    events.push(proc(40, "reader", 400 * MIB, 0));
    assert_eq!(who(&verdict(events)), ("process", Some(40)));
}

/// Files whose bytes are on nobody's account, beside somebody who writes as much to a disk.
#[test]
fn temporary_files_in_memory_are_not_on_the_disk() {
    let mut events = temporary(100, 100, SECOND / 10);
    events.extend((0..100).map(|n| io(30, 1000 + n, "/tmp/x", (0, 0), (1, MIB))));
    events.push(disk(0, 100 * MIB));
    events.push(proc(41, "/usr/bin/writer", 0, 100 * MIB));
    assert_eq!(who(&verdict(events)), ("process", Some(41)));
}

#[test]
fn files_of_many_processes_are_nobodys_alone() {
    let of = |program: fn(u32) -> String| {
        let mut events = Vec::new();
        for n in 0..200 {
            let pid = 100 + (n % 50) as u32 * 2;
            let (ino, name) = (1000 + n, format!("/tmp/work/f{n}.txt"));
            events.push(open(pid, n, ino, &name, true));
            events.push(change(pid, n + 5, Changed::Unlink, ino, Some(&name)));
            events.push(change(pid, n + 5, Changed::Free, ino, None));
        }
        events.extend((0..50).map(|n| proc(100 + n * 2, &program(n), 0, KIB)));
        events.push(idle_disk());
        verdict(events)
    };
    assert_eq!(who(&of(|n| format!("/usr/bin/one-{n}"))), ("none", None));
    let workers = of(|_| "/usr/bin/worker".to_owned());
    assert_eq!(workers.cause, "temp_file_churn");
    assert_eq!(workers.culprit.expect("a culprit").processes, 50);
    assert!(workers.sentence.contains("and 49 more of worker"));
}

/// A log in memory, while a disk has nothing to do.
#[test]
fn a_log_in_memory_floods_no_disk() {
    let written = 300 * KIB * SECONDS;
    let events = [
        idle_disk(),
        proc(10, "/usr/lib/systemd/systemd-journald", 0, 0),
        proc(11, "other", 0, 40 * KIB),
        io(
            10,
            1,
            "/run/log/journal/system.journal",
            (0, 0),
            (500, written),
        ),
    ];
    assert_eq!(who(&verdict(events)), ("none", None));
}

#[test]
fn commands_to_paste_are_quoted() {
    let least = 256 * KIB * SECONDS;
    let found = log("/var/log/x; rm -r '~'\n.log", least, 100);
    assert!(
        says(
            &found.next,
            r"tail -n 20 $'/var/log/x; rm -r \'~\'\012.log'"
        ),
        "{:?}",
        found.next
    );
}

fn log(name: &str, written: u64, share: u64) -> Verdict {
    verdict([
        disk(0, written * 100 / share),
        proc(10, "/usr/sbin/app", 0, written),
        proc(11, "other", 0, written * 100 / share - written),
        io(10, 1, name, (0, 0), (5000, written)),
    ])
}

#[test]
fn a_log_that_grows_too_fast() {
    let least = 256 * KIB * SECONDS;
    let found = log("/var/log/app.log", least, 100);
    assert_eq!(who(&found), ("log_flood", Some(10)));
    assert!(says(&found.next, "tail -n 20 /var/log/app.log"));
    assert_eq!(log("/srv/app-2024.log", 2 * least, 50).cause, "log_flood");
    assert_eq!(log("/srv/app.log.1", 2 * least, 50).cause, "log_flood");
    // Less of it, no log, or somebody else does most.
    assert_eq!(log("/var/log/app.log", least - 1, 100).cause, "process");
    assert_eq!(log("/srv/data", 2 * least, 100).cause, "process");
    assert_eq!(
        who(&log("/var/log/app.log", 2 * least, 39)),
        ("process", Some(11))
    );
}

fn wal(to_log: u64, to_database: u64) -> Verdict {
    verdict([
        disk(0, to_log + to_database),
        proc(10, "app", 0, to_log + to_database),
        io(10, 1, "/srv/a.db-wal", (0, 0), (2000, to_log)),
        io(10, 2, "/srv/a.db", (0, 0), (to_database / KIB, to_database)),
    ])
}

#[test]
fn a_log_whose_database_is_not_brought_up_to_date() {
    let found = wal(10 * MIB, 0);
    assert_eq!(who(&found), ("wal_not_checkpointed", Some(10)));
    assert_eq!(found.files, ["/srv/a.db-wal"]);
    assert_eq!(wal(10 * MIB - 1, 0).cause, "process");
    // A checkpoint writes each page once, however often it stands in the log.
    assert_eq!(wal(10 * MIB, 4 * KIB).cause, "process");
}

fn synchronous(count: u64, each: u64) -> Verdict {
    verdict([
        disk(0, count * each),
        proc(10, "app", 0, count * each),
        io(10, 1, "/srv/journal", (0, 0), (count, count * each)),
        syncs(10, 1, "/srv/journal", count),
    ])
}

#[test]
fn small_writes_each_of_which_is_waited_for() {
    let found = synchronous(100, 128 * KIB);
    assert_eq!(who(&found), ("sync_writes", Some(10)));
    assert!(
        found
            .sentence
            .contains("waits 10 times per second until what it wrote is in storage, 128 KiB each time, most often /srv/journal")
    );
    assert_eq!(synchronous(99, 128 * KIB).cause, "process");
    assert_eq!(synchronous(100, 128 * KIB + 1).cause, "process");
    // All the syncs, but next to nothing of the bytes.
    let beside = verdict([
        disk(0, 100 * MIB),
        proc(10, "app", 0, MIB),
        proc(11, "writer", 0, 99 * MIB),
        syncs(10, 1, "/srv/journal", 1000),
    ]);
    assert_eq!(who(&beside), ("process", Some(11)));
}

fn renewed(count: u64) -> Verdict {
    let cut = |n| {
        change(
            10,
            n,
            Changed::Truncate { length: 0 },
            1,
            Some("/srv/state"),
        )
    };
    let mut events: Vec<Event> = (0..count).map(cut).collect();
    events.push(disk(0, 20 * MIB));
    events.push(proc(10, "app", 0, 20 * MIB));
    events.push(io(10, 1, "/srv/state", (0, 0), (count, 20 * MIB)));
    verdict(events)
}

#[test]
fn a_file_that_is_written_anew_again_and_again() {
    let found = renewed(10);
    assert_eq!(who(&found), ("rewrite", Some(10)));
    assert!(says(&found.evidence, "cut to nothing or replaced 10 times"));
    assert_eq!(renewed(9).cause, "process");
}

/// Process 10 gives its `n`th new file the name `to`.
fn renamed(n: u64, from: &str, to: &str) -> Event {
    let what = Changed::Rename {
        from: Some(path(from)),
        other: None,
        exchange: false,
    };
    change(10, n, what, 100 + n, Some(to))
}

#[test]
fn a_file_that_is_replaced_again_and_again() {
    let events = (0..20).map(|n| renamed(n, "/srv/state.new", "/srv/state"));
    let events = events.chain([
        disk(0, 20 * MIB),
        proc(10, "app", 0, 20 * MIB),
        io(10, 1, "/srv/state.new", (0, 0), (20, 20 * MIB)),
    ]);
    assert_eq!(who(&verdict(events)), ("rewrite", Some(10)));
}

/// What else it writes is not the file that it replaces.
#[test]
fn a_small_file_that_is_replaced_often_is_not_all_that_is_written() {
    let events = (0..20).map(|n| renamed(n, "/srv/CURRENT.new", "/srv/CURRENT"));
    let events = events.chain([
        disk(0, 200 * MIB),
        proc(10, "app", 0, 200 * MIB),
        io(10, 1, "/srv/CURRENT.new", (0, 0), (20, 20 * KIB)),
        io(10, 2, "/srv/data", (0, 0), (20, 200 * MIB)),
    ]);
    assert_eq!(who(&verdict(events)), ("process", Some(10)));
}

#[test]
fn what_was_written_under_another_name_is_the_files() {
    let mut events = Vec::new();
    for n in 0..20 {
        let from = format!("/srv/tmp{n}");
        events.push(io(10, 100 + n, &from, (0, 0), (1, MIB)));
        events.push(renamed(n, &from, "/srv/state"));
    }
    events.push(disk(0, 20 * MIB));
    events.push(proc(10, "app", 0, 20 * MIB));
    assert_eq!(who(&verdict(events)), ("rewrite", Some(10)));
}

fn storm(opens: u64, disk: Event) -> Verdict {
    let opens = (0..opens).map(|n| open(10, n, n % 7, "/etc/x", false));
    verdict(opens.chain([disk, proc(10, "find", 0, 0), proc(11, "b", 90 * MIB, 0)]))
}

#[test]
fn names_by_the_thousand() {
    let storm_alone = |count| {
        let opens = (0..count).map(|n| open(10, n, n % 7, "/etc/x", false));
        verdict(opens.chain([idle_disk(), proc(10, "find", 0, 0)]))
    };
    let found = storm_alone(1000 * SECONDS);
    assert_eq!(who(&found), ("metadata_storm", Some(10)));
    assert_eq!(storm_alone(1000 * SECONDS - 1).cause, "none");
    // While another one keeps the disk busy.
    let beside = storm(2000 * SECONDS, disk(100 * MIB, 0));
    assert_eq!(who(&beside), ("process", Some(11)));
}

fn cached(read: u64) -> Verdict {
    verdict([
        idle_disk(),
        proc(10, "dd", 0, 0),
        io(10, 1, "/srv/a", (100, read), (0, 0)),
    ])
}

#[test]
fn reads_that_the_cache_serves() {
    let found = cached(20 * MIB * SECONDS);
    assert_eq!(who(&found), ("cache_reads", Some(10)));
    assert!(found.sentence.starts_with("No disk problem"));
    assert_eq!(cached(20 * MIB * SECONDS - SECONDS).cause, "none");
    // The disk has other things to do.
    let busy = verdict([
        disk(100 * MIB, 0),
        proc(10, "dd", 0, 0),
        proc(11, "tar2", 100 * MIB, 0),
        io(10, 1, "/srv/a", (100, 900 * MIB), (0, 0)),
    ]);
    assert_eq!(who(&busy), ("process", Some(11)));
    assert!(says(
        &busy.ruled_out,
        "dd (pid 10): 0 B/s read from storage"
    ));
}

fn swapping(bytes: u64, device: u64) -> Verdict {
    let system = System {
        swap_in_bytes: Some(bytes / 2),
        swap_out_bytes: Some(bytes / 2),
        memory_some: Some(0.5),
        ..System::default()
    };
    verdict([
        Event::System(system),
        disk(device / 2, device / 2),
        proc(10, "app", 0, 0),
    ])
}

#[test]
fn memory_that_goes_to_the_disk_and_back() {
    let found = swapping(MIB * SECONDS, 2 * MIB * SECONDS);
    assert_eq!(who(&found), ("swap", None));
    assert!(says(&found.evidence, "waited for memory 50 % of the time"));
    assert_eq!(
        swapping(MIB * SECONDS - 2, 2 * MIB * SECONDS).cause,
        "unclear"
    );
    assert_eq!(swapping(MIB * SECONDS, 3 * MIB * SECONDS).cause, "unclear");
}

#[test]
fn swap_in_memory_uses_no_disk() {
    let Event::Device(zram) = disk(50 * MIB, 50 * MIB) else {
        panic!("no device");
    };
    let system = System {
        swap_in_bytes: Some(50 * MIB),
        swap_out_bytes: Some(50 * MIB),
        ..System::default()
    };
    let verdict = verdict([
        Event::System(system),
        Event::Device(Device {
            name: "zram0".to_owned(),
            kind: DeviceKind::Memory,
            ..zram
        }),
        disk(20 * MIB, 0),
        proc(10, "app", 20 * MIB, 0),
    ]);
    assert_eq!(who(&verdict), ("process", Some(10)));
    assert!(verdict.also.is_empty());
}

#[test]
fn who_does_much_is_not_ruled_out() {
    let verdict = verdict([
        disk(100 * MIB, 0),
        proc(10, "a", 50 * MIB, 0),
        proc(11, "b", 45 * MIB, 0),
        proc(12, "c", 5 * MIB, 0),
    ]);
    assert_eq!(who(&verdict), ("process", Some(10)));
    assert!(says(&verdict.also, "b (pid 11)"));
    assert!(!says(&verdict.ruled_out, "b (pid 11)"));
    assert!(says(&verdict.ruled_out, "c (pid 12)"));
}

/// What is dropped of one process is not taken off what another one writes.
#[test]
fn dropped_bytes_are_those_of_who_wrote_them() {
    let dropped = Usage {
        cancelled_write_bytes: 300 * MIB,
        ..Usage::default()
    };
    let verdict = verdict([
        disk(0, 100 * MIB),
        proc(10, "writer", 0, 100 * MIB),
        proc_of(11, facts("rm"), dropped),
    ]);
    assert_eq!(who(&verdict), ("process", Some(10)));
    assert!(says(&verdict.evidence, "processes explain 100 % of sda"));
}

#[test]
fn a_number_that_is_used_again_is_another_process() {
    let mut later = facts("second");
    later.started = Some(Time(9 * SECOND));
    let verdict = verdict([
        proc(10, "first", 90 * MIB, 0),
        proc_of(10, later, usage(10 * MIB, 0)),
        disk(100 * MIB, 0),
    ]);
    assert_eq!(who(&verdict), ("process", Some(10)));
    assert_eq!(verdict.culprit.expect("one").comm, "first");
}

#[test]
fn the_end_of_a_process_does_not_make_it_forgotten() {
    let short = Facts {
        command: None,
        ..facts("dd")
    };
    let verdict = verdict([
        proc(10, "/usr/bin/dd if=/dev/sda", 60 * MIB, 0),
        proc_of(10, short, usage(40 * MIB, 0)),
        disk(100 * MIB, 0),
    ]);
    let culprit = verdict.culprit.expect("one");
    assert_eq!(culprit.command.as_deref(), Some("/usr/bin/dd if=/dev/sda"));
    assert!(culprit.share > 0.99);
}
