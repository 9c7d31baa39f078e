//! Processes that end, and who tells of it.

use super::*;

#[test]
fn who_goes_is_told_once() {
    let mut watched = Watched::new(&[(10, did(3))]);
    watched.remove(10);
    // What he did last is not known when nobody tells of it.
    assert_eq!(watched.told(), [(10, usage(0), true)]);
    assert_eq!(watched.told(), []);
}

#[test]
fn the_end_tells_what_was_done_last() {
    let mut watched = Watched::new(&[(10, did(3))]);
    watched.remove(10);
    watched.exited(&exit(10, &did(5)));
    let found = watched.look();
    assert_eq!(
        found.iter().map(one).collect::<Vec<_>>(),
        [(10, usage(2), true)]
    );
    // All that was known of it still is.
    assert_eq!(found[0].facts.command.as_deref(), Some(&b"/bin/cat -x"[..]));
    assert_eq!(watched.told(), []);
}

#[test]
fn who_ends_between_being_listed_and_being_looked_at_is_not_missed() {
    let mut watched = Watched::new(&[]);
    let now = || Clock::since_boot().0 / watched.processes.teller.tick_ns;
    let come = Fake {
        start_ticks: now(),
        ..did(5)
    };
    // It is older than the list in which it stands.
    while now() == come.start_ticks {}
    watched.tree.write("proc/10/io", "");
    assert_eq!(watched.told(), []);
    watched.remove(10);
    watched.exited(&exit(10, &come));
    assert_eq!(watched.told(), [(10, usage(5), true)]);
}

#[test]
fn who_comes_and_goes_between_two_looks_is_not_missed() {
    let mut watched = Watched::new(&[]);
    watched.exited(&exit(10, &new(5)));
    let found = watched.look();
    assert_eq!(
        found.iter().map(one).collect::<Vec<_>>(),
        [(10, usage(5), true)]
    );
    assert_eq!(found[0].facts.comm, "cat");
    assert_eq!(found[0].facts.command, None);
    assert_eq!(watched.told(), []);
}

#[test]
fn of_the_end_of_one_that_was_there_before_and_not_seen_the_last_work_is_not_known() {
    let mut watched = Watched::new(&[]);
    watched.exited(&exit(10, &did(500)));
    let found = watched.look();
    assert_eq!(one(&found[0]), (10, usage(0), true));
    assert_eq!(found[0].accounts.map(|of| of.total), Some(usage(500)));
}

#[test]
fn a_zombie_that_is_still_listed_has_ended() {
    let mut watched = Watched::new(&[(10, did(3))]);
    watched.put(10, &did(5));
    watched.exited(&exit(10, &did(5)));
    assert_eq!(watched.told(), [(10, usage(2), true)]);
    for _ in 0..3 {
        assert_eq!(watched.told(), []);
    }
    watched.remove(10);
    assert_eq!(watched.told(), []);
    // Another one may take its number.
    watched.put(10, &new(1));
    assert_eq!(watched.told(), [(10, usage(1), false)]);
}

#[test]
fn who_ends_while_he_is_looked_at_is_told_with_the_next_look() {
    for is_told in [true, false] {
        let mut watched = Watched::new(&[(10, did(300))]);
        watched.processes.list();
        // The end is not heard of any more before the look.
        watched.remove(10);
        assert_eq!(watched.told(), []);
        if is_told {
            watched.exited(&exit(10, &did(302)));
        }
        let last = if is_told { 2 } else { 0 };
        assert_eq!(watched.told(), [(10, usage(last), true)]);
        assert_eq!(watched.told(), []);
    }
}

/// The end of one of the threads of a process that has just come.
fn end_of_thread(pid: u32, tid: u32, amount: u64, is_last: bool) -> Exit {
    Exit {
        tid,
        is_last,
        ..exit(pid, &new(amount))
    }
}

#[test]
fn threads_that_end_together_may_all_say_that_they_are_the_last() {
    let mut watched = Watched::new(&[]);
    watched.exited(&end_of_thread(10, 11, 1, false));
    for tid in 12..18 {
        watched.exited(&end_of_thread(10, tid, 1, true));
    }
    watched.exited(&end_of_thread(10, 10, 1, true));
    assert_eq!(watched.told(), [(10, usage(8), true)]);
    // And one of them late.
    watched.exited(&end_of_thread(10, 19, 3, true));
    assert_eq!(watched.told(), [(10, usage(3), true)]);
    assert_eq!(watched.told(), []);
}

#[test]
fn a_thread_tells_of_a_process_before_it_is_looked_at() {
    let mut watched = Watched::new(&[]);
    watched.processes.list();
    watched.exited(&end_of_thread(10, 11, 5, false));
    // It was not there when it was listed.
    assert_eq!(watched.told(), []);
    watched.put(10, &new(2));
    assert_eq!(watched.told(), [(10, usage(7), false)]);
    assert_eq!(watched.told(), []);
}

#[test]
fn a_process_whose_last_end_was_lost_is_told_with_what_is_known() {
    let mut watched = Watched::new(&[]);
    watched.exited(&end_of_thread(10, 11, 5, false));
    assert_eq!(watched.told(), []);
    assert_eq!(watched.told(), [(10, usage(5), true)]);
    assert_eq!(watched.told(), []);
}

#[test]
fn of_more_ends_than_there_is_room_for_there_is_the_sum() {
    let mut watched = Watched::new(&[(10, did(5))]);
    let most = MOST_ENDED as u32;
    for number in 0..most + 7 {
        watched.exited(&exit(100 + number, &new(1)));
    }
    let thread = Exit {
        tid: 11,
        is_last: false,
        start_ns: u64::MAX,
        ..exit(10, &did(3))
    };
    watched.exited(&thread);
    let told = watched.told();
    assert_eq!(told.len(), MOST_ENDED + 2);
    assert_eq!(told[0], (0, usage(7), true));
    // Of one that is known nothing is lost.
    assert_eq!(told[1], (10, usage(3), false));
    assert_eq!(watched.processes.lost(), 8);
    assert_eq!(watched.processes.lost(), 0);
    watched.exited(&exit(9, &new(1)));
    assert_eq!(watched.told(), [(9, usage(1), true)]);
    assert_eq!(watched.processes.lost(), 0);
}
