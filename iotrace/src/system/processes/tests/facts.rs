//! What processes are.

use proptest::prelude::*;

use super::{threads::with_threads, *};

#[test]
fn another_program_is_another_command() {
    let mut watched = Watched::new(&[(10, did(3))]);
    let exec = Fake {
        comm: "dog",
        ..did(4)
    };
    watched.put(10, &exec);
    let found = watched.look();
    assert_eq!(
        found.iter().map(one).collect::<Vec<_>>(),
        [(10, usage(1), false)]
    );
    assert_eq!(found[0].facts.comm, "dog");
    assert_eq!(found[0].facts.command.as_deref(), Some(&b"/bin/dog -x"[..]));
}

#[test]
fn titles_are_asked_for_again_from_time_to_time() {
    let mut watched = Watched::new(&[(10, did(3))]);
    watched.tree.write("proc/10/cmdline", "cat: work 2\0");
    let is_new = |proc: &Proc| proc.facts.command.as_deref() == Some(b"cat: work 2");
    let mut looks = 0;
    loop {
        looks += 1;
        for dir in ["proc/10", "proc/10/task/10"] {
            put_at(&watched.tree, dir, 10, &did(3 + looks));
        }
        if watched.look().iter().any(is_new) {
            break;
        }
        assert!(looks <= FACTS_LAST, "still the old one");
    }
    assert!(looks > 1, "not each time: that costs");
}

#[test]
fn threads_of_the_kernel_are_marked() {
    let thread = Fake {
        flags: 0x0020_8040,
        comm: "kworker/0:1",
        ..fake()
    };
    let mut watched = Watched::unseen(&[(10, thread)], false);
    watched.tree.write("proc/10/cmdline", "");
    assert!(watched.look()[0].facts.kernel);
}

#[test]
fn who_waits_for_a_disk_is_not_asked_for_his_words() {
    let mut watched = Watched::new(&[]);
    watched.put(10, &new(3));
    let waiting = stat(10, &new(3)).replace(") S ", ") D ");
    watched.tree.write("proc/10/stat", waiting);
    assert_eq!(watched.look()[0].facts.command, None);
    // Who waits again and again, and gets on.
    watched.put(10, &new(4));
    let waiting = stat(10, &new(4)).replace(") S ", ") D ");
    watched.tree.write("proc/10/stat", waiting);
    assert!(watched.look()[0].facts.command.is_some());
}

#[test]
fn the_parent_of_an_orphan_is_another() {
    let mut watched = Watched::new(&[(10, Fake { ppid: 7, ..did(3) })]);
    watched.put(10, &did(4));
    assert_eq!(watched.look()[0].facts.ppid, Some(1));
}

/// Numbers and bytes as no kernel writes them.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![Just(u64::MAX), 0..3u64, any::<u64>()];
    let stat = (number.clone(), number.clone(), number.clone(), 0..60usize).prop_map(
        |(start_ticks, wait_ticks, flags, cut)| {
            let fake = Fake {
                start_ticks,
                wait_ticks,
                flags,
                threads: 2,
                ..fake()
            };
            let text = stat(10, &fake);
            text.as_bytes()[..text.len().saturating_sub(cut)].to_vec()
        },
    );
    let accounts = number.prop_map(|number| {
        let usage = Usage {
            disk_write_bytes: number,
            read_call_bytes: !number,
            ..usage(3)
        };
        io(&usage).into_bytes()
    });
    prop_oneof![
        4 => stat,
        4 => accounts,
        1 => prop::collection::vec(any::<u8>(), 0..80),
        1 => "(Uid:|0::|/|[a-z0-9 ().:-]){0,20}".prop_map(String::into_bytes),
    ]
}

const FILES: [&str; 9] = [
    "proc/10/stat",
    "proc/10/io",
    "proc/10/cmdline",
    "proc/10/status",
    "proc/10/cgroup",
    "proc/10/task/10/stat",
    "proc/10/task/11/stat",
    "proc/10/task/11/io",
    "proc/sys/kernel/task_delayacct",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_stands_in_files_does_no_harm(
        texts in prop::collection::vec((0..FILES.len(), garbage()), 0..14),
        again in prop::collection::vec((0..FILES.len(), garbage()), 0..6),
        end in any::<(u64, u64)>(),
    ) {
        let tree = with_threads([1, 2]);
        tree.write("proc/sys/kernel/task_delayacct", "1\n");
        for (file, text) in texts {
            tree.write(FILES[file], text);
        }
        let mut watched = Watched::of(tree, true);
        watched.look();
        for (file, text) in again {
            watched.tree.write(FILES[file], text);
        }
        watched.look();
        let total = Usage { disk_read_bytes: end.0, ..usage(2) };
        watched.exited(&Exit { process_start_ns: end.1, total, ..exit(10, &fake()) });
        watched.look();
        watched.remove(10);
        watched.look();
    }
}
