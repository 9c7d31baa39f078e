//! What a process did: the sum of what each of its threads did, for in `/proc/PID/io` all children
//! are added that it has waited for (`do_io_accounting`, fs/proc/base.c; `wait_task_zombie`,
//! kernel/exit.c).

use std::sync::Arc;

use bytes::Bytes;

use crate::event::{Accounts, Exit, Facts, Proc, Usage};

/// A process from when it was first heard of until its end.
#[derive(Debug)]
pub struct Life {
    pub pid: u32,
    /// When it began, by which another process with its number is told from it.
    pub start_ticks: u64,
    pub facts: Arc<Facts>,
    /// Look in which the facts were found; 0 while only ends of threads told of it.
    pub asked: u64,
    /// `/proc/PID/io`, which tells whether any of its threads did anything. `None` when this user
    /// may not know.
    pub io: Option<Usage>,
    pub threads: u32,
    /// Last look in which it was listed.
    pub listed: u64,
    /// Looks that were over when the end of a thread was told last.
    pub heard: u64,
    /// Ends of threads were told since the last look.
    pub is_heard: bool,
    /// It is to be told, whether it did anything or not.
    is_due: bool,
    /// The end of its last thread was told.
    pub is_over: bool,
    /// What threads did that began earlier than that, ticks, and that are not known, is of no
    /// interval.
    counted_from: u64,
    /// In order of their ids.
    tasks: Vec<Task>,
    /// What threads did in their lives that are not kept any more.
    gone: Usage,
    /// What they did since it was told last.
    late: Usage,
}

/// A thread.
#[derive(Debug)]
pub struct Task {
    tid: u32,
    /// Empty while it is that of the process.
    comm: Bytes,
    usage: Usage,
    /// Of that, what was not told yet.
    interval: Usage,
    /// Time that it waited for I/O, ticks; `None` while that is not known.
    wait_ticks: Option<u64>,
    /// Of that, what was not told yet.
    waited: u64,
    ended: bool,
    /// Something is to be told of it, whether it did anything or not.
    is_due: bool,
    /// Last look in which it was there.
    seen: u64,
    /// First look at its process in which it was not; 0 while it is.
    missed: u64,
}

/// How a thread was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    There,
    /// It has ended, and is still there for the others of its process.
    Zombie,
    /// It has told of its end.
    Ending,
}

/// What is told of waits for I/O.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delays {
    /// The kernel does not account for them.
    Unknown,
    /// It does since it was told to: who began before shows none for ever.
    OfLater,
    /// Those of all.
    OfAll,
}

/// How lives are told.
#[derive(Clone, Copy, Debug)]
pub struct Teller {
    pub delays: Delays,
    pub tick_ns: u64,
    /// Threads too.
    pub with_threads: bool,
}

impl Life {
    /// Of a process that has not been known. What it did before now is of the interval if it `is_new`.
    pub fn new(pid: u32, start_ticks: u64, facts: Facts, is_new: bool) -> Self {
        Self {
            pid,
            start_ticks,
            facts: Arc::new(facts),
            asked: 0,
            io: None,
            threads: 0,
            listed: 0,
            heard: 0,
            is_heard: false,
            is_due: true,
            is_over: false,
            counted_from: if is_new { 0 } else { u64::MAX },
            tasks: Vec::new(),
            gone: Usage::default(),
            late: Usage::default(),
        }
    }

    /// What a thread that is there did in its life, as look `round` has found. The first one
    /// `is_zombie` if it has ended while others go on.
    pub fn task(&mut self, tid: u32, usage: Usage, is_zombie: bool, round: u64) -> &mut Task {
        // One that was not known did nothing before the last look: the process's `io` would have
        // told of it. So it counts from zero, but in the first look at its process.
        let found = if is_zombie {
            Found::Zombie
        } else {
            Found::There
        };
        let task = self.did(tid, usage, self.counted_from != u64::MAX, found);
        task.seen = round;
        task.missed = 0;
        task
    }

    /// All threads that are there have been looked at; `now`, ticks, no earlier than they were listed.
    pub fn looked(&mut self, now: u64) {
        self.counted_from = self.counted_from.min(now);
    }

    /// A thread has ended, of which is kept what there is room for.
    pub fn exited(&mut self, exit: &Exit, start_ticks: u64, is_room: bool) {
        let is_counted = start_ticks >= self.counted_from;
        if is_room || self.tasks.iter().any(|task| task.tid == exit.tid) {
            let task = self.did(exit.tid, exit.total, is_counted, Found::Ending);
            task.ended = true;
            task.is_due = true;
            task.comm = exit.comm.clone();
        } else {
            self.gone += exit.total;
            if is_counted {
                self.late += exit.total;
            }
        }
        let is_first = exit.tid == exit.pid;
        if is_first && self.facts.comm != exit.comm {
            // It ran another program since it was looked at, of which nothing else is known.
            let facts = Arc::make_mut(&mut self.facts);
            facts.comm = exit.comm.clone();
            facts.command = None;
            facts.exe = None;
        }
        self.is_heard = true;
        self.is_over |= exit.is_last;
    }

    /// There is something to tell, or to be found out, even if `io` is what it was.
    pub fn is_to_be_asked(&self) -> bool {
        self.is_due || self.is_heard
    }

    /// It and its threads are to be told with the next look, though they did nothing.
    pub fn is_to_be_told(&mut self) {
        self.is_due = true;
        self.tasks.iter_mut().for_each(|task| task.is_due = true);
    }

    fn did(&mut self, tid: u32, usage: Usage, is_counted: bool, found: Found) -> &mut Task {
        let place = match self.tasks.binary_search_by_key(&tid, |task| task.tid) {
            Ok(place) => match self.before_of_another(place, &usage, found) {
                Some(before) => self.replace(place, before),
                None => place,
            },
            Err(place) => {
                let before = if is_counted { Usage::default() } else { usage };
                // Most processes have one.
                self.tasks.reserve_exact(1);
                self.tasks.insert(place, Task::new(tid, before, is_counted));
                place
            }
        };
        let task = &mut self.tasks[place];
        task.interval += usage.since(&task.usage);
        // A look after it told of its end may have found more than that.
        task.usage = task.usage.most(&usage);
        task
    }

    /// What was known of another thread that has the number of a known one now; `None` if it has not.
    fn before_of_another(&mut self, place: usize, usage: &Usage, found: Found) -> Option<Usage> {
        let task = &self.tasks[place];
        let is_less = !usage.follows(&task.usage);
        if !task.ended {
            return (is_less && found != Found::Ending).then(Usage::default);
        }
        // Who executes a program ends all other threads and takes over the number of the first
        // (`de_thread`, fs/exec.c).
        let may_be_heir = task.tid == self.pid
            && match found {
                Found::There => task.usage != *usage,
                Found::Zombie => false,
                Found::Ending => true,
            };
        let mut others = (0..self.tasks.len()).filter(|other| !self.tasks[*other].ended);
        if may_be_heir
            && let (Some(heir), None) = (others.next(), others.next())
            && usage.follows(&self.tasks[heir].usage)
        {
            let heir = &mut self.tasks[heir];
            heir.ended = true;
            return Some(std::mem::take(&mut heir.usage));
        }
        (is_less || found == Found::Ending).then(Usage::default)
    }

    fn replace(&mut self, place: usize, before: Usage) -> usize {
        let task = &mut self.tasks[place];
        let another = Task::new(task.tid, before, true);
        let old = std::mem::replace(task, another);
        self.gone += old.usage;
        self.late += old.interval;
        place
    }

    /// Appends what it did since it was told last, if there is anything to tell.
    pub fn tell(&mut self, teller: Teller, ended: bool, found: &mut Vec<Proc>) {
        let mut interval = std::mem::take(&mut self.late);
        let (mut total, mut ticks, mut waited) = (self.gone, 0_u64, 0_u64);
        let is_known = self.io.is_some() || !self.tasks.is_empty() || self.gone.is_any();
        for task in &mut self.tasks {
            total += task.usage;
            interval += task.interval;
            ticks = ticks.saturating_add(task.wait_ticks.unwrap_or(0));
            waited = waited.saturating_add(task.waited);
        }
        self.is_due |= ended;
        if self.is_due || interval.is_any() || waited > 0 {
            found.push(Proc {
                pid: self.pid,
                tid: None,
                facts: Arc::clone(&self.facts),
                accounts: is_known.then_some(Accounts { interval, total }),
                // Threads that have ended take theirs with them.
                io_wait_ns: self.wait_ns(teller, waited, ticks),
                threads: Some(self.threads).filter(|threads| *threads > 0),
                ended,
            });
        }
        self.is_due = false;
        self.is_heard = false;
        for place in 0..self.tasks.len() {
            self.tell_task(place, teller, ended, found);
        }
    }

    fn tell_task(&mut self, place: usize, teller: Teller, ended: bool, found: &mut Vec<Proc>) {
        let task = &mut self.tasks[place];
        task.is_due |= ended && !task.ended;
        task.ended |= ended;
        let interval = std::mem::take(&mut task.interval);
        let waited = std::mem::take(&mut task.waited);
        let is_news = std::mem::take(&mut task.is_due) || interval.is_any() || waited > 0;
        if !is_news || !teller.with_threads {
            return;
        }
        let task = &self.tasks[place];
        found.push(Proc {
            pid: self.pid,
            tid: Some(task.tid),
            facts: task.facts(&self.facts),
            accounts: Some(Accounts {
                interval,
                total: task.usage,
            }),
            io_wait_ns: self.wait_ns(teller, waited, task.wait_ticks.unwrap_or(0)),
            threads: None,
            ended: task.ended,
        });
    }

    /// Time waited in the interval and in its life, nanoseconds.
    fn wait_ns(&self, teller: Teller, waited: u64, ticks: u64) -> Option<(u64, u64)> {
        let is_known = match teller.delays {
            Delays::Unknown => false,
            // It is counted from its begin, which was after that.
            Delays::OfLater => ticks > 0 || self.counted_from == 0,
            Delays::OfAll => true,
        };
        let in_ns = |ticks: u64| ticks.saturating_mul(teller.tick_ns);
        (is_known && self.asked > 0).then(|| (in_ns(waited), in_ns(ticks)))
    }

    /// Lets go of threads that have ended, as look `round` at them has found. Nobody may have told
    /// of the end of one, which is appended then.
    pub fn forget(&mut self, round: u64, teller: Teller, found: &mut Vec<Proc>) {
        for place in 0..self.tasks.len() {
            let task = &mut self.tasks[place];
            if task.seen != round && !task.ended {
                if task.missed == 0 {
                    // Its end may just have come after all others were asked for.
                    task.missed = round;
                } else {
                    self.tell_task(place, teller, true, found);
                }
            }
        }
        let gone = &mut self.gone;
        self.tasks.retain(|task| {
            // The first thread is there until all others have ended, too.
            let is_kept = !task.ended || task.seen == round;
            if !is_kept {
                *gone += task.usage;
            }
            is_kept
        });
    }
}

impl Task {
    fn new(tid: u32, usage: Usage, is_counted: bool) -> Self {
        Self {
            tid,
            comm: Bytes::new(),
            usage,
            interval: Usage::default(),
            wait_ticks: is_counted.then_some(0),
            waited: 0,
            ended: false,
            is_due: true,
            seen: 0,
            missed: 0,
        }
    }

    /// What its `stat` says.
    pub fn is(&mut self, comm: Bytes, wait_ticks: u64) {
        self.comm = comm;
        let before = self.wait_ticks.replace(wait_ticks);
        self.waited += wait_ticks.saturating_sub(before.unwrap_or(wait_ticks));
    }

    fn facts(&self, process: &Arc<Facts>) -> Arc<Facts> {
        if self.comm.is_empty() || self.comm == process.comm {
            return Arc::clone(process);
        }
        Arc::new(Facts {
            comm: self.comm.clone(),
            ..(**process).clone()
        })
    }
}
