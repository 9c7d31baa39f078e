//! What processes do, by the kernel's own accounts.

mod life;
mod read;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    sync::Arc,
};

use nix::unistd::{SysconfVar, sysconf};

use super::{cgroup, clock::Clock};
use crate::event::{Exit, Facts, Proc, Time, Usage};
use life::{Delays, Life, Teller};
use read::{Reader, Stat, command, uid, usage};

/// After so many looks at a process that does something, it is asked again what it is: some give
/// themselves a title for each piece of work.
const FACTS_LAST: u64 = 8;

/// Most threads that ended between two looks and are told each; of more there is the sum. A build
/// on a large machine has some thousands of them in a second.
const MOST_ENDED: usize = 65_536;

/// Looks at all processes, again and again.
#[derive(Debug)]
pub struct Processes {
    reader: Reader,
    teller: Teller,
    /// Those that are there.
    alive: HashMap<u32, Life>,
    /// Those of whose end was told, by number and start, and those that only ends of their threads
    /// have told of. Kept as long as they are listed, for a parent may not have taken note yet, and
    /// for one look more.
    heard: HashMap<(u32, u64), Life>,
    /// Of those that are there, which have ended since the last look.
    over: Vec<u32>,
    /// Threads that ended since the last look.
    ended: usize,
    /// What threads did that ended since the last look, beyond those, in processes not known.
    others: Usage,
    /// How many ends were not told one by one.
    lost: u64,
    /// For the next look.
    listing: Option<Listing>,
    /// When processes were listed last.
    since: u64,
    /// Who was listed then and had ended before it was looked at.
    unseen: HashSet<u32>,
    /// When they were listed before that: who came later is new, too.
    seen_since: u64,
    round: u64,
    tids: Vec<u32>,
}

/// Who is there.
#[derive(Debug)]
struct Listing {
    pids: io::Result<Vec<u32>>,
    /// When that was asked for, ticks since the machine started.
    ticks: u64,
}

impl Processes {
    /// Takes the first look, at those below `proc`, normally `/proc`.
    pub fn new(proc: &str, with_threads: bool, clock: &Clock) -> Self {
        let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten();
        let per_second = ticks
            .and_then(|ticks| u64::try_from(ticks).ok())
            .filter(|ticks| *ticks > 0);
        let mut processes = Self {
            teller: Teller {
                delays: delays(proc),
                tick_ns: 1_000_000_000 / per_second.unwrap_or(100),
                with_threads,
            },
            reader: Reader::new(proc),
            alive: HashMap::new(),
            heard: HashMap::new(),
            over: Vec::new(),
            ended: 0,
            others: Usage::default(),
            lost: 0,
            listing: None,
            since: u64::MAX,
            unseen: HashSet::new(),
            seen_since: u64::MAX,
            round: 0,
            tids: Vec::new(),
        };
        processes.look(clock, &mut Vec::new());
        processes.alive.values_mut().for_each(Life::is_to_be_told);
        processes
    }

    /// Takes note of who is there, for the next look. Who is not among them has been told to have
    /// ended, if whoever tells of ends is asked only now.
    pub fn list(&mut self) {
        let ticks = Clock::since_boot().0 / self.teller.tick_ns;
        self.listing = Some(Listing {
            pids: self.reader.pids(),
            ticks,
        });
    }

    /// A thread has ended.
    pub fn exited(&mut self, exit: &Exit, clock: &Clock) {
        let tick_ns = self.teller.tick_ns;
        let id = (exit.pid, exit.process_start_ns / tick_ns);
        let is_unseen = self.unseen.contains(&id.0) && id.1 >= self.seen_since;
        let is_new = id.1 >= self.since || is_unseen;
        let is_room = self.ended < MOST_ENDED;
        self.ended += 1;
        self.lost += u64::from(!is_room);
        let alive = self.alive.get_mut(&id.0);
        let life = match alive.filter(|life| life.start_ticks == id.1) {
            Some(life) => {
                self.over.extend(exit.is_last.then_some(id.0));
                life
            }
            None if !is_room && !self.heard.contains_key(&id) => {
                if is_new {
                    self.others += exit.total;
                }
                return;
            }
            None => {
                let unknown = || Life::new(id.0, id.1, facts_of(exit, clock), is_new);
                self.heard.entry(id).or_insert_with(unknown)
            }
        };
        life.heard = self.round;
        life.exited(exit, exit.start_ns / tick_ns, is_room);
    }

    /// Whether the kernel tells how long processes waited for I/O.
    pub fn with_delays(&self) -> bool {
        self.teller.delays != Delays::Unknown
    }

    /// How many ends of threads are in a sum only, since this was asked last.
    pub fn lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    /// What each did since the last look, of those that did anything; in the first one after the
    /// start, of all.
    pub fn sample(&mut self, clock: &Clock) -> Vec<Proc> {
        let mut found = Vec::new();
        self.look(clock, &mut found);
        found
    }

    fn look(&mut self, clock: &Clock, found: &mut Vec<Proc>) {
        if self.listing.is_none() {
            self.list();
        }
        let Some(Listing { pids, ticks }) = self.listing.take() else {
            return;
        };
        let pids = match pids {
            Ok(pids) => pids,
            Err(error) => {
                // Nobody has ended for that; the next interval has what this one has not.
                log::warn!("cannot look at processes: {error}");
                return;
            }
        };
        self.round += 1;
        for pid in std::mem::take(&mut self.over) {
            if let Some(life) = self.alive.remove(&pid) {
                self.heard.insert((pid, life.start_ticks), life);
            }
        }
        self.unseen.clear();
        for pid in pids {
            self.one(pid, ticks, clock, found);
        }
        self.seen_since = std::mem::replace(&mut self.since, ticks);
        self.tell_ends(found);
    }

    /// Looks at a process, most of which did nothing: of those `io` alone is read.
    fn one(&mut self, pid: u32, ticks: u64, clock: &Clock, found: &mut Vec<Proc>) {
        let io = self.reader.process(pid, "io").ok().and_then(usage);
        let with_threads = self.teller.with_threads;
        if let Some(life) = self.alive.get_mut(&pid) {
            life.listed = self.round;
            if io.is_some() && life.io == io && !life.is_to_be_asked() && !with_threads {
                return;
            }
        }
        let stat = self.reader.process(pid, "stat").ok().and_then(Stat::parse);
        // It may have ended since it was listed, of which the next look tells.
        let Some(stat) = stat else {
            self.unseen.insert(pid);
            return;
        };
        let Some(mut life) = self.life(pid, &stat, found) else {
            return;
        };
        life.listed = self.round;
        let is_idle = life.io == io && life.threads == stat.threads && !life.is_to_be_asked();
        if !is_idle && self.ask(&mut life, io, &stat, ticks, clock).is_ok() {
            life.tell(self.teller, false, found);
            life.forget(self.round, self.teller, found);
        }
        self.alive.insert(pid, life);
    }

    /// What is known of a process that is there; `None` when its end was told.
    fn life(&mut self, pid: u32, stat: &Stat, found: &mut Vec<Proc>) -> Option<Life> {
        if let Some(mut life) = self.alive.remove(&pid) {
            if life.start_ticks == stat.start_ticks {
                return Some(life);
            }
            // Nobody told of the end of the one that had the number before.
            life.tell(self.teller, true, found);
        }
        let id = (pid, stat.start_ticks);
        if let Some(life) = self.heard.get_mut(&id).filter(|life| life.is_over) {
            life.listed = self.round;
            return None;
        }
        let is_new = stat.start_ticks >= self.since;
        let unknown = || Life::new(pid, stat.start_ticks, Facts::default(), is_new);
        Some(self.heard.remove(&id).unwrap_or_else(unknown))
    }

    /// Asks what a process is and what each of its threads did.
    fn ask(
        &mut self,
        life: &mut Life,
        io: Option<Usage>,
        stat: &Stat,
        ticks: u64,
        clock: &Clock,
    ) -> io::Result<()> {
        let moved = life.io != io;
        let goes_on = moved && life.io.is_some();
        if io.is_some() {
            self.ask_threads(life, stat)?;
            life.looked(ticks);
        }
        life.io = io;
        life.threads = stat.threads;
        let is_another = life.asked == 0 || life.facts.comm != stat.comm;
        let is_nameless = life.facts.command.is_none() && !life.facts.kernel;
        if is_another || moved && (is_nameless || self.round >= life.asked + FACTS_LAST) {
            life.facts = Arc::new(self.facts(life, stat, goes_on, clock));
            life.asked = self.round;
        } else if life.facts.ppid != parent(stat.ppid) {
            Arc::make_mut(&mut life.facts).ppid = parent(stat.ppid);
        }
        Ok(())
    }

    fn ask_threads(&mut self, life: &mut Life, stat: &Stat) -> io::Result<()> {
        let is_single = stat.threads <= 1;
        if is_single {
            self.tids.clear();
            self.tids.push(life.pid);
        } else {
            self.reader.tids(life.pid, &mut self.tids)?;
        }
        let pid = life.pid;
        for &tid in &self.tids {
            let io = self.reader.thread(pid, tid, "io");
            // It may have ended since it was listed.
            let Some(total) = io.ok().and_then(usage) else {
                continue;
            };
            let is_zombie = tid == pid && stat.state == b'Z';
            let task = life.task(tid, total, is_zombie, self.round);
            if is_single {
                task.is(stat.comm.clone(), stat.wait_ticks);
            } else if self.teller.delays != Delays::Unknown || self.teller.with_threads {
                let stat = self.reader.thread(pid, tid, "stat");
                if let Some(stat) = stat.ok().and_then(Stat::parse) {
                    task.is(stat.comm, stat.wait_ticks);
                }
            }
        }
        Ok(())
    }

    /// What a process is.
    fn facts(&mut self, life: &Life, stat: &Stat, goes_on: bool, clock: &Clock) -> Facts {
        let pid = life.pid;
        let status = self.reader.process(pid, "status");
        let uid = status.ok().and_then(uid);
        // Who asks for the words of a process waits for its memory map, as long as a page fault
        // holds that which waits for a disk (`get_cmdline`, mm/util.c). Not for long, if it did
        // something since the last look.
        let command = if stat.state == b'D' && !goes_on {
            let known = life.facts.comm == stat.comm;
            life.facts.command.clone().filter(|_| known)
        } else {
            let cmdline = self.reader.process(pid, "cmdline");
            cmdline.ok().and_then(command)
        };
        let cgroup = self.reader.process(pid, "cgroup");
        let cgroup = cgroup.map(|text| String::from_utf8_lossy(text).into_owned());
        let membership = cgroup::parse(&cgroup.unwrap_or_default());
        let started = Time(stat.start_ticks.saturating_mul(self.teller.tick_ns));
        Facts {
            ppid: parent(stat.ppid),
            uid,
            comm: stat.comm.clone(),
            command,
            exe: self.reader.exe(pid).ok(),
            started: Some(clock.real(started)),
            kernel: stat.kernel,
            unit: membership.unit,
            container: membership.container,
        }
    }

    /// Tells of those that have ended.
    fn tell_ends(&mut self, found: &mut Vec<Proc>) {
        let (round, teller) = (self.round, self.teller);
        self.alive.retain(|_, life| {
            let is_there = life.listed == round;
            if !is_there {
                // Nobody told what it did since the last look.
                life.tell(teller, true, found);
            }
            is_there
        });
        self.heard.retain(|_, life| {
            let is_recent = life.heard + 1 >= round;
            // Of one that is not over a thread may have ended after all were listed.
            let is_over = life.is_over || !is_recent;
            if life.is_heard && is_over {
                life.tell(teller, true, found);
            }
            is_recent || life.listed == round
        });
        self.ended = 0;
        let others = std::mem::take(&mut self.others);
        if others.is_any() {
            let facts = Facts {
                comm: "(others)".into(),
                ..Facts::default()
            };
            let mut sum = Life::new(0, 0, facts, true);
            sum.task(0, others, false, round);
            sum.tell(teller, true, found);
        }
    }
}

fn parent(ppid: u32) -> Option<u32> {
    Some(ppid).filter(|ppid| *ppid != 0)
}

/// All that is known of a process that nobody has looked at.
fn facts_of(exit: &Exit, clock: &Clock) -> Facts {
    Facts {
        ppid: parent(exit.ppid),
        uid: Some(exit.uid),
        comm: exit.comm.clone(),
        started: Some(clock.real(Time(exit.process_start_ns))),
        ..Facts::default()
    }
}

/// Whether the kernel accounts for delays: from 5.14 on only when it is told to, at its start
/// (`delayacct`) or later (`kernel.task_delayacct`); before, always where it can.
fn delays(proc: &str) -> Delays {
    let Ok(switch) = fs::read_to_string(format!("{proc}/sys/kernel/task_delayacct")) else {
        return Delays::OfAll;
    };
    let options = fs::read_to_string(format!("{proc}/cmdline")).unwrap_or_default();
    let at_start = options
        .split_ascii_whitespace()
        .any(|word| word == "delayacct");
    match (switch.trim() == "1", at_start) {
        (false, _) => Delays::Unknown,
        (true, false) => Delays::OfLater,
        (true, true) => Delays::OfAll,
    }
}
