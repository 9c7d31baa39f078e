//! What the evidence amounts to: how busy devices are, who keeps them so, and what the system does
//! on its own account.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, HashSet},
};

use super::{
    catalogue::{Carrier, Catalogue, Entry},
    evidence::{Evidence, Process},
    guest::Guest,
    program::Program,
};
use crate::{
    event::{DeviceWork, Usage},
    output::sanitize,
};

/// Shares of the time that are no burden.
const LITTLE: f64 = 0.05;

/// The whole, with the sums that findings are made of.
pub struct Picture<'a> {
    /// What was seen.
    pub evidence: &'a Evidence,
    /// Sum of the devices at the bottom.
    pub devices: DeviceWork,
    /// Share of its time that the busiest of them had anything to do, with its name.
    pub busiest: Option<(&'a str, f64)>,
    /// Share of the time in which some task waited for I/O, when known.
    pub pressure: Option<f64>,
    /// Sum of all processes, threads of the kernel not among them.
    pub processes: Usage,
    /// Processes that belong together, busiest first.
    pub services: Vec<Service<'a>>,
    /// System work that is going on.
    pub works: Vec<Running<'a>>,
    /// Kinds of it that are not.
    pub absent: Vec<&'a str>,
    /// Threads of the kernel that do the I/O of others, busiest first.
    pub carriers: Vec<(&'a Process, &'a Carrier)>,
}

/// Processes that belong together: a container, a unit, or all that run a program.
pub struct Service<'a> {
    /// What it is called.
    pub name: String,
    /// The one that did most.
    pub leader: &'a Process,
    /// All of them.
    pub members: Vec<&'a Process>,
    /// What they did.
    pub usage: Usage,
}

/// System work that is going on.
pub struct Running<'a> {
    /// What the catalogue knows of it.
    pub entry: &'a Entry,
    /// The processes that the catalogue knows, those first that do most.
    recognised: Vec<&'a Process>,
    /// The processes that do it, with all that they started; none where the kernel does it.
    pub members: Vec<&'a Process>,
    /// How it was found, in words.
    pub signs: Vec<String>,
    /// What its processes did.
    pub usage: Usage,
}

impl<'a> Picture<'a> {
    /// Looks at the whole.
    pub fn of(evidence: &'a Evidence, catalogue: &'a Catalogue) -> Self {
        let bottom = || {
            let devices = evidence.devices.values();
            devices.filter(|device| evidence.stack.is_bottom(&device.name))
        };
        let mut devices = DeviceWork::default();
        for device in bottom() {
            devices += device.work;
        }
        let busy = |busy_ns: u64| busy_ns as f64 / evidence.watched_ns.max(1) as f64;
        let busiest = bottom().max_by_key(|device| device.work.busy_ns);
        let mut processes = Usage::default();
        for process in evidence.processes.values().chain(&evidence.earlier) {
            if !process.facts.kernel {
                processes += process.usage;
            }
        }
        let shares: Vec<f64> = evidence
            .systems
            .iter()
            .filter_map(|system| system.io_some)
            .collect();
        let works = running(evidence, catalogue);
        let found: HashSet<&str> = works.iter().map(|work| work.entry.cause.as_str()).collect();
        Self {
            evidence,
            devices,
            busiest: busiest
                .map(|device| (device.name.as_str(), busy(device.work.busy_ns).min(1.0))),
            pressure: (!shares.is_empty())
                .then(|| shares.iter().sum::<f64>() / shares.len() as f64),
            processes,
            services: services(evidence),
            carriers: carriers(evidence, catalogue),
            absent: catalogue
                .causes()
                .into_iter()
                .filter(|cause| !found.contains(cause))
                .collect(),
            works,
        }
    }

    /// Whether the disks have next to nothing to do.
    pub fn is_idle(&self) -> bool {
        const BYTES: f64 = 512.0 * 1024.0;
        const OPERATIONS: f64 = 30.0;
        let operations = self.devices.reads.saturating_add(self.devices.writes);
        self.rate(self.disk_bytes()) < BYTES
            && self.rate(operations) < OPERATIONS
            && self.busiest.is_none_or(|(_, busy)| busy < LITTLE)
            && !self.is_waited_for()
    }

    /// Whether tasks wait for the disks longer than is usual.
    pub fn is_waited_for(&self) -> bool {
        self.pressure.is_some_and(|pressure| pressure >= LITTLE)
    }

    /// So much in each second.
    pub fn rate(&self, count: u64) -> f64 {
        count as f64 * 1e9 / self.evidence.watched_ns.max(1) as f64
    }

    /// Bytes between storage and memory: what devices tell, or the processes where they tell less
    /// (on a machine whose disks can not be seen).
    pub fn disk_bytes(&self) -> u64 {
        self.devices.bytes().max(self.processes.disk_bytes())
    }

    /// What part of all that somebody did, 0 to 1.
    pub fn share(&self, usage: &Usage) -> f64 {
        share(usage.disk_bytes(), self.disk_bytes())
    }

    /// What part of all that became dirty, dropped bytes included.
    pub fn write_share(&self, bytes: u64) -> f64 {
        share(
            bytes,
            self.processes
                .disk_write_bytes
                .max(self.devices.write_bytes),
        )
    }

    /// What part of what devices did the accounts of processes explain; `None` where devices did
    /// nothing worth mentioning.
    pub fn coverage(&self) -> Option<f64> {
        const LEAST: u64 = 1 << 20;
        let reads = self.processes.disk_read_bytes.min(self.devices.read_bytes);
        let net = u64::try_from(self.processes.net_write_bytes()).unwrap_or(0);
        let writes = net.min(self.devices.write_bytes);
        let all = self.devices.bytes();
        (all >= LEAST).then(|| share(reads.saturating_add(writes), all))
    }
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

impl Process {
    /// Its virtual machine, if it is one.
    pub fn guest(&self) -> Option<Guest> {
        Guest::of(&self.facts)
    }

    /// What people call its program.
    pub fn program(&self) -> String {
        let program = Program::of(&self.facts);
        // Started through a descriptor, it has no name but that of its file.
        let is_number = |name: &&[u8]| name.iter().all(u8::is_ascii_digit);
        let mut names = program.names.iter().copied();
        let name = names.find(|name| !is_number(name));
        let name = name.unwrap_or(&self.facts.comm[..]);
        // Some titles begin with the name of the program and a colon.
        sanitize::name(name.strip_suffix(b":").unwrap_or(name)).into_owned()
    }

    /// Its command line, or the begin of a long one; its name where there is none.
    pub fn command_line(&self) -> String {
        const MOST: usize = 80;
        let line = self.facts.command.as_ref().unwrap_or(&self.facts.comm);
        let line = sanitize::name(line);
        let cut: String = line.chars().take(MOST).collect();
        if cut.len() < line.len() {
            format!("{cut}…")
        } else {
            cut
        }
    }

    /// `postgres (pid 812)`
    pub fn title(&self) -> String {
        format!("{} (pid {})", self.program(), self.pid)
    }
}

/// By what a process belongs to others.
fn service_name(process: &Process) -> String {
    let facts = &process.facts;
    if let Some(container) = &facts.container {
        return format!("container {}/{}", container.runtime, container.id);
    }
    // Of a session there are many things that do not belong together.
    let service = facts
        .unit
        .as_deref()
        .filter(|unit| unit.ends_with(".service"));
    if let Some(unit) = service
        && !unit.starts_with("user@")
    {
        return unit.to_owned();
    }
    if process.guest().is_some() {
        return process.title();
    }
    process.program()
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

fn services(evidence: &Evidence) -> Vec<Service<'_>> {
    let mut services: BTreeMap<String, Vec<&Process>> = BTreeMap::new();
    let all = evidence.processes.values().chain(&evidence.earlier);
    for process in all.filter(|process| !process.facts.kernel) {
        services
            .entry(service_name(process))
            .or_default()
            .push(process);
    }
    let mut services: Vec<Service> = services
        .into_iter()
        .filter_map(|(name, members)| Service::of(name, members))
        .collect();
    services.sort_by_key(|service| Reverse(service.usage.disk_bytes()));
    services
}

impl<'a> Service<'a> {
    /// None without members.
    fn of(name: String, mut members: Vec<&'a Process>) -> Option<Self> {
        members.sort_by_key(|process| (Reverse(process.gross_bytes()), process.pid));
        let leader = *members.first()?;
        Some(Self {
            name,
            leader,
            usage: sum(&members),
            members,
        })
    }
}

fn sum(members: &[&Process]) -> Usage {
    let mut usage = Usage::default();
    for process in members {
        usage += process.usage;
    }
    usage
}

fn running<'a>(evidence: &'a Evidence, catalogue: &'a Catalogue) -> Vec<Running<'a>> {
    let mut found: BTreeMap<&str, Running<'a>> = BTreeMap::new();
    let mut children: HashMap<u32, Vec<&Process>> = HashMap::new();
    for process in evidence.processes.values() {
        if let Some(parent) = process.facts.ppid {
            children.entry(parent).or_default().push(process);
        }
    }
    let mut processes: Vec<&Process> = evidence
        .processes
        .values()
        .chain(&evidence.earlier)
        .collect();
    processes.sort_by_key(|process| (Reverse(process.gross_bytes()), process.pid));
    for process in processes {
        let Some(found_as) = catalogue.of_process(&process.facts).into_iter().next() else {
            continue;
        };
        let entry = found_as.entry;
        let running = found
            .entry(&entry.name)
            .or_insert_with(|| Running::of(entry));
        running.recognised.push(process);
        running.take_in(process, &children);
    }
    for running in found.values_mut() {
        running.signs = signs(&running.recognised);
    }
    for work in &evidence.works {
        let Some(entry) = catalogue.of_work(work) else {
            continue;
        };
        let running = found
            .entry(&entry.name)
            .or_insert_with(|| Running::of(entry));
        let holder = work
            .pid
            .map(|pid| format!(" by pid {pid}"))
            .unwrap_or_default();
        let done = work
            .done
            .map(|done| format!(", {:.0} % done", done * 100.0));
        running.signs.push(format!(
            "{}: {}{holder}{}",
            sanitize::name(work.name.as_bytes()),
            sanitize::name(work.state.as_bytes()),
            done.unwrap_or_default()
        ));
    }
    let mut found: Vec<_> = found.into_values().collect();
    for running in &mut found {
        running.usage = sum(&running.members);
    }
    found.sort_by_key(|running| Reverse(running.usage.disk_bytes()));
    found
}

/// How processes were recognised; of many, those that do most.
fn signs(recognised: &[&Process]) -> Vec<String> {
    const MOST: usize = 4;
    let told = recognised.iter().take(MOST).map(|process| {
        if process.facts.kernel {
            format!("kernel thread {}", sanitize::name(&process.facts.comm))
        } else {
            format!("pid {}: {}", process.pid, process.command_line())
        }
    });
    let rest = recognised.len().saturating_sub(MOST);
    let rest = (rest > 0).then(|| format!("and {rest} more such processes"));
    told.chain(rest).collect()
}

impl<'a> Running<'a> {
    fn of(entry: &'a Entry) -> Self {
        Self {
            entry,
            recognised: Vec::new(),
            members: Vec::new(),
            signs: Vec::new(),
            usage: Usage::default(),
        }
    }

    /// Takes in a process and all that it started.
    fn take_in(&mut self, process: &'a Process, children: &HashMap<u32, Vec<&'a Process>>) {
        if process.facts.kernel {
            return;
        }
        let mut waiting = vec![process];
        while let Some(process) = waiting.pop() {
            let is_known = self
                .members
                .iter()
                .any(|known| std::ptr::eq(*known, process));
            if !is_known {
                self.members.push(process);
                waiting.extend(children.get(&process.pid).into_iter().flatten());
            }
        }
    }
}
