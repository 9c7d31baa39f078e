//! Sums up the events of one interval. Pure: no clock, no I/O.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    args::{By, Config, Sort},
    rows::{Row, Subject, TickRow, unit},
};
use crate::{
    commands::system::DeviceRow,
    event::{Accounts, Counts, Device, DeviceKind, FileId, FilePath, Io, Proc, Stack, Tick, Usage},
    system::users::Users,
};

/// Files that are shown below a process.
const FILES: usize = 3;

/// What a process did with its files.
type Files = HashMap<FileId, (Option<Arc<FilePath>>, Counts)>;

/// The started interval, and the processes that are there.
pub struct Fold {
    by: By,
    sort: Sort,
    config: Config,
    users: Users,
    /// All that have not ended, for they are told only when they do something.
    there: HashMap<(u32, u32), Proc>,
    changed: Vec<Proc>,
    devices: Vec<Device>,
    /// How devices lie on each other, as far as they have told.
    stack: Stack,
    /// By process; with --threads by thread.
    files: HashMap<(u32, u32), Files>,
}

impl Fold {
    /// Nothing seen yet.
    pub fn new(config: Config, users: Users) -> Self {
        Self {
            by: config.by,
            sort: config.sort,
            config,
            users,
            there: HashMap::new(),
            changed: Vec::new(),
            devices: Vec::new(),
            stack: Stack::default(),
            files: HashMap::new(),
        }
    }

    /// Takes in a process or thread.
    pub fn proc(&mut self, proc: Proc) {
        let of = |wanted: Option<u32>, id| wanted.is_none_or(|wanted| id == Some(wanted));
        if proc.tid.is_some() != self.config.threads
            || !of(self.config.pid, Some(proc.pid))
            || !of(self.config.uid, proc.facts.uid)
            || !self.config.names.admits_comm(&proc.facts.comm)
        {
            return;
        }
        if self.config.all {
            let id = id(&proc);
            if proc.ended {
                self.there.remove(&id);
            } else {
                self.there.insert(id, proc.clone());
            }
        }
        self.changed.push(proc);
    }

    /// Takes in a device.
    pub fn device(&mut self, device: Device) {
        self.stack.learn(&device);
        self.devices.push(device);
    }

    /// Takes in what a thread did with a file that is to be shown.
    pub fn io(&mut self, io: Io) {
        let tid = if self.config.threads {
            io.thread.tid
        } else {
            0
        };
        let files = self.files.entry((io.thread.pid, tid)).or_default();
        let file = files.entry(io.file).or_default();
        file.0 = file.0.take().or(io.path);
        file.1 += io.counts;
    }

    /// Ends the interval: its rows, in order, at most `limit` of them, and the sums over all.
    pub fn end(&mut self, tick: &Tick, limit: Option<usize>) -> (Vec<Row>, TickRow) {
        let mut changed = std::mem::take(&mut self.changed);
        let mut total = Usage::default();
        let own = changed.iter().filter(|proc| !proc.facts.kernel);
        for accounts in own.filter_map(|proc| proc.accounts) {
            total += accounts.interval;
        }
        let is_busy = |proc: &Proc| {
            let waited = proc.io_wait_ns.is_some_and(|(waited, _)| waited > 0);
            proc.accounts
                .is_some_and(|accounts| accounts.interval.is_any())
                || waited
        };
        if self.config.all {
            let told: HashSet<_> = changed.iter().map(id).collect();
            let idle = self.there.iter().filter(|(id, _)| !told.contains(id));
            let idle = idle.map(|(_, proc)| idle_for(proc)).collect::<Vec<_>>();
            changed.extend(idle);
        } else {
            changed.retain(is_busy);
        }
        let mut rows: Vec<Row> = match self.by {
            By::Process | By::Device => {
                let rows = changed.into_iter().map(|proc| self.row(proc, tick));
                rows.collect()
            }
            By::User | By::Container => self.sums(changed, tick),
        };
        self.files.clear();
        let found = rows.len() as u64;
        rows.sort_by_cached_key(|row| {
            let among_equals = match &row.subject {
                Subject::Process { proc, .. } => (None, proc.pid, proc.tid),
                Subject::Sum { group, .. } => (group.clone(), 0, None),
            };
            (Reverse(key(row, self.sort)), among_equals)
        });
        rows.truncate(limit.unwrap_or(usize::MAX));
        let summary = TickRow {
            time: tick.time,
            interval_ns: tick.interval_ns,
            rows: found,
            total,
            lost: tick.lost.clone(),
        };
        (rows, summary)
    }

    /// The devices of the interval, busiest first.
    pub fn devices(&mut self, tick: &Tick) -> Vec<DeviceRow> {
        let mut devices = std::mem::take(&mut self.devices);
        devices.retain(|device| self.config.all || device.work.is_any());
        devices.sort_by(|a, b| {
            (Reverse(a.work.bytes()), &a.name).cmp(&(Reverse(b.work.bytes()), &b.name))
        });
        let row = |device| DeviceRow {
            time: tick.time,
            interval_ns: tick.interval_ns,
            device,
        };
        devices.into_iter().map(row).collect()
    }

    /// Those of `rows` whose device lies on no other and did something.
    pub fn disks<'a>(&self, rows: &'a [DeviceRow]) -> Vec<&'a DeviceRow> {
        let is_disk =
            |device: &Device| device.kind == DeviceKind::Disk && self.stack.is_bottom(&device.name);
        rows.iter()
            .filter(|row| is_disk(&row.device) && row.device.work.is_any())
            .collect()
    }

    fn row(&self, proc: Proc, tick: &Tick) -> Row {
        let mut files: Vec<_> = self
            .files
            .get(&id(&proc))
            .map(|files| files.values().cloned().collect())
            .unwrap_or_default();
        files.sort_by_key(|(path, counts): &(_, Counts)| {
            (
                Reverse(counts.bytes()),
                Reverse(counts.operations()),
                path.clone(),
            )
        });
        files.truncate(FILES);
        let user = self.user(&proc).map(str::to_owned);
        let row = Row::of(proc.clone(), tick.time, tick.interval_ns);
        Row {
            subject: Subject::Process { proc, user, files },
            ..row
        }
    }

    fn user(&self, proc: &Proc) -> Option<&str> {
        self.users.name(proc.facts.uid?)
    }

    /// Without threads of the kernel: they belong to nobody.
    fn sums(&self, procs: Vec<Proc>, tick: &Tick) -> Vec<Row> {
        let mut sums: HashMap<Option<String>, Row> = HashMap::new();
        for proc in procs.into_iter().filter(|proc| !proc.facts.kernel) {
            let group = match self.by {
                By::User => {
                    let number = || proc.facts.uid.map(|uid| uid.to_string());
                    self.user(&proc).map(str::to_owned).or_else(number)
                }
                _ => unit(&proc),
            };
            let sum = sums.entry(group.clone()).or_insert_with(|| Row {
                time: tick.time,
                interval_ns: tick.interval_ns,
                subject: Subject::Sum {
                    group,
                    processes: 0,
                },
                interval: None,
                waited_ns: None,
            });
            if let Subject::Sum { processes, .. } = &mut sum.subject {
                *processes += 1;
            }
            if let Some(accounts) = proc.accounts {
                *sum.interval.get_or_insert_default() += accounts.interval;
            }
            if let Some((waited, _)) = proc.io_wait_ns {
                let sum = sum.waited_ns.get_or_insert_default();
                *sum = sum.saturating_add(waited);
            }
        }
        sums.into_values().collect()
    }
}

/// By which processes and threads are told apart.
fn id(proc: &Proc) -> (u32, u32) {
    (proc.pid, proc.tid.unwrap_or(0))
}

/// The same process in an interval in which it did nothing.
fn idle_for(proc: &Proc) -> Proc {
    Proc {
        accounts: proc.accounts.map(|accounts| Accounts {
            interval: Usage::default(),
            ..accounts
        }),
        io_wait_ns: proc.io_wait_ns.map(|(_, total)| (0, total)),
        ..proc.clone()
    }
}

/// What a row is sorted by, and what among equals.
fn key(row: &Row, sort: Sort) -> (u64, u64, u64) {
    let interval = row.interval.unwrap_or_default();
    let bytes = interval
        .disk_read_bytes
        .saturating_add(interval.disk_write_bytes);
    let calls = interval
        .read_call_bytes
        .saturating_add(interval.write_call_bytes);
    let first = match sort {
        Sort::All => bytes,
        Sort::Rbytes => interval.disk_read_bytes,
        Sort::Wbytes => interval.disk_write_bytes,
        Sort::Cancelled => interval.cancelled_write_bytes,
        Sort::Wait => row.waited_ns.unwrap_or(0),
        Sort::Total => row.total().map_or(0, |total| total.disk_bytes()),
    };
    (first, bytes, calls)
}
