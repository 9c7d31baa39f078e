//! What processes do, by the kernel's own accounts.

mod read;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    fs,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use nix::unistd::{SysconfVar, sysconf};

use super::{cgroup, clock::Clock};
use crate::event::{Accounts, Exit, Facts, Proc, Time, Usage};
use read::{Reader, Stat, command, ids, uid, usage};

/// After so many looks at a process that does something, it is asked again what it is: some give
/// themselves a title for each piece of work.
const FACTS_LAST: u64 = 8;

/// Looks at all processes, again and again.
#[derive(Debug)]
pub struct Processes {
    reader: Reader,
    /// Threads are of interest too.
    with_threads: bool,
    /// The kernel accounts for delays.
    with_delays: bool,
    tick_ns: u64,
    known: HashMap<Id, Known>,
    /// Those that were there when the ends of others were asked for.
    listed: Option<Vec<u32>>,
    /// Processes that have ended since the last look.
    exits: Vec<Exit>,
    /// Accounts of children that have ended, which go to their parent when it takes note of that.
    orphans: Vec<Orphan>,
    /// While it is looked: children of each process, of which no end has been told.
    children: HashMap<u32, Vec<u32>>,
    round: u64,
}

/// What a process did that has ended, until its parent has it in its own accounts:
/// `wait_task_zombie` (kernel/exit.c, 5.10 to 7.2) adds it there, where it would count twice.
#[derive(Debug)]
struct Orphan {
    pid: u32,
    parent: u32,
    total: Usage,
    /// It is not listed any more: its parent has taken note of the end, or never will.
    gone: bool,
}

/// Whose child one is whose parent ends first.
const INIT: u32 = 1;

/// Process id, and thread id or 0 for all of them.
type Id = (u32, u32);

#[derive(Debug)]
struct Known {
    /// By which another process with its id is told from it.
    start_ticks: u64,
    facts: Arc<Facts>,
    /// Round in which the facts were found.
    asked: u64,
    total: Option<Usage>,
    wait_ns: Option<u64>,
    threads: u32,
    /// Last round in which it was there.
    seen: u64,
    told: bool,
    ended: bool,
    /// What it did has been taken off its parent's already.
    settled: bool,
}

impl Processes {
    /// Takes the first look, at those below `proc`.
    pub fn new(proc: impl Into<PathBuf>, with_threads: bool, clock: &Clock) -> Self {
        let proc = proc.into();
        let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten();
        let per_second = ticks
            .and_then(|ticks| u64::try_from(ticks).ok())
            .filter(|ticks| *ticks > 0);
        let mut processes = Self {
            with_delays: accounts_for_delays(&proc),
            reader: Reader::new(proc),
            with_threads,
            tick_ns: 1_000_000_000 / per_second.unwrap_or(100),
            known: HashMap::new(),
            listed: None,
            exits: Vec::new(),
            orphans: Vec::new(),
            children: HashMap::new(),
            round: 0,
        };
        processes.look(clock, &mut Vec::new());
        for known in processes.known.values_mut() {
            known.told = false;
        }
        processes
    }

    /// Whether the kernel tells how long processes waited for I/O.
    pub fn with_delays(&self) -> bool {
        self.with_delays
    }

    /// Takes note of who is there, for the next look. Who is not among them has been told to have
    /// ended, if whoever tells of ends is asked only now.
    pub fn list(&mut self) {
        self.listed = Some(ids(self.reader.root()));
    }

    /// A process has ended.
    pub fn exited(&mut self, exit: Exit) {
        self.exits.push(exit);
    }

    /// What each did since the last look, of those that did anything; in the first one after the
    /// start, of all.
    pub fn sample(&mut self, clock: &Clock) -> Vec<Proc> {
        let mut found = Vec::new();
        self.look(clock, &mut found);
        found
    }

    fn look(&mut self, clock: &Clock, found: &mut Vec<Proc>) {
        self.round += 1;
        for exit in std::mem::take(&mut self.exits) {
            found.push(self.take_leave(exit, clock));
        }
        let listed = self.listed.take();
        let there = listed.unwrap_or_else(|| ids(self.reader.root()));
        self.note_who_is_gone(&there);
        for ((pid, tid), known) in &self.known {
            if let (0, false, Some(parent)) = (*tid, known.ended, known.facts.ppid) {
                self.children.entry(parent).or_default().push(*pid);
            }
        }
        for &pid in &there {
            let dir = self.reader.dir(pid);
            let Some(changed) = self.one((pid, 0), &dir, clock, found) else {
                continue;
            };
            let Some(known) = self.known.get(&(pid, 0)) else {
                continue;
            };
            if self.with_threads && !known.ended && (changed || known.threads > 1) {
                for tid in ids(&dir.join("task")) {
                    let dir = dir.join("task").join(tid.to_string());
                    self.one((pid, tid), &dir, clock, found);
                }
            }
        }
        // What no parent took over by now, none will: it does not want to know of its children.
        self.orphans.retain(|orphan| !orphan.gone);
        self.children.clear();
        let round = self.round;
        let there: HashSet<u32> = there.into_iter().collect();
        self.known.retain(|(pid, tid), known| {
            // Of one that has ended since it was listed, the next look tells.
            let is_there = known.seen == round || *tid == 0 && there.contains(pid);
            if !is_there && !known.ended && *tid == 0 {
                // Nobody told what it did since the last look.
                found.push(known.proc(*pid, None, Usage::default(), 0, true));
            }
            is_there
        });
    }

    /// Finds out which of those that have ended are not listed any more, so that a parent has taken
    /// note of it.
    fn note_who_is_gone(&mut self, there: &[u32]) {
        let there: HashSet<u32> = there.iter().copied().collect();
        // Nobody told of the end of these; what they did last is with their parents only.
        let ended = self.known.iter().filter(|((pid, tid), known)| {
            *tid == 0 && !known.ended && !known.settled && !there.contains(pid)
        });
        let orphan = |((pid, _), known): (&Id, &Known)| {
            Some(Orphan {
                pid: *pid,
                parent: known.facts.ppid?,
                total: known.total?,
                gone: true,
            })
        };
        self.orphans.extend(ended.filter_map(orphan));
        for orphan in &mut self.orphans {
            if !there.contains(&orphan.pid) {
                orphan.gone = true;
            }
            if !there.contains(&orphan.parent) {
                orphan.parent = INIT;
            }
        }
    }

    /// What a process did itself in an interval, in which it may have taken note of the end of
    /// children.
    fn without_children(&mut self, pid: u32, mut interval: Usage) -> Usage {
        let reader = &self.reader;
        self.orphans.retain(|orphan| {
            // It may have been gone since the list was made.
            let is_here = orphan.parent == pid && (orphan.gone || !reader.dir(orphan.pid).exists());
            let own = interval.without(&orphan.total).filter(|_| is_here);
            interval = own.unwrap_or(interval);
            own.is_none()
        });
        // Some may have gone since the list was made, before their end was told.
        for child in self.children.get(&pid).into_iter().flatten() {
            if let Some(known) = self.known.get_mut(&(*child, 0))
                && !known.settled
                && let Some(own) = known.total.and_then(|total| interval.without(&total))
                && !reader.dir(*child).exists()
            {
                interval = own;
                known.settled = true;
            }
        }
        interval
    }

    /// Looks at a process or thread; tells whether it has done anything, if it is there.
    fn one(&mut self, id: Id, dir: &Path, clock: &Clock, found: &mut Vec<Proc>) -> Option<bool> {
        let stat = Stat::parse(self.reader.read(&dir.join("stat")).ok()?)?;
        let is_first = self.round == 1;
        let before = self
            .known
            .get(&id)
            .filter(|known| known.start_ticks == stat.start_ticks);
        if before.is_some_and(|known| known.ended) {
            self.known.get_mut(&id)?.seen = self.round;
            return Some(false);
        }
        // Of others, only who may look at everything is told.
        let total = self.reader.read(&dir.join("io")).ok().and_then(usage);
        let before = before.map(Before::of).unwrap_or_else(|| {
            // What it did before iotrace came is not of this interval.
            Before::of_stranger(if is_first {
                total
            } else {
                Some(Usage::default())
            })
        });
        let mut interval = total
            .zip(before.total)
            .map_or_else(Usage::default, |(now, before)| now.since(&before));
        if id.1 == 0 {
            interval = self.without_children(id.0, interval);
        }
        let is_another = before.comm.is_none_or(|comm| comm != stat.comm);
        let is_stale = is_another || interval.is_any() && self.round >= before.asked + FACTS_LAST;
        if is_stale {
            let known = Known {
                start_ticks: stat.start_ticks,
                facts: Arc::new(self.facts(id, dir, &stat, clock)),
                asked: self.round,
                total,
                wait_ns: before.wait_ns,
                threads: stat.threads,
                seen: self.round,
                told: before.told,
                ended: false,
                settled: false,
            };
            self.known.insert(id, known);
        }
        let wait_ns = (self.with_delays && (interval.is_any() || is_stale))
            .then(|| self.wait_ns(id, dir, &stat));
        let known = self.known.get_mut(&id)?;
        let mut waited = 0;
        if let Some(now) = wait_ns {
            // Threads that have ended take theirs with them.
            let since = before.wait_ns.or((!is_first).then_some(0));
            waited = now.saturating_sub(since.unwrap_or(now));
            known.wait_ns = Some(now);
        }
        known.total = total;
        known.threads = stat.threads;
        known.seen = self.round;
        let changed = interval.is_any() || waited > 0;
        if changed || !known.told {
            known.told = true;
            let tid = (id.1 != 0).then_some(id.1);
            found.push(known.proc(id.0, tid, interval, waited, false));
        }
        Some(changed)
    }

    /// Time that all threads waited for I/O.
    fn wait_ns(&mut self, (_, tid): Id, dir: &Path, stat: &Stat) -> u64 {
        let mut ticks = stat.wait_ticks;
        if tid == 0 && stat.threads > 1 {
            ticks = 0;
            for thread in ids(&dir.join("task")) {
                let path = dir.join("task").join(thread.to_string()).join("stat");
                let stat = self.reader.read(&path).ok().and_then(Stat::parse);
                let more = stat.map_or(0, |stat| stat.wait_ticks);
                ticks = u64::saturating_add(ticks, more);
            }
        }
        ticks.saturating_mul(self.tick_ns)
    }

    /// What a process is.
    fn facts(&mut self, (pid, tid): Id, dir: &Path, stat: &Stat, clock: &Clock) -> Facts {
        let of_process = self.known.get(&(pid, 0)).filter(|_| tid != 0);
        if let Some(process) = of_process {
            return Facts {
                comm: stat.comm.clone(),
                ..(*process.facts).clone()
            };
        }
        let status = self.reader.read(&dir.join("status"));
        let uid = status.ok().and_then(uid);
        let cmdline = self.reader.read(&dir.join("cmdline"));
        let command = cmdline.ok().and_then(command);
        let cgroup = self.reader.read(&dir.join("cgroup"));
        let cgroup = cgroup.map(|text| String::from_utf8_lossy(text).into_owned());
        let membership = cgroup::parse(&cgroup.unwrap_or_default());
        let exe = fs::read_link(dir.join("exe"));
        Facts {
            ppid: Some(stat.ppid).filter(|ppid| *ppid != 0),
            uid,
            comm: stat.comm.clone(),
            command,
            exe: exe
                .ok()
                .map(|exe| Bytes::from(exe.into_os_string().into_vec())),
            started: Some(clock.real(Time(stat.start_ticks.saturating_mul(self.tick_ns)))),
            kernel: stat.kernel,
            unit: membership.unit,
            container: membership.container,
        }
    }

    /// What a process did that has ended, since it was last looked at.
    fn take_leave(&mut self, exit: Exit, clock: &Clock) -> Proc {
        let start_ticks = exit.start_ns / self.tick_ns;
        let known = self.known.remove(&(exit.pid, 0));
        let known = known.filter(|known| known.start_ticks == start_ticks);
        let mut known = known.unwrap_or_else(|| Known {
            start_ticks,
            facts: Arc::new(Facts {
                ppid: Some(exit.ppid).filter(|ppid| *ppid != 0),
                uid: Some(exit.uid),
                comm: exit.comm.clone(),
                started: Some(clock.real(Time(exit.start_ns))),
                ..Facts::default()
            }),
            asked: self.round,
            total: Some(Usage::default()),
            wait_ns: None,
            threads: 0,
            seen: self.round,
            told: true,
            ended: true,
            settled: false,
        });
        if known.facts.comm != exit.comm {
            // It ran another program since it was looked at, of which nothing else is known.
            known.facts = Arc::new(Facts {
                comm: exit.comm,
                command: None,
                exe: None,
                ..(*known.facts).clone()
            });
        }
        let before = known.total.unwrap_or(exit.total);
        known.total = Some(exit.total);
        known.ended = true;
        known.seen = self.round;
        // What it did last is in its parent's interval, if that has been told with what it did before.
        let last = match known.settled {
            true => Usage::default(),
            false => exit.total.since(&before),
        };
        let own = self.without_children(exit.pid, last);
        // Of its children that are still there it has not taken note, nor will it.
        for orphan in &mut self.orphans {
            if orphan.parent == exit.pid {
                orphan.parent = INIT;
            }
        }
        if !known.settled {
            self.orphans.push(Orphan {
                pid: exit.pid,
                parent: exit.ppid,
                total: exit.total,
                gone: false,
            });
        }
        let proc = known.proc(exit.pid, None, own, 0, true);
        // It may still be listed, until its parent has taken note of its end.
        self.known.insert((exit.pid, 0), known);
        proc
    }
}

/// What was known of a process before a look.
struct Before {
    comm: Option<Bytes>,
    total: Option<Usage>,
    wait_ns: Option<u64>,
    asked: u64,
    told: bool,
}

impl Before {
    fn of(known: &Known) -> Self {
        Self {
            comm: Some(known.facts.comm.clone()),
            total: known.total,
            wait_ns: known.wait_ns,
            asked: known.asked,
            told: known.told,
        }
    }

    fn of_stranger(total: Option<Usage>) -> Self {
        Self {
            comm: None,
            total,
            wait_ns: None,
            asked: 0,
            told: false,
        }
    }
}

impl Known {
    fn proc(&self, pid: u32, tid: Option<u32>, interval: Usage, waited: u64, ended: bool) -> Proc {
        Proc {
            pid,
            tid,
            facts: Arc::clone(&self.facts),
            accounts: self.total.map(|total| Accounts { interval, total }),
            io_wait_ns: self.wait_ns.map(|total| (waited, total)),
            threads: Some(self.threads).filter(|threads| *threads > 0),
            ended,
        }
    }
}

/// Whether the kernel accounts for delays: from 5.14 on only when it is told to
/// (`kernel.task_delayacct`); before, always where it can.
fn accounts_for_delays(proc: &Path) -> bool {
    let switch = fs::read_to_string(proc.join("sys/kernel/task_delayacct"));
    switch.map_or(true, |switch| switch.trim() == "1")
}
