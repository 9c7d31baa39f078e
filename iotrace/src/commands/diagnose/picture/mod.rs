//! What the evidence amounts to: how busy devices are, who keeps them so, and what the system does
//! on its own account.

mod process;
mod running;
mod service;

use std::{cmp::Reverse, collections::HashSet};

pub use running::Running;
pub use service::Service;

use super::{
    catalogue::{Carrier, Catalogue, Io},
    evidence::{Evidence, Process},
};
use crate::event::{DeviceKind, DeviceWork, Usage};

/// Shares of the time that are no burden.
const LITTLE: f64 = 0.05;

/// The whole, with the sums that findings are made of.
pub struct Picture<'a> {
    /// What was seen.
    pub evidence: &'a Evidence,
    /// Sum of the devices at the bottom.
    pub devices: DeviceWork,
    /// Bytes of it that arrays wrote once more than they were asked to: copies, and parity.
    mirrored: u64,
    /// Share of its time that the busiest of them had anything to do.
    busiest: Option<f64>,
    /// Sum of all processes, threads of the kernel not among them.
    pub processes: Usage,
    /// What they wrote of it that was not dropped.
    net_written: u64,
    /// Processes that belong together, busiest first.
    pub services: Vec<Service<'a>>,
    /// System work that is going on.
    pub works: Vec<Running<'a>>,
    /// Kinds of it that are not.
    pub absent: Vec<&'a str>,
    /// Threads of the kernel that do the I/O of others, busiest first.
    pub carriers: Vec<(&'a Process, &'a Carrier)>,
}

impl<'a> Picture<'a> {
    /// Looks at the whole.
    pub fn of(evidence: &'a Evidence, catalogue: &'a Catalogue) -> Self {
        let mut devices = DeviceWork::default();
        for device in evidence.bottom() {
            devices += device.work;
        }
        let all = evidence.processes.values().chain(&evidence.earlier);
        let all: Vec<&Process> = all.filter(|process| !process.facts.kernel).collect();
        let busy = evidence.bottom().map(|device| device.work.busy_ns).max();
        let works = running::running(evidence, catalogue);
        let found: HashSet<&str> = works.iter().map(|work| work.entry.cause.as_str()).collect();
        let causes = catalogue.causes().into_iter();
        Self {
            evidence,
            devices,
            mirrored: mirrored(evidence),
            busiest: busy
                .map(|busy_ns| (busy_ns as f64 / evidence.watched_ns.max(1) as f64).min(1.0)),
            processes: sum(&all),
            net_written: total(all.iter().map(|process| process.net_written())),
            services: service::services(evidence),
            works,
            absent: causes.filter(|cause| !found.contains(cause)).collect(),
            carriers: carriers(evidence, catalogue),
        }
    }

    /// Whether nothing can be said: no disk is seen, and of no process what it did.
    pub fn is_blind(&self) -> bool {
        !self.evidence.has_accounts && self.busiest.is_none()
    }

    /// Whether the disks have next to nothing to do.
    pub fn is_idle(&self) -> bool {
        const BYTES: f64 = 512.0 * 1024.0;
        const OPERATIONS: f64 = 30.0;
        let operations = self.devices.reads.saturating_add(self.devices.writes);
        // What is dirty is no work of the disks yet, where they can be seen.
        let bytes = if self.busiest.is_some() {
            self.devices.bytes()
        } else {
            self.disk_bytes()
        };
        self.rate(bytes) < BYTES
            && self.rate(operations) < OPERATIONS
            && self.busiest.is_none_or(|busy| busy < LITTLE)
            && !self.is_waited_for()
    }

    /// Whether tasks wait for the disks longer than is usual.
    pub fn is_waited_for(&self) -> bool {
        let pressure = self.evidence.system.io_some();
        pressure.is_some_and(|pressure| pressure >= LITTLE)
    }

    /// So much in each second.
    pub fn rate(&self, count: u64) -> f64 {
        match self.evidence.watched_ns {
            0 => 0.0,
            watched_ns => count as f64 * 1e9 / watched_ns as f64,
        }
    }

    /// What devices were asked to write.
    fn asked_to_write(&self) -> u64 {
        self.devices.write_bytes.saturating_sub(self.mirrored)
    }

    /// Bytes between storage and memory: what devices were asked for, or what processes did where
    /// that is more (on a machine whose disks can not be seen).
    pub fn disk_bytes(&self) -> u64 {
        let of_devices = self
            .devices
            .read_bytes
            .saturating_add(self.asked_to_write());
        of_devices.max(
            self.processes
                .disk_read_bytes
                .saturating_add(self.net_written),
        )
    }

    /// What part of all that somebody did, 0 to 1.
    pub fn share(&self, usage: &Usage) -> f64 {
        share(usage.disk_bytes(), self.disk_bytes())
    }

    /// What part of all that became dirty, dropped bytes included.
    pub fn write_share(&self, bytes: u64) -> f64 {
        share(bytes, self.dirtied())
    }

    /// What part of all I/O somebody's writes to some files are: not more than is on the account of
    /// who did it, and less where devices read more than they write. What is written to files in
    /// memory alone is none of it.
    pub fn weight_of_writes(&self, usage: &Usage, bytes: u64) -> f64 {
        let bytes = if self.evidence.has_accounts {
            bytes.min(usage.disk_write_bytes)
        } else {
            bytes
        };
        self.write_share(bytes) * self.write_part()
    }

    /// What part of what is going on is writing: who writes is not who reads.
    pub fn write_part(&self) -> f64 {
        let dirtied = self.dirtied();
        share(dirtied, dirtied.saturating_add(self.devices.read_bytes))
    }

    fn dirtied(&self) -> u64 {
        self.processes.disk_write_bytes.max(self.asked_to_write())
    }

    /// What devices did beyond what is on the accounts of processes: bytes read, and written.
    fn unexplained(&self) -> (u64, u64) {
        (
            self.devices
                .read_bytes
                .saturating_sub(self.processes.disk_read_bytes),
            self.asked_to_write().saturating_sub(self.net_written),
        )
    }

    /// What part of what devices did the accounts of processes explain; `None` where devices did
    /// nothing worth mentioning.
    pub fn coverage(&self) -> Option<f64> {
        const LEAST: u64 = 1 << 20;
        let all = self
            .devices
            .read_bytes
            .saturating_add(self.asked_to_write());
        let (reads, writes) = self.unexplained();
        (all >= LEAST).then(|| 1.0 - share(reads.saturating_add(writes), all))
    }

    /// What part of all some work of the system does, 0 to 1. That of the kernel is what no
    /// process explains, if all can be seen; what only reads does not explain what is written,
    /// which may have become dirty before.
    pub fn share_of_work(&self, work: &Running) -> f64 {
        let own = self.share(&work.usage);
        if work.entry.io != Io::Kernel || self.coverage().is_none() || self.evidence.has_hidden {
            return own;
        }
        let (reads, writes) = self.unexplained();
        let writes = if work.entry.reads_only { 0 } else { writes };
        (own + share(reads.saturating_add(writes), self.disk_bytes())).min(1.0)
    }

    /// The application that a process is or belongs to, in brackets behind its name.
    pub fn kind(&self, pid: u32) -> String {
        self.application(pid)
            .map(|work| format!(" ({})", work.entry.title))
            .unwrap_or_default()
    }

    /// The application that a process is or belongs to, if the catalogue knows it.
    pub fn application(&self, pid: u32) -> Option<&Running<'a>> {
        let mut works = self.works.iter();
        works.find(|work| work.entry.application && work.has(pid))
    }

    /// The service that a process belongs to.
    pub fn service(&self, pid: u32) -> Option<&Service<'a>> {
        self.services.iter().find(|service| service.has(pid))
    }

    /// Bytes read from and written to devices in memory, such as swap may lie on.
    pub fn in_memory(&self) -> (u64, u64) {
        let devices = self.evidence.devices.values();
        let devices = devices.filter(|device| device.kind == DeviceKind::Memory);
        devices.fold((0_u64, 0_u64), |(read, written), device| {
            (
                read.saturating_add(device.work.read_bytes),
                written.saturating_add(device.work.write_bytes),
            )
        })
    }
}

/// Bytes that the disks of arrays were written beyond those that the arrays were. The disks of
/// an array are its own (drivers/md/md.c, `bd_claim`), so they have nothing else to do.
fn mirrored(evidence: &Evidence) -> u64 {
    let devices = evidence.devices.values();
    let arrays = devices.filter(|device| device.kind == DeviceKind::Raid);
    let beyond = arrays.map(|array| {
        let below = array.below.iter();
        let below = below.filter_map(|name| evidence.devices.get(name));
        total(below.map(|device| device.work.write_bytes)).saturating_sub(array.work.write_bytes)
    });
    total(beyond)
}

fn carriers<'a>(
    evidence: &'a Evidence,
    catalogue: &'a Catalogue,
) -> Vec<(&'a Process, &'a Carrier)> {
    let threads = evidence.processes.values();
    let threads = threads.filter(|process| process.facts.kernel && process.usage.disk_bytes() > 0);
    let mut carriers: Vec<_> = threads
        .filter_map(|process| Some((process, catalogue.carrier(&process.facts.comm)?)))
        .collect();
    carriers.sort_by_key(|(process, _)| (Reverse(process.usage.disk_bytes()), process.pid));
    carriers
}

fn sum(members: &[&Process]) -> Usage {
    let mut usage = Usage::default();
    for process in members {
        usage += process.usage;
    }
    usage
}

/// A sum that stops at the largest number: a recording may hold any.
pub fn total(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

/// A part of a whole, 0 to 1; none of nothing.
pub fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    (part as f64 / whole as f64).min(1.0)
}
