//! Processes that belong together.

use std::{cmp::Reverse, collections::BTreeMap};

use super::sum;
use crate::{
    commands::diagnose::evidence::{Evidence, Process},
    event::Usage,
    output::sanitize,
};

/// Processes that belong together: a container, a unit, or all that run a program for a user.
pub struct Service<'a> {
    /// What it is called, escaped.
    pub name: String,
    /// It is a container or a unit, not just a program.
    is_group: bool,
    /// The one that did most.
    pub leader: &'a Process,
    /// All of them, those first that did most.
    pub members: Vec<&'a Process>,
    /// What they did.
    pub usage: Usage,
}

/// All of them, the busiest first.
pub fn services(evidence: &Evidence) -> Vec<Service<'_>> {
    let mut services: BTreeMap<Key, Vec<&Process>> = BTreeMap::new();
    let all = evidence.processes.values().chain(&evidence.earlier);
    for process in all.filter(|process| !process.facts.kernel) {
        services.entry(key(process)).or_default().push(process);
    }
    let mut services: Vec<Service> = services
        .into_iter()
        .filter_map(|(key, members)| Service::of(key, members))
        .collect();
    services.sort_by_key(|service| Reverse(service.usage.disk_bytes()));
    services
}

/// By what a process belongs to others.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    name: String,
    is_group: bool,
    /// Of a program, who runs it.
    uid: Option<u32>,
}

fn key(process: &Process) -> Key {
    let facts = &process.facts;
    let group = |name| Key {
        name,
        is_group: true,
        uid: None,
    };
    if let Some(container) = &facts.container {
        return group(name(&format!(
            "container {}/{}",
            container.runtime, container.id
        )));
    }
    // Of a session there are many things that do not belong together.
    let service = facts
        .unit
        .as_deref()
        .filter(|unit| unit.ends_with(".service"));
    if let Some(unit) = service
        && !unit.starts_with("user@")
    {
        return group(name(unit));
    }
    let program = process.program();
    Key {
        // Each machine by itself, by what stays the same when it is started again.
        name: match process.guest() {
            Some(guest) => guest
                .id
                .or(guest.name)
                .map_or_else(|| process.title(), |id| format!("{program} {}", name(&id))),
            None => program,
        },
        is_group: false,
        uid: facts.uid,
    }
}

fn name(text: &str) -> String {
    sanitize::name(text.as_bytes()).into_owned()
}

impl<'a> Service<'a> {
    /// None without members.
    fn of(key: Key, mut members: Vec<&'a Process>) -> Option<Self> {
        members.sort_by_key(|process| (Reverse(process.gross_bytes()), process.pid));
        let leader = *members.first()?;
        Some(Self {
            name: key.name,
            is_group: key.is_group,
            leader,
            usage: sum(&members),
            members,
        })
    }

    /// Those of it that did anything.
    pub fn active(&self) -> usize {
        let members = self.members.iter();
        members.filter(|process| process.did_anything()).count()
    }

    /// `postgres (pid 812) and 7 more of postgresql.service`, where `first` is one of them.
    pub fn who(&self, first: &str) -> String {
        match self.active() {
            0 | 1 if self.is_group => format!("{first} of {}", self.name),
            0 | 1 => first.to_owned(),
            many => format!("{first} and {} more of {}", many - 1, self.name),
        }
    }

    /// Whether a process is one of them.
    pub fn has(&self, pid: u32) -> bool {
        self.members.iter().any(|process| process.pid == pid)
    }

    /// Names opened, made, changed and removed.
    pub fn names(&self) -> u64 {
        let members = self.members.iter();
        super::total(members.map(|process| process.opens.saturating_add(process.changes)))
    }

    /// Bytes that went through its calls.
    pub fn called_bytes(&self) -> u64 {
        super::total(self.members.iter().map(|process| process.counts.bytes()))
    }
}
