//! System work that is going on, by what the catalogue knows.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, HashSet},
};

use super::sum;
use crate::{
    commands::diagnose::{
        catalogue::{Catalogue, Entry, Io},
        evidence::{Evidence, Process},
        guest::backup_targets,
    },
    event::{Usage, Work},
    output::sanitize,
};

/// System work that is going on.
pub struct Running<'a> {
    /// What the catalogue knows of it.
    pub entry: &'a Entry,
    /// How it was found, in words.
    pub signs: Vec<String>,
    /// The processes that do it, with all that they started; none where the kernel does it.
    pub members: Vec<&'a Process>,
    /// Other processes that do its I/O.
    pub through: Vec<&'a Process>,
    /// Those are known to work for it; else they only may.
    pub is_for_them: bool,
    /// What all of them did.
    pub usage: Usage,
    /// What part of the time it was there, 0 to 1.
    pub seen: f64,
    /// The processes that the catalogue knows, those first that do most.
    recognised: Vec<&'a Process>,
}

/// All of it, the busiest first.
pub fn running<'a>(evidence: &'a Evidence, catalogue: &'a Catalogue) -> Vec<Running<'a>> {
    let mut found: BTreeMap<&str, Running<'a>> = BTreeMap::new();
    let children = children(evidence);
    let all = evidence.processes.values().chain(&evidence.earlier);
    let mut processes: Vec<&Process> = all.collect();
    processes.sort_by_key(|process| (Reverse(process.gross_bytes()), process.pid));
    for process in processes {
        if let Some(best) = catalogue.of_process(&process.facts).first() {
            let running = found.entry(&best.entry.name);
            let running = running.or_insert_with(|| Running::of(best.entry));
            running.recognised.push(process);
        }
    }
    for running in found.values_mut() {
        running.seen = 1.0;
        running.signs = signs(&running.recognised);
    }
    for (work, looks) in &evidence.works {
        let Some(entry) = catalogue.of_work(work) else {
            continue;
        };
        let running = found.entry(&entry.name);
        let running = running.or_insert_with(|| Running::of(entry));
        let seen = *looks as f64 / evidence.system.looks.max(1) as f64;
        running.seen = running.seen.max(seen.min(1.0));
        running.signs.push(sign(work));
        let holder = work.pid.and_then(|pid| evidence.processes.get(&pid));
        running.recognised.extend(holder);
    }
    let mut found: Vec<_> = found.into_values().collect();
    for running in &mut found {
        running.take_in(&children);
        running.look_for_others(evidence);
    }
    found.sort_by_key(|running| Reverse(running.usage.disk_bytes()));
    found
}

fn children(evidence: &Evidence) -> HashMap<u32, Vec<&Process>> {
    let mut children: HashMap<u32, Vec<&Process>> = HashMap::new();
    for process in evidence.processes.values() {
        if let Some(parent) = process.facts.ppid {
            children.entry(parent).or_default().push(process);
        }
    }
    children
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

fn sign(work: &Work) -> String {
    let [name, state] = [&work.name, &work.state].map(|text| sanitize::name(text.as_bytes()));
    let holder = work.pid.map(|pid| format!(" by pid {pid}"));
    let done = work
        .done
        .map(|done| format!(", {:.0} % done", done * 100.0));
    format!(
        "{name}: {state}{}{}",
        holder.unwrap_or_default(),
        done.unwrap_or_default()
    )
}

impl<'a> Running<'a> {
    fn of(entry: &'a Entry) -> Self {
        Self {
            entry,
            signs: Vec::new(),
            members: Vec::new(),
            through: Vec::new(),
            is_for_them: false,
            usage: Usage::default(),
            seen: 0.0,
            recognised: Vec::new(),
        }
    }

    /// Takes in what was recognised, and all that it started.
    fn take_in(&mut self, children: &HashMap<u32, Vec<&'a Process>>) {
        let mut known = HashSet::new();
        let mut waiting = self.recognised.clone();
        waiting.retain(|process| !process.facts.kernel);
        while let Some(process) = waiting.pop() {
            if known.insert(std::ptr::from_ref(process)) {
                self.members.push(process);
                waiting.extend(children.get(&process.pid).into_iter().flatten());
            }
        }
        self.usage = sum(&self.members);
    }

    /// The processes of others that do its I/O: of virtual machines those that it is for.
    fn look_for_others(&mut self, evidence: &'a Evidence) {
        if self.entry.io != Io::Other {
            return;
        }
        let own = self.members.iter().map(|process| process.pid);
        let own: HashSet<u32> = own.collect();
        let others = evidence.processes.values();
        let others = others.filter(|process| {
            !own.contains(&process.pid) && self.entry.goes_through(&process.facts)
        });
        self.through = others.collect();
        self.through.sort_by_key(|process| process.pid);
        let members = self.members.iter();
        let targets: Vec<String> = members
            .flat_map(|process| backup_targets(&process.facts))
            .collect();
        let id = |process: &Process| process.guest().and_then(|guest| guest.id);
        let is_target = |process: &&Process| id(process).is_some_and(|id| targets.contains(&id));
        if self.through.iter().any(is_target) {
            self.is_for_them = true;
            self.through.retain(is_target);
        } else if !targets.is_empty() {
            // A machine without a number may be any.
            self.through.retain(|process| id(process).is_none());
        }
        self.usage += sum(&self.through);
    }

    /// The one that did most, of all that do it.
    pub fn busiest(&self) -> Option<&'a Process> {
        let all = self.members.iter().chain(&self.through).copied();
        all.max_by_key(|process| (process.gross_bytes(), process.pid))
    }

    /// Whether a process has to do with it.
    pub fn has(&self, pid: u32) -> bool {
        let mut all = self.members.iter().chain(&self.through);
        all.any(|process| process.pid == pid)
    }
}
