//! Sums up the events of one interval. Pure: no clock, no I/O.

use std::{cmp::Reverse, collections::HashMap, sync::Arc};

use super::{
    args::{By, Config, Sort},
    rows::{DeviceRow, Row, TickRow, unit},
};
use crate::{
    event::{Accounts, Counts, Device, FileId, FilePath, Io, Proc, Tick, Usage},
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
    files: HashMap<u32, Files>,
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
            let id = (proc.pid, proc.tid.unwrap_or(0));
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
        self.devices.push(device);
    }

    /// Takes in what a thread did with a file that is to be shown.
    pub fn io(&mut self, io: Io) {
        let files = self.files.entry(io.thread.pid).or_default();
        let file = files.entry(io.file).or_default();
        file.0 = file.0.take().or(io.path);
        file.1 += io.counts;
    }

    /// Ends the interval: its rows, in order, at most `limit` of them, and the sums over all.
    pub fn end(&mut self, tick: &Tick, limit: Option<usize>) -> (Vec<Row>, TickRow) {
        let mut changed = std::mem::take(&mut self.changed);
        let mut total = Usage::default();
        for accounts in changed.iter().filter_map(|proc| proc.accounts) {
            total += accounts.interval;
        }
        let is_busy = |proc: &Proc| {
            let waited = proc.io_wait_ns.is_some_and(|(waited, _)| waited > 0);
            proc.accounts
                .is_some_and(|accounts| accounts.interval.is_any())
                || waited
        };
        if self.config.all {
            let told: HashMap<_, _> = changed
                .iter()
                .map(|proc| ((proc.pid, proc.tid.unwrap_or(0)), ()))
                .collect();
            let idle = self.there.iter().filter(|(id, _)| !told.contains_key(id));
            let idle = idle.map(|(_, proc)| idle_for(proc)).collect::<Vec<_>>();
            changed.extend(idle);
        } else {
            changed.retain(is_busy);
        }
        let rows = changed.into_iter().map(|proc| self.row(proc, tick));
        let mut rows: Vec<Row> = match self.by {
            By::Process | By::Device => rows.collect(),
            By::User | By::Container => sums(rows, self.by),
        };
        self.files.clear();
        let found = rows.len() as u64;
        rows.sort_by_cached_key(|row| {
            (
                Reverse(key(row, self.sort)),
                row.group.clone(),
                row.proc.pid,
                row.proc.tid,
            )
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

    fn row(&self, proc: Proc, tick: &Tick) -> Row {
        let mut files: Vec<_> = self
            .files
            .get(&proc.pid)
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
        let user = proc
            .facts
            .uid
            .and_then(|uid| self.users.name(uid).map(str::to_owned));
        Row {
            user,
            files,
            ..Row::of(proc, tick.time, tick.interval_ns)
        }
    }
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

fn sums(rows: impl Iterator<Item = Row>, by: By) -> Vec<Row> {
    let mut sums: HashMap<Option<String>, Row> = HashMap::new();
    for row in rows {
        let group = match by {
            By::User => match (&row.user, row.proc.facts.uid) {
                (Some(user), _) => Some(user.clone()),
                (None, uid) => uid.map(|uid| uid.to_string()),
            },
            _ => unit(&row.proc),
        };
        let Some(sum) = sums.get_mut(&group) else {
            let row = Row {
                is_sum: true,
                group: group.clone(),
                ..row
            };
            sums.insert(group, row);
            continue;
        };
        sum.processes += row.processes;
        if let Some(more) = row.proc.accounts {
            let accounts = sum.proc.accounts.get_or_insert_default();
            accounts.interval += more.interval;
            accounts.total += more.total;
        }
        if let Some((waited, total)) = row.proc.io_wait_ns {
            let sum = sum.proc.io_wait_ns.get_or_insert_default();
            *sum = (sum.0.saturating_add(waited), sum.1.saturating_add(total));
        }
    }
    sums.into_values().collect()
}

/// What a row is sorted by, and what among equals.
fn key(row: &Row, sort: Sort) -> (u64, u64, u64) {
    let Accounts { interval, total } = row.accounts();
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
        Sort::Wait => row.waited_ns(),
        Sort::Total => total.disk_bytes(),
    };
    (first, bytes, calls)
}
