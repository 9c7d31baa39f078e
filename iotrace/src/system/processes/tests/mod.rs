//! Processes that come, work and end.

mod ends;
mod facts;
mod threads;

use bytes::Bytes;

use super::*;
use crate::{event::Usage, system::fixture::Tree};

/// When processes begin that come while it is looked, ticks.
const LATER: u64 = 1 << 40;

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

/// A process with one thread, which has no children.
fn put(tree: &Tree, pid: u32, fake: &Fake) {
    put_at(tree, &format!("proc/{pid}"), pid, fake);
    put_at(tree, &format!("proc/{pid}/task/{pid}"), pid, fake);
    let of_process = [
        ("cmdline", format!("/bin/{}\0-x\0", fake.comm)),
        ("status", "Name:\tx\nUid:\t1000\t0\t0\t0\n".to_owned()),
        ("cgroup", "0::/system.slice/app.service\n".to_owned()),
    ];
    for (file, text) in of_process {
        tree.write(&format!("proc/{pid}/{file}"), text);
    }
}

fn put_at(tree: &Tree, dir: &str, id: u32, fake: &Fake) {
    tree.write(&format!("{dir}/stat"), stat(id, fake));
    if let Some(usage) = &fake.io {
        tree.write(&format!("{dir}/io"), io(usage));
    }
}

/// A process that was there before, which has done so much in its life.
fn did(amount: u64) -> Fake {
    Fake {
        io: Some(usage(amount)),
        ..fake()
    }
}

/// One that has come since.
fn new(amount: u64) -> Fake {
    Fake {
        start_ticks: LATER,
        ..did(amount)
    }
}

/// The end of its only thread, as the kernel tells it.
fn exit(pid: u32, fake: &Fake) -> Exit {
    let start_ns = fake.start_ticks * 10_000_000;
    Exit {
        pid,
        tid: pid,
        ppid: fake.ppid,
        uid: 1000,
        comm: Bytes::from_static(fake.comm.as_bytes()),
        process_start_ns: start_ns,
        start_ns,
        total: fake.io.unwrap_or_default(),
        is_last: true,
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
        let proc = tree.proc();
        let processes = Processes::new(proc.to_str().expect("a name"), threads, &clock);
        Self {
            tree,
            clock,
            processes,
        }
    }

    fn put(&self, pid: u32, fake: &Fake) {
        put(&self.tree, pid, fake);
    }

    /// What its children did, too, is in the account of a process.
    fn waited_for_children(&self, pid: u32, all: u64) {
        self.tree.write(&format!("proc/{pid}/io"), io(&usage(all)));
    }

    fn remove(&self, pid: u32) {
        self.tree.remove(&format!("proc/{pid}"));
    }

    fn exited(&mut self, exit: &Exit) {
        self.processes.exited(exit, &self.clock);
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
    watched.put(10, &new(3));
    assert_eq!(watched.told(), [(10, usage(3), false)]);
    watched.put(10, &new(4));
    assert_eq!(watched.told(), [(10, usage(1), false)]);
}

#[test]
fn who_was_there_before_and_is_seen_late_is_not_told_with_his_life() {
    let mut watched = Watched::new(&[]);
    watched.put(10, &did(100));
    let found = watched.look();
    assert_eq!(found.len(), 1);
    let accounts = found[0].accounts.expect("accounts");
    assert_eq!((accounts.interval, accounts.total), (usage(0), usage(100)));
    watched.put(10, &did(103));
    assert_eq!(watched.told(), [(10, usage(3), false)]);
}

#[test]
fn a_number_that_is_used_again_is_another_process() {
    let first = did(100);
    let mut watched = Watched::new(&[(10, first.clone())]);
    let other = Fake {
        comm: "dog",
        ..new(101)
    };
    watched.put(10, &other);
    let told = watched.told();
    assert_eq!(told, [(10, usage(0), true), (10, usage(101), false)]);
    // Who told of the end of the first comes late: it is no end of the other.
    watched.exited(&exit(10, &first));
    let other = Fake {
        comm: "dog",
        ..new(103)
    };
    watched.put(10, &other);
    let mut found = watched.look();
    found.sort_by_key(|proc| proc.ended);
    let told: Vec<_> = found.iter().map(one).collect();
    assert_eq!(told, [(10, usage(2), false), (10, usage(0), true)]);
    assert_eq!(found[0].facts.comm, "dog");
    watched.exited(&exit(
        10,
        &Fake {
            comm: "dog",
            ..new(104)
        },
    ));
    watched.remove(10);
    assert_eq!(watched.told(), [(10, usage(1), true)]);
    assert_eq!(watched.told(), []);
}

#[test]
fn nobody_has_ended_because_nobody_can_be_listed() {
    let mut watched = Watched::new(&[(10, did(3))]);
    let proc = watched.tree.proc();
    let away = watched.tree.root().join("away");
    std::fs::rename(&proc, &away).expect("renamed");
    assert_eq!(watched.look(), []);
    std::fs::rename(&away, &proc).expect("renamed");
    watched.put(10, &did(5));
    watched.put(11, &new(1));
    let told = [(10, usage(2), false), (11, usage(1), false)];
    assert_eq!(watched.told(), told);
}

#[test]
fn what_children_did_is_theirs_alone() {
    let mut watched = Watched::new(&[(10, did(50)), (11, did(3))]);
    watched.exited(&exit(11, &did(9)));
    watched.remove(11);
    watched.waited_for_children(10, 50 + 9);
    assert_eq!(watched.told(), [(11, usage(6), true)]);
    // It did something itself in the look in which it has waited for others.
    watched.put(10, &did(51));
    watched.waited_for_children(10, 51 + 9 + 200);
    let found = watched.look();
    assert_eq!(one(&found[0]), (10, usage(1), false));
    assert_eq!(found[0].accounts.map(|of| of.total), Some(usage(51)));
    assert_eq!(watched.told(), []);
}

#[test]
fn of_whom_this_user_may_not_know_nothing_is_told() {
    let secret = Fake { io: None, ..fake() };
    let mut watched = Watched::unseen(&[(10, secret)], false);
    let found = watched.look();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].accounts, None);
    assert_eq!(watched.look(), []);
    watched.remove(10);
    let found = watched.look();
    assert!(found[0].ended && found[0].accounts.is_none());
}
