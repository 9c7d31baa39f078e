//! What was seen while it was watched, summed up. Pure: no clock, no I/O.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use bytes::Bytes;

use crate::{
    commands::churn::Lives,
    event::{
        Change, Changed, Counts, Device, Event, Facts, FileId, FilePath, FileType, Lost, Opened,
        Operation, Proc, Stack, System, Tick, Time, Usage, Work,
    },
    filter::NameFilter,
};

/// Files that are remembered by process; what others are touched is summed up.
const MOST_FILES: usize = 65_536;
/// Files of which the lives are followed.
const MOST_LIVES: usize = 131_072;
/// Threads of a process that are told apart.
const MOST_THREADS: usize = 64;

/// Everything that was seen.
pub struct Evidence {
    /// How long it was watched, nanoseconds.
    pub watched_ns: u64,
    /// Sums of devices by name.
    pub devices: BTreeMap<String, Device>,
    /// How these lie on each other.
    pub stack: Stack,
    /// Processes by their id; of those that had the same one after the other, the last.
    pub processes: HashMap<u32, Process>,
    /// Those whose id another one has now.
    pub earlier: Vec<Process>,
    /// What processes did with files.
    pub files: HashMap<(u32, FileId), FileUse>,
    /// How often a process cut a file to nothing, or replaced one by another, by its path.
    pub renewals: HashMap<(u32, Bytes), u64>,
    /// Operations on files that found no room.
    pub files_untracked: u64,
    /// How the system fared, interval by interval.
    pub systems: Vec<System>,
    /// What the system did on its own account.
    pub works: Vec<Work>,
    /// The lives of files.
    pub lives: Lives,
    /// What was lost.
    pub lost: Lost,
    /// What processes wrote is what their calls did, for the accounts can not be right.
    pub by_calls: bool,
    /// There are accounts of processes.
    pub has_accounts: bool,
    /// Files were traced.
    pub has_files: bool,
}

/// A process, with what it did while it was watched.
#[derive(Clone, Debug, Default)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// What it is.
    pub facts: Arc<Facts>,
    /// By the kernel's accounts.
    pub usage: Usage,
    /// Since it began.
    pub total: Usage,
    /// Time waited for I/O, nanoseconds.
    pub waited_ns: u64,
    /// Of all files, by tracing.
    pub counts: Counts,
    /// Opens, also those that failed.
    pub opens: u64,
    /// Names made, changed and removed.
    pub changes: u64,
    /// Times that it waited until a file was in storage.
    pub syncs: u64,
    /// Bytes by thread, with the thread's name.
    pub threads: HashMap<u32, (Bytes, u64)>,
}

/// What a process did with a file.
#[derive(Clone, Debug)]
pub struct FileUse {
    /// Where it is, when known.
    pub path: Option<Arc<FilePath>>,
    /// Its kind.
    pub file_type: FileType,
    /// How much.
    pub counts: Counts,
    /// Opens that succeeded.
    pub opens: u64,
    /// How often somebody waited until it was in storage.
    pub syncs: u64,
}

impl Evidence {
    /// Nothing yet.
    pub fn new() -> Self {
        Self {
            watched_ns: 0,
            devices: BTreeMap::new(),
            stack: Stack::default(),
            processes: HashMap::new(),
            earlier: Vec::new(),
            files: HashMap::new(),
            renewals: HashMap::new(),
            files_untracked: 0,
            systems: Vec::new(),
            works: Vec::new(),
            lives: Lives::new(NameFilter::default(), MOST_LIVES),
            lost: Lost::default(),
            by_calls: false,
            has_accounts: false,
            has_files: false,
        }
    }

    /// Takes in what happened.
    pub fn add(&mut self, event: Event) {
        match event {
            Event::Proc(proc) => self.proc(proc),
            Event::Device(device) => self.device(device),
            Event::System(system) => self.systems.push(system),
            Event::Work(work) => self.work(work),
            Event::Io(io) if !io.lower => {
                self.has_files = true;
                self.lives.io(&io);
                let process = self.process(io.thread.pid, &io.thread.comm);
                process.counts += io.counts;
                process.thread(io.thread.tid, &io.thread.comm, io.counts.bytes());
                if let Some(file) = self.file(io.thread.pid, io.file, io.file_type, io.path) {
                    file.counts += io.counts;
                }
            }
            Event::Open(open) => {
                self.has_files = true;
                self.process(open.thread.pid, &open.thread.comm).opens += 1;
                if let Opened::Ok {
                    file: Some((file, file_type)),
                    created,
                    ..
                } = open.result
                {
                    let path = open.path.clone().map(Arc::new);
                    let is_cut = open.flags & libc::O_TRUNC as u64 != 0 && created != Some(true);
                    if let Some(file) = self.file(open.thread.pid, file, file_type, path) {
                        file.opens += 1;
                    }
                    if is_cut {
                        self.renewed(open.thread.pid, open.path.as_ref());
                    }
                }
                self.lives.open(open);
            }
            Event::Each(each) if each.operation == Operation::Sync => {
                let (pid, comm) = (each.thread.pid, each.thread.comm);
                let process = self.process(pid, &comm);
                process.syncs = process.syncs.saturating_add(each.count);
                if let Some(file) = self.file(pid, each.file, each.file_type, each.path) {
                    file.syncs = file.syncs.saturating_add(each.count);
                }
            }
            Event::Change(change) => self.change(change),
            Event::Tick(tick) => self.tick(&tick),
            Event::Io(_) | Event::Each(_) => {}
        }
    }

    fn tick(&mut self, tick: &Tick) {
        self.watched_ns = self.watched_ns.saturating_add(tick.interval_ns);
        self.lost += &tick.lost;
        // What files became is summed up by pattern.
        self.lives.tick(Some(tick.time));
    }

    /// Ends the lives of all that ended, and takes back what the kernel accounts for too much.
    pub fn finish(&mut self) {
        self.lives.tick(None);
        self.by_calls = self.has_files && self.has_inflated_writes();
        if self.by_calls {
            for process in self.processes.values_mut() {
                let called = process.counts.write_bytes;
                let usage = &mut process.usage;
                usage.disk_write_bytes = usage.disk_write_bytes.min(called);
                usage.cancelled_write_bytes = usage.cancelled_write_bytes.min(called);
            }
        }
    }

    /// Whether processes are said to have made much more dirty than there was room for: a small
    /// write to a large folio counts with the folio's size (`folio_account_dirtied`,
    /// mm/page-writeback.c, with file systems that have large folios).
    fn has_inflated_writes(&self) -> bool {
        const SLACK: u64 = 16 << 20;
        let processes = self.processes.values().chain(&self.earlier);
        let dirtied = processes
            .map(|process| process.usage.net_write_bytes())
            .fold(0, i64::saturating_add);
        let devices = self.devices.values();
        let written = devices
            .filter(|device| self.stack.is_bottom(&device.name))
            .map(|device| device.work.write_bytes)
            .fold(0, u64::saturating_add);
        let dirty = |system: &System| system.dirty_bytes.zip(system.writeback_bytes);
        let waiting = self.systems.last().and_then(dirty);
        let waiting = waiting.map_or(0, |(dirty, writeback)| dirty.saturating_add(writeback));
        let room = written
            .saturating_add(waiting)
            .saturating_mul(2)
            .saturating_add(SLACK);
        u64::try_from(dirtied).is_ok_and(|dirtied| dirtied > room)
    }

    fn proc(&mut self, proc: Proc) {
        if proc.tid.is_some() {
            return;
        }
        self.has_accounts |= proc.accounts.is_some();
        if let Some(known) = self.processes.get(&proc.pid)
            && known.facts.started.is_some()
            && is_another(known.facts.started, proc.facts.started)
            && let Some(known) = self.processes.remove(&proc.pid)
        {
            self.earlier.push(known);
        }
        let process = self.process(proc.pid, &proc.facts.comm);
        // The end of a process tells less of it.
        if process.facts.command.is_none() || proc.facts.command.is_some() {
            process.facts = proc.facts;
        }
        if let Some(accounts) = proc.accounts {
            process.usage += accounts.interval;
            process.total = accounts.total;
        }
        let waited = proc.io_wait_ns.map_or(0, |(waited, _)| waited);
        process.waited_ns = process.waited_ns.saturating_add(waited);
    }

    fn device(&mut self, device: Device) {
        self.stack.learn(&device);
        match self.devices.get_mut(&device.name) {
            Some(sum) => sum.work += device.work,
            None => _ = self.devices.insert(device.name.clone(), device),
        }
    }

    fn work(&mut self, work: Work) {
        let is_same = |known: &&mut Work| known.kind == work.kind && known.name == work.name;
        match self.works.iter_mut().find(is_same) {
            Some(known) => *known = work,
            None => self.works.push(work),
        }
    }

    fn change(&mut self, change: Change) {
        self.has_files = true;
        if change.what != Changed::Free {
            self.process(change.thread.pid, &change.thread.comm).changes += 1;
        }
        // Who renames a file to the name of another writes it anew, whether or not the kernel tells
        // that there was one.
        if let Changed::Rename {
            exchange: false, ..
        }
        | Changed::Truncate { length: 0 } = change.what
        {
            self.renewed(change.thread.pid, change.path.as_ref());
        }
        let is_file = change
            .file_type
            .is_none_or(|kind| kind == FileType::Regular);
        if is_file {
            self.lives.change(change);
        } else {
            self.lives.other(&change);
        }
    }

    fn renewed(&mut self, pid: u32, path: Option<&FilePath>) {
        let Some(path) = path else {
            return;
        };
        let key = (pid, path.bytes.clone());
        if self.renewals.len() < MOST_FILES || self.renewals.contains_key(&key) {
            *self.renewals.entry(key).or_default() += 1;
        }
    }

    fn process(&mut self, pid: u32, comm: &Bytes) -> &mut Process {
        self.processes.entry(pid).or_insert_with(|| Process {
            pid,
            facts: Arc::new(Facts {
                comm: comm.clone(),
                ..Facts::default()
            }),
            ..Process::default()
        })
    }

    fn file(
        &mut self,
        pid: u32,
        file: FileId,
        file_type: FileType,
        path: Option<Arc<FilePath>>,
    ) -> Option<&mut FileUse> {
        let has_room = self.files.len() < MOST_FILES;
        if !has_room && !self.files.contains_key(&(pid, file)) {
            self.files_untracked += 1;
            return None;
        }
        let found = self.files.entry((pid, file)).or_insert_with(|| FileUse {
            path: None,
            file_type,
            counts: Counts::default(),
            opens: 0,
            syncs: 0,
        });
        found.path = found.path.take().or(path);
        Some(found)
    }
}

/// Whether two times at which a process began are those of two: the clock may have been adjusted
/// meanwhile.
fn is_another(one: Option<Time>, other: Option<Time>) -> bool {
    const SAME_NS: u64 = 100_000_000;
    let times = one.zip(other);
    times.is_some_and(|(one, other)| one.0.abs_diff(other.0) > SAME_NS)
}

impl Process {
    fn thread(&mut self, tid: u32, comm: &Bytes, bytes: u64) {
        if self.threads.len() < MOST_THREADS || self.threads.contains_key(&tid) {
            let thread = self.threads.entry(tid).or_insert_with(|| (comm.clone(), 0));
            thread.1 = thread.1.saturating_add(bytes);
        }
    }

    /// The thread that moved most bytes, when it is not the first one.
    pub fn busiest_thread(&self) -> Option<(u32, &Bytes)> {
        let busiest = self
            .threads
            .iter()
            .max_by_key(|(tid, (_, bytes))| (*bytes, **tid));
        busiest
            .filter(|(tid, _)| **tid != self.pid)
            .map(|(tid, (comm, _))| (*tid, comm))
    }

    /// Bytes from storage, and those that became dirty, also such as were dropped later.
    pub fn gross_bytes(&self) -> u64 {
        self.usage
            .disk_read_bytes
            .saturating_add(self.usage.disk_write_bytes)
    }
}
