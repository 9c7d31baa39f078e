//! Threads of processes, and their waits.

use super::*;

/// A process with two threads, of which the second is a worker.
pub fn with_threads(waits: [u64; 2]) -> Tree {
    let tree = Tree::new();
    put(&tree, 10, &did(5));
    work(&tree, (5, waits[0]), (4, waits[1]));
    tree
}

/// What each did in its life, and ticks that it waited.
fn work(tree: &Tree, first: (u64, u64), worker: (u64, u64)) {
    let of = |(amount, wait_ticks)| Fake {
        threads: 2,
        wait_ticks,
        ..did(amount)
    };
    put_at(tree, "proc/10", 10, &of((first.0 + worker.0, first.1)));
    put_at(tree, "proc/10/task/10", 10, &of(first));
    let worker = Fake {
        comm: "worker",
        ..of(worker)
    };
    put_at(tree, "proc/10/task/12", 12, &worker);
}

/// The worker's end.
fn end_of_worker(amount: u64) -> Exit {
    Exit {
        tid: 12,
        comm: Bytes::from_static(b"worker"),
        is_last: false,
        ..exit(10, &did(amount))
    }
}

fn tids(found: &[Proc]) -> Vec<(Option<u32>, Usage, bool)> {
    let found = found.iter();
    found
        .map(|proc| (proc.tid, one(proc).1, proc.ended))
        .collect()
}

#[test]
fn threads_are_told_beside_their_process() {
    let mut watched = Watched::of(with_threads([0, 0]), true);
    let first = watched.look();
    let zero = usage(0);
    assert_eq!(
        tids(&first),
        [
            (None, zero, false),
            (Some(10), zero, false),
            (Some(12), zero, false)
        ]
    );
    assert_eq!(first[0].accounts.map(|of| of.total), Some(usage(9)));
    assert_eq!(first[2].facts.comm, "worker");
    assert_eq!(first[2].facts.uid, Some(1000));
    work(&watched.tree, (5, 0), (6, 0));
    let told = [(None, usage(2), false), (Some(12), usage(2), false)];
    assert_eq!(tids(&watched.look()), told);
    assert_eq!(watched.look(), []);
}

#[test]
fn a_thread_that_ends_counts_in_its_process() {
    let mut watched = Watched::of(with_threads([0, 0]), true);
    watched.look();
    watched.put(10, &did(6));
    watched.tree.remove("proc/10/task/12");
    watched.exited(&end_of_worker(7));
    let found = watched.look();
    assert_eq!(
        tids(&found),
        [
            (None, usage(4), false),
            (Some(10), usage(1), false),
            (Some(12), usage(3), true)
        ]
    );
    // It is still part of its life.
    assert_eq!(found[0].accounts.map(|of| of.total), Some(usage(13)));
    watched.put(10, &did(8));
    let found = watched.look();
    assert_eq!(
        tids(&found),
        [(None, usage(2), false), (Some(10), usage(2), false)]
    );
    assert_eq!(found[0].accounts.map(|of| of.total), Some(usage(15)));
    watched.exited(&exit(10, &did(9)));
    watched.remove(10);
    assert_eq!(
        tids(&watched.look()),
        [(None, usage(1), true), (Some(10), usage(1), true)]
    );
}

#[test]
fn a_thread_that_comes_and_goes_counts_in_its_process() {
    let mut watched = Watched::new(&[(10, did(5))]);
    let started = Exit {
        start_ns: u64::MAX,
        ..end_of_worker(7)
    };
    watched.exited(&started);
    assert_eq!(watched.told(), [(10, usage(7), false)]);
    assert_eq!(watched.told(), []);
    // One that was there before it was looked at first, and was gone then.
    watched.exited(&Exit {
        tid: 13,
        ..end_of_worker(100)
    });
    assert_eq!(watched.told(), []);
}

#[test]
fn of_a_thread_of_whose_end_nobody_tells_nothing_more_is_told() {
    let mut watched = Watched::of(with_threads([0, 0]), true);
    watched.look();
    watched.tree.remove("proc/10/task/12");
    watched.put(10, &did(6));
    watched.waited_for_children(10, 6 + 8);
    let told = [(None, usage(1), false), (Some(10), usage(1), false)];
    assert_eq!(tids(&watched.look()), told);
    watched.put(10, &did(7));
    let found = watched.look();
    let told = [
        (None, usage(1), false),
        (Some(10), usage(1), false),
        (Some(12), usage(0), true),
    ];
    assert_eq!(tids(&found), told);
    assert_eq!(found[0].accounts.map(|of| of.total), Some(usage(7 + 4)));
}

#[test]
fn the_only_thread_is_told_each_time_it_did_something() {
    let mut watched = Watched::unseen(&[(10, did(100))], true);
    watched.look();
    for (amount, more) in [(100, 0), (103, 3), (103, 0), (110, 7)] {
        watched.put(10, &did(amount));
        let told = tids(&watched.look());
        if more == 0 {
            assert_eq!(told, []);
        } else {
            let one = |tid| (tid, usage(more), false);
            assert_eq!(told, [one(None), one(Some(10))]);
        }
    }
}

#[test]
fn a_first_thread_that_ended_before_the_others_counts_once() {
    let mut watched = Watched::of(with_threads([0, 0]), false);
    watched.look();
    watched.exited(&Exit {
        is_last: false,
        ..exit(10, &did(6))
    });
    // It is there until the others have ended, too.
    for (worker, told) in [(4, 1), (6, 2), (9, 3)] {
        work(&watched.tree, (6, 0), (worker, 0));
        assert_eq!(watched.told(), [(10, usage(told), false)]);
    }
}

#[test]
fn a_first_thread_that_has_ended_takes_nothing_over() {
    let mut watched = Watched::of(with_threads([0, 0]), false);
    watched.look();
    watched.exited(&Exit {
        is_last: false,
        ..exit(10, &did(5))
    });
    // As its files are closed there is some more for it.
    work(&watched.tree, (6, 0), (4, 0));
    let text = std::fs::read_to_string(watched.tree.proc().join("10/stat")).expect("a stat");
    let zombie = text.replace(") S ", ") Z ");
    watched.tree.write("proc/10/stat", &zombie);
    assert_eq!(watched.told(), [(10, usage(1), false)]);
    work(&watched.tree, (6, 0), (5, 0));
    watched.tree.write("proc/10/stat", &zombie);
    assert_eq!(watched.told(), [(10, usage(1), false)]);
}

#[test]
fn an_end_that_is_told_after_a_look_that_found_more_adds_nothing() {
    let mut watched = Watched::new(&[(10, did(5))]);
    watched.put(10, &did(8));
    assert_eq!(watched.told(), [(10, usage(3), false)]);
    watched.exited(&exit(10, &did(7)));
    watched.remove(10);
    let found = watched.look();
    assert_eq!(one(&found[0]), (10, usage(0), true));
    assert_eq!(found[0].accounts.map(|of| of.total), Some(usage(8)));
}

#[test]
fn who_executes_a_program_takes_the_number_of_the_first_thread() {
    let mut watched = Watched::of(with_threads([0, 0]), false);
    watched.look();
    // The worker executes it, with 4 on its account, and 2 more since.
    watched.exited(&Exit {
        is_last: false,
        ..exit(10, &did(5))
    });
    watched.tree.remove("proc/10/task/12");
    watched.put(
        10,
        &Fake {
            comm: "dog",
            ..did(6)
        },
    );
    watched.waited_for_children(10, 11);
    let found = watched.look();
    assert_eq!(tids(&found), [(None, usage(2), false)]);
    assert_eq!(found[0].accounts.map(|of| of.total), Some(usage(11)));
    watched.exited(&exit(
        10,
        &Fake {
            comm: "dog",
            ..did(7)
        },
    ));
    watched.remove(10);
    assert_eq!(watched.told(), [(10, usage(1), true)]);
}

fn with_delays(tree: Tree, options: &str) -> Watched {
    tree.write("proc/sys/kernel/task_delayacct", "1\n");
    tree.write("proc/cmdline", options);
    Watched::of(tree, false)
}

#[test]
fn waits_are_those_of_all_threads() {
    let mut watched = with_delays(with_threads([100, 20]), "quiet\n");
    assert!(watched.processes.with_delays());
    let first = watched.look();
    assert_eq!(first[0].io_wait_ns, Some((0, 1_200_000_000)));
    work(&watched.tree, (6, 100), (4, 25));
    let waits: Vec<_> = watched.look().iter().map(|proc| proc.io_wait_ns).collect();
    assert_eq!(waits, [Some((50_000_000, 1_250_000_000))]);
}

#[test]
fn of_who_began_before_delays_were_accounted_for_no_wait_is_no_answer() {
    let mut watched = with_delays(with_threads([0, 0]), "quiet\n");
    assert_eq!(watched.look()[0].io_wait_ns, None);
    watched.put(20, &new(1));
    assert_eq!(watched.look()[0].io_wait_ns, Some((0, 0)));
    // A thread that began later is accounted for.
    work(&watched.tree, (6, 0), (4, 3));
    assert_eq!(watched.look()[0].io_wait_ns, Some((30_000_000, 30_000_000)));
    let mut watched = with_delays(with_threads([0, 0]), "quiet delayacct\n");
    assert_eq!(watched.look()[0].io_wait_ns, Some((0, 0)));
}

#[test]
fn waits_are_not_known_where_the_kernel_does_not_account_for_them() {
    let tree = with_threads([100, 20]);
    tree.write("proc/sys/kernel/task_delayacct", "0\n");
    let mut watched = Watched::of(tree, false);
    assert!(!watched.processes.with_delays());
    assert_eq!(watched.look()[0].io_wait_ns, None);
}
