//! Processes that come, work, end and leave their accounts to others.

use proptest::prelude::*;

use super::*;
use crate::system::fixture::Tree;

/// A process as `/proc` has it.
#[derive(Clone)]
struct Fake {
    ppid: u32,
    start_ticks: u64,
    comm: &'static str,
    flags: u64,
    threads: u32,
    wait_ticks: u64,
    io: Option<Usage>,
}

fn fake() -> Fake {
    Fake {
        ppid: 1,
        start_ticks: 100,
        comm: "cat",
        flags: 0,
        threads: 1,
        wait_ticks: 0,
        io: Some(Usage::default()),
    }
}

fn stat(id: u32, fake: &Fake) -> String {
    let Fake {
        ppid,
        start_ticks,
        comm,
        flags,
        threads,
        wait_ticks,
        ..
    } = fake;
    let rest = "0 ".repeat(19);
    format!(
        "{id} ({comm}) S {ppid} 1 1 0 -1 {flags} 1 2 3 4 5 6 7 8 20 0 {threads} 0 {start_ticks} {rest}{wait_ticks} 0 0\n"
    )
}

fn io(usage: &Usage) -> String {
    let Usage {
        disk_read_bytes,
        disk_write_bytes,
        cancelled_write_bytes,
        read_syscalls,
        write_syscalls,
        read_call_bytes,
        write_call_bytes,
    } = usage;
    format!(
        "rchar: {read_call_bytes}\nwchar: {write_call_bytes}\nsyscr: {read_syscalls}\nsyscw: {write_syscalls}\nread_bytes: {disk_read_bytes}\nwrite_bytes: {disk_write_bytes}\ncancelled_write_bytes: {cancelled_write_bytes}\n"
    )
}

/// All counters of as much.
fn usage(amount: u64) -> Usage {
    Usage {
        disk_read_bytes: 4096 * amount,
        disk_write_bytes: 8192 * amount,
        cancelled_write_bytes: 10 * amount,
        read_syscalls: 2 * amount,
        write_syscalls: amount,
        read_call_bytes: 100 * amount,
        write_call_bytes: 7 * amount,
    }
}

fn put(tree: &Tree, pid: u32, fake: &Fake) {
    put_at(tree, &format!("proc/{pid}"), pid, fake);
    tree.write(
        &format!("proc/{pid}/cmdline"),
        format!("/bin/{}\0-x\0", fake.comm),
    );
    tree.write(
        &format!("proc/{pid}/status"),
        "Name:\tx\nUid:\t1000\t0\t0\t0\n",
    );
    tree.write(
        &format!("proc/{pid}/cgroup"),
        "0::/system.slice/app.service\n",
    );
}

fn put_at(tree: &Tree, dir: &str, id: u32, fake: &Fake) {
    tree.write(&format!("{dir}/stat"), stat(id, fake));
    if let Some(usage) = &fake.io {
        tree.write(&format!("{dir}/io"), io(usage));
    }
}

/// The same process, which has done so much in its life.
fn did(amount: u64) -> Fake {
    Fake {
        io: Some(usage(amount)),
        ..fake()
    }
}

fn child_of(ppid: u32, amount: u64) -> Fake {
    Fake {
        ppid,
        ..did(amount)
    }
}

/// Its end, as the kernel tells it.
fn exit(pid: u32, ppid: u32, total: Usage) -> Exit {
    Exit {
        pid,
        ppid,
        uid: 1000,
        comm: Bytes::from_static(b"cat"),
        start_ns: 100 * 10_000_000,
        total,
    }
}

struct Watched {
    tree: Tree,
    clock: Clock,
    processes: Processes,
}

impl Watched {
    /// What is there when the watch begins; the first look, which tells of all, is over.
    fn new(there: &[(u32, Fake)]) -> Self {
        let mut watched = Self::unseen(there, false);
        watched.look();
        watched
    }

    fn unseen(there: &[(u32, Fake)], threads: bool) -> Self {
        let tree = Tree::new();
        for (pid, fake) in there {
            put(&tree, *pid, fake);
        }
        Self::of(tree, threads)
    }

    fn of(tree: Tree, threads: bool) -> Self {
        tree.write("proc/self", "no process");
        let clock = Clock::new();
        let processes = Processes::new(tree.proc(), threads, &clock);
        Self {
            tree,
            clock,
            processes,
        }
    }

    fn put(&self, pid: u32, fake: &Fake) {
        put(&self.tree, pid, fake);
    }

    fn remove(&self, pid: u32) {
        self.tree.remove(&format!("proc/{pid}"));
    }

    fn look(&mut self) -> Vec<Proc> {
        let mut found = self.processes.sample(&self.clock);
        found.sort_by_key(|proc| (proc.pid, proc.tid));
        found
    }

    /// Ids, what they did, and whether they have ended.
    fn told(&mut self) -> Vec<(u32, Usage, bool)> {
        let found = self.look();
        found.iter().map(one).collect()
    }
}

fn one(proc: &Proc) -> (u32, Usage, bool) {
    let accounts = proc.accounts.expect("accounts");
    (proc.pid, accounts.interval, proc.ended)
}

#[test]
fn the_first_look_tells_of_all_the_next_of_those_who_did_something() {
    let mut watched = Watched::unseen(&[(10, did(5)), (11, did(7))], false);
    let first = watched.look();
    assert_eq!(first.len(), 2);
    // What they did before is in the totals alone.
    assert_eq!(first[0].accounts.map(|of| of.interval), Some(usage(0)));
    assert_eq!(first[0].accounts.map(|of| of.total), Some(usage(5)));
    let facts = &first[0].facts;
    assert_eq!(facts.comm, "cat");
    assert_eq!(facts.command.as_deref(), Some(&b"/bin/cat -x"[..]));
    assert_eq!((facts.ppid, facts.uid), (Some(1), Some(1000)));
    assert_eq!(facts.unit.as_deref(), Some("app.service"));
    assert!(!facts.kernel && facts.started.is_some());
    assert_eq!(watched.told(), []);
    watched.put(11, &did(9));
    assert_eq!(watched.told(), [(11, usage(2), false)]);
}

#[test]
fn who_comes_is_told_with_all_that_he_did() {
    let mut watched = Watched::new(&[]);
    watched.put(10, &did(3));
    assert_eq!(watched.told(), [(10, usage(3), false)]);
    watched.put(10, &did(4));
    assert_eq!(watched.told(), [(10, usage(1), false)]);
}

#[test]
fn who_goes_is_told_once() {
    let mut watched = Watched::new(&[(10, did(3))]);
    watched.remove(10);
    // What he did last is not known when nobody tells of it.
    assert_eq!(watched.told(), [(10, usage(0), true)]);
    assert_eq!(watched.told(), []);
}

#[test]
fn a_number_that_is_used_again_is_another_process() {
    let mut watched = Watched::new(&[(10, did(100))]);
    let other = Fake {
        start_ticks: 101,
        comm: "dog",
        ..did(101)
    };
    watched.put(10, &other);
    let found = watched.look();
    assert_eq!(
        found.iter().map(one).collect::<Vec<_>>(),
        [(10, usage(101), false)]
    );
    assert_eq!(found[0].facts.comm, "dog");
    // Its predecessor's end is no end of it.
    watched.processes.exited(exit(10, 1, usage(100)));
    let found = watched.look();
    assert!(
        found
            .iter()
            .all(|proc| proc.facts.comm != "dog" || !proc.ended)
    );
}

#[test]
fn the_end_tells_what_was_done_last() {
    let mut watched = Watched::new(&[(10, did(3))]);
    watched.remove(10);
    watched.processes.exited(exit(10, 1, usage(5)));
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
fn who_comes_and_goes_between_two_looks_is_not_missed() {
    let mut watched = Watched::new(&[]);
    watched.processes.exited(exit(10, 1, usage(5)));
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
fn a_zombie_that_is_still_listed_has_ended() {
    let mut watched = Watched::new(&[(10, did(3))]);
    watched.put(10, &did(5));
    watched.processes.exited(exit(10, 1, usage(5)));
    assert_eq!(watched.told(), [(10, usage(2), true)]);
    assert_eq!(watched.told(), []);
    watched.remove(10);
    assert_eq!(watched.told(), []);
    // Another one may take its number.
    let other = Fake {
        start_ticks: 200,
        ..did(1)
    };
    watched.put(10, &other);
    assert_eq!(watched.told(), [(10, usage(1), false)]);
}

#[test]
fn who_ends_while_he_is_looked_at_is_told_with_the_next_look() {
    let mut watched = Watched::new(&[(10, did(300))]);
    watched.processes.list();
    // The end is not heard of any more before the look.
    watched.remove(10);
    assert_eq!(watched.told(), []);
    watched.processes.exited(exit(10, 1, usage(302)));
    assert_eq!(watched.told(), [(10, usage(2), true)]);
    assert_eq!(watched.told(), []);
}

#[test]
fn who_ends_while_he_is_looked_at_and_nobody_tells_of_it() {
    let mut watched = Watched::new(&[(10, did(300))]);
    watched.processes.list();
    watched.remove(10);
    assert_eq!(watched.told(), []);
    assert_eq!(watched.told(), [(10, usage(0), true)]);
    assert_eq!(watched.told(), []);
}

#[test]
fn what_a_child_did_counts_once() {
    let mut watched = Watched::new(&[(10, did(50)), (11, child_of(10, 3))]);
    watched.put(11, &child_of(10, 9));
    watched.processes.exited(exit(11, 10, usage(9)));
    // It waits until its parent takes note of its end.
    assert_eq!(watched.told(), [(11, usage(6), true)]);
    watched.remove(11);
    watched.put(10, &did(50 + 9 + 1));
    assert_eq!(watched.told(), [(10, usage(1), false)]);
    watched.put(10, &did(62));
    assert_eq!(watched.told(), [(10, usage(2), false)]);
}

#[test]
fn children_that_nobody_has_seen_count_once() {
    let mut watched = Watched::new(&[(10, did(50))]);
    for pid in 11..111 {
        watched.processes.exited(exit(pid, 10, usage(2)));
    }
    watched.put(10, &did(50 + 200 + 1));
    let told = watched.told();
    assert_eq!(told.len(), 101);
    assert_eq!(told[0], (10, usage(1), false));
    assert!(told[1..].iter().all(|one| one.1 == usage(2) && one.2));
}

#[test]
fn grandchildren_count_once() {
    let mut watched = Watched::new(&[(10, did(50)), (11, child_of(10, 4))]);
    // 12 does 7, and 11, its parent, 1; then both are gone.
    watched.processes.exited(exit(12, 11, usage(7)));
    watched.processes.exited(exit(11, 10, usage(4 + 7 + 1)));
    watched.remove(11);
    watched.put(10, &did(50 + 12 + 3));
    assert_eq!(
        watched.told(),
        [
            (10, usage(3), false),
            (11, usage(1), true),
            (12, usage(7), true),
        ]
    );
    assert_eq!(watched.told(), []);
}

#[test]
fn grandchildren_count_once_over_several_looks() {
    let mut watched = Watched::new(&[(10, did(50)), (11, child_of(10, 4))]);
    watched.processes.exited(exit(12, 11, usage(7)));
    watched.put(11, &child_of(10, 4 + 7));
    assert_eq!(watched.told(), [(12, usage(7), true)]);
    watched.processes.exited(exit(11, 10, usage(11 + 1)));
    assert_eq!(watched.told(), [(11, usage(1), true)]);
    watched.remove(11);
    watched.put(10, &did(50 + 12));
    assert_eq!(watched.told(), []);
}

#[test]
fn a_parent_that_ignores_its_children_keeps_its_own() {
    let mut watched = Watched::new(&[(10, did(50)), (11, child_of(10, 3))]);
    watched.processes.exited(exit(11, 10, usage(9)));
    watched.remove(11);
    // Less than the child did: that is not in it.
    watched.put(10, &did(52));
    assert_eq!(
        watched.told(),
        [(10, usage(2), false), (11, usage(6), true)]
    );
    // Nor will it come later.
    watched.put(10, &did(52 + 20));
    assert_eq!(watched.told(), [(10, usage(20), false)]);
}

#[test]
fn children_count_once_also_when_nobody_tells_of_ends() {
    let mut watched = Watched::new(&[(10, did(50)), (11, child_of(10, 30))]);
    watched.remove(11);
    // What the child did since the last look is its parent's.
    watched.put(10, &did(50 + 30 + 2 + 1));
    assert_eq!(
        watched.told(),
        [(10, usage(3), false), (11, usage(0), true)]
    );
}

#[test]
fn a_child_that_goes_while_it_is_looked_counts_once() {
    for is_told in [true, false] {
        let mut watched = Watched::new(&[(10, did(50)), (11, child_of(10, 300))]);
        watched.processes.list();
        // Its parent has taken note of its end, of which nobody has told yet.
        watched.remove(11);
        watched.put(10, &did(50 + 301 + 1));
        assert_eq!(watched.told(), [(10, usage(2), false)]);
        if is_told {
            watched.processes.exited(exit(11, 10, usage(301)));
        }
        watched.put(10, &did(352 + 400));
        assert_eq!(
            watched.told(),
            [(10, usage(400), false), (11, usage(0), true)]
        );
        assert_eq!(watched.told(), []);
    }
}

#[test]
fn a_child_whose_parent_ended_first_goes_to_init() {
    let mut watched = Watched::new(&[(1, did(0)), (10, did(50)), (11, child_of(10, 3))]);
    watched.processes.exited(exit(10, 1, usage(50)));
    watched.remove(10);
    watched.put(1, &did(50));
    assert_eq!(watched.told(), [(10, usage(0), true)]);
    watched.processes.exited(exit(11, 10, usage(4)));
    watched.remove(11);
    watched.put(1, &did(54));
    assert_eq!(watched.told(), [(11, usage(1), true)]);
}

#[test]
fn a_child_of_which_its_parent_took_no_note_goes_to_init() {
    let mut watched = Watched::new(&[(1, did(0)), (10, did(50)), (11, child_of(10, 3))]);
    // It is a zombie when its parent ends.
    watched.processes.exited(exit(11, 10, usage(5)));
    watched.processes.exited(exit(10, 1, usage(60)));
    assert_eq!(
        watched.told(),
        [(10, usage(10), true), (11, usage(2), true)]
    );
    watched.remove(10);
    watched.remove(11);
    watched.put(1, &did(60 + 5));
    assert_eq!(watched.told(), []);
}

#[test]
fn of_whom_this_user_may_not_know_nothing_is_told() {
    let secret = Fake { io: None, ..fake() };
    let mut watched = Watched::unseen(&[(10, secret.clone())], false);
    let found = watched.look();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].accounts, None);
    assert_eq!(watched.look(), []);
    watched.remove(10);
    let found = watched.look();
    assert!(found[0].ended && found[0].accounts.is_none());
}

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
        put_at(&watched.tree, "proc/10", 10, &did(3 + looks));
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

fn with_threads(waits: [u64; 2]) -> Tree {
    let tree = Tree::new();
    let first = Fake {
        threads: 2,
        wait_ticks: waits[0],
        ..did(5)
    };
    let second = Fake {
        comm: "worker",
        threads: 2,
        wait_ticks: waits[1],
        ..did(4)
    };
    put(&tree, 10, &first);
    put_at(&tree, "proc/10/task/10", 10, &Fake { ..first });
    put_at(&tree, "proc/10/task/12", 12, &second);
    tree
}

#[test]
fn threads_are_told_beside_their_process() {
    let mut watched = Watched::of(with_threads([0, 0]), true);
    let first = watched.look();
    let ids: Vec<_> = first.iter().map(|proc| (proc.pid, proc.tid)).collect();
    assert_eq!(ids, [(10, None), (10, Some(10)), (10, Some(12))]);
    assert_eq!(first[2].facts.comm, "worker");
    assert_eq!(first[2].facts.uid, Some(1000));
    put_at(
        &watched.tree,
        "proc/10",
        10,
        &Fake {
            threads: 2,
            ..did(6)
        },
    );
    let worker = Fake {
        comm: "worker",
        threads: 2,
        ..did(5)
    };
    put_at(&watched.tree, "proc/10/task/12", 12, &worker);
    let ids: Vec<_> = watched
        .look()
        .iter()
        .map(|proc| (proc.tid, one(proc).1))
        .collect();
    assert_eq!(ids, [(None, usage(1)), (Some(12), usage(1))]);
    // A thread ends as one of many things in the life of its process.
    watched.tree.remove("proc/10/task/12");
    assert_eq!(watched.look(), []);
}

#[test]
fn waits_are_those_of_all_threads() {
    let tree = with_threads([100, 20]);
    tree.write("proc/sys/kernel/task_delayacct", "1\n");
    let mut watched = Watched::of(tree, false);
    assert!(watched.processes.with_delays());
    let first = watched.look();
    assert_eq!(first[0].io_wait_ns, Some((0, 1_200_000_000)));
    let waiting = Fake {
        wait_ticks: 25,
        ..did(4)
    };
    put_at(&watched.tree, "proc/10/task/12", 12, &waiting);
    put_at(
        &watched.tree,
        "proc/10",
        10,
        &Fake {
            threads: 2,
            ..did(6)
        },
    );
    let waits: Vec<_> = watched.look().iter().map(|proc| proc.io_wait_ns).collect();
    assert_eq!(waits, [Some((50_000_000, 1_250_000_000))]);
}

#[test]
fn waits_are_not_known_where_the_kernel_does_not_account_for_them() {
    let tree = with_threads([100, 20]);
    tree.write("proc/sys/kernel/task_delayacct", "0\n");
    let mut watched = Watched::of(tree, false);
    assert!(!watched.processes.with_delays());
    assert_eq!(watched.look()[0].io_wait_ns, None);
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
        watched.processes.exited(Exit { start_ns: end.1, ..exit(10, 10, total) });
        watched.look();
        watched.remove(10);
        watched.look();
    }
}
