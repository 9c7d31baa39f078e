//! What was seen while it was watched, summed up. Pure: no clock, no I/O.

mod fared;
mod process;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

pub use fared::Fared;
pub use process::{FileUse, Process, Renewals};

use bytes::Bytes;

use crate::{
    commands::churn::Lives,
    event::{
        Change, Changed, Counts, Device, Event, Facts, FileId, FilePath, FileType, Lost, Opened,
        Operation, Proc, Stack, Tick, Time, Work,
    },
    filter::NameFilter,
};

/// Files that are remembered by process; what others are touched is summed up.
const MOST_FILES: usize = 65_536;
/// Files of which the lives are followed.
const MOST_LIVES: usize = 131_072;

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
    /// Files that a process cut to nothing, or replaced by others, by their path.
    pub renewals: HashMap<(u32, Bytes), Renewals>,
    /// Operations on files that found no room.
    pub files_untracked: u64,
    /// How the system fared.
    pub system: Fared,
    /// What the system did on its own account, with the number of looks in which it was there.
    pub works: Vec<(Work, u64)>,
    /// The lives of files.
    pub lives: Lives,
    /// What was lost.
    pub lost: Lost,
    /// What processes wrote is what their calls did, for the accounts can not be right.
    pub by_calls: bool,
    /// There are accounts of processes.
    pub has_accounts: bool,
    /// There are processes whose accounts may not be read.
    pub has_hidden: bool,
    /// Files were traced.
    pub has_files: bool,
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
            system: Fared::default(),
            works: Vec::new(),
            lives: Lives::new(NameFilter::default(), MOST_LIVES),
            lost: Lost::default(),
            by_calls: false,
            has_accounts: false,
            has_hidden: false,
            has_files: false,
        }
    }

    /// Takes in what happened.
    pub fn add(&mut self, event: Event) {
        match event {
            Event::Proc(proc) => self.proc(proc),
            Event::Device(device) => self.device(device),
            Event::System(system) => self.system.add(&system),
            Event::Work(work) => self.work(work),
            Event::Io(io) if !io.lower => {
                self.has_files = true;
                self.lives.io(&io);
                let process = self.process(io.thread.pid, &io.thread.comm);
                process.counts += io.counts;
                process.thread(io.thread.tid, io.thread.comm, io.counts.bytes());
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
                    self.file(open.thread.pid, file, file_type, path);
                    if is_cut {
                        self.renewed(open.thread.pid, open.path.as_ref(), None);
                    }
                }
                self.lives.open(open);
            }
            Event::Each(each) if each.operation == Operation::Sync => {
                let pid = each.thread.pid;
                let process = self.process(pid, &each.thread.comm);
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
            let processes = self.processes.values_mut().chain(&mut self.earlier);
            // Who wrote without calls, through memory, is taken at the kernel's word.
            for process in processes.filter(|process| process.counts.writes > 0) {
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
        let mut bottom = self.bottom().peekable();
        if bottom.peek().is_none() {
            return false;
        }
        let written = bottom
            .map(|device| device.work.write_bytes)
            .fold(0, u64::saturating_add);
        let room = written
            .saturating_add(self.system.dirty_bytes)
            .saturating_mul(2)
            .saturating_add(SLACK);
        let processes = self.processes.values().chain(&self.earlier);
        let dirtied = processes
            .map(Process::net_written)
            .fold(0, u64::saturating_add);
        dirtied > room
    }

    /// The devices whose work can be added up.
    pub fn bottom(&self) -> impl Iterator<Item = &Device> {
        let devices = self.devices.values();
        devices.filter(|device| self.stack.is_bottom(&device.name))
    }

    fn proc(&mut self, proc: Proc) {
        if proc.tid.is_some() {
            return;
        }
        self.has_accounts |= proc.accounts.is_some();
        self.has_hidden |= proc.accounts.is_none() && !proc.facts.kernel && !proc.ended;
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
        process.ended |= proc.ended;
        if let Some(accounts) = proc.accounts {
            process.usage += accounts.interval;
        }
    }

    fn device(&mut self, device: Device) {
        self.stack.learn(&device);
        match self.devices.get_mut(&device.name) {
            Some(sum) => sum.work += device.work,
            None => _ = self.devices.insert(device.name.clone(), device),
        }
    }

    fn work(&mut self, work: Work) {
        let known = self.works.iter_mut();
        let mut same =
            known.filter(|(known, _)| (known.kind, &known.name) == (work.kind, &work.name));
        match same.next() {
            Some((known, looks)) => {
                *known = work;
                *looks += 1;
            }
            None => self.works.push((work, 1)),
        }
    }

    fn change(&mut self, change: Change) {
        self.has_files = true;
        if change.what != Changed::Free {
            self.process(change.thread.pid, &change.thread.comm).changes += 1;
        }
        match &change.what {
            // Who renames a file to the name of another writes it anew, whether or not the kernel
            // tells that there was one.
            Changed::Rename {
                from,
                exchange: false,
                ..
            } => self.renewed(change.thread.pid, change.path.as_ref(), from.as_ref()),
            Changed::Truncate { length: 0 } => {
                self.renewed(change.thread.pid, change.path.as_ref(), None);
            }
            _ => {}
        }
        // What was written under the old name is the new one's.
        if let (Changed::Rename { .. }, Some(file), Some(path)) =
            (&change.what, change.file, &change.path)
            && let Some(file) = self.files.get_mut(&(change.thread.pid, file))
        {
            file.path = Some(Arc::new(path.clone()));
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

    fn renewed(&mut self, pid: u32, path: Option<&FilePath>, from: Option<&FilePath>) {
        let Some(path) = path else {
            return;
        };
        let key = (pid, path.bytes.clone());
        if self.renewals.len() < MOST_FILES || self.renewals.contains_key(&key) {
            let renewals = self.renewals.entry(key).or_default();
            renewals.count += 1;
            renewals.from = from.map(|path| path.bytes.clone());
        }
    }

    fn process(&mut self, pid: u32, comm: &[u8]) -> &mut Process {
        self.processes.entry(pid).or_insert_with(|| Process {
            pid,
            facts: Arc::new(Facts {
                comm: Bytes::copy_from_slice(comm),
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
