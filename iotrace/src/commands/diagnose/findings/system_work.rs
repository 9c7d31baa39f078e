//! Work that the system does on its own account, and the catalogue knows: it is looked for before
//! any application is suspected.

use super::{Culprit, Finding, SHARE, accounts, percent, rate};
use crate::commands::diagnose::{
    catalogue::Io,
    evidence::Process,
    guest::backup_targets,
    picture::{Picture, Running},
};
use crate::event::Usage;

/// All of it that explains enough.
pub fn find(picture: &Picture) -> Vec<Finding> {
    let works = picture.works.iter().filter(|work| !work.entry.application);
    works
        .filter_map(|work| match work.entry.io {
            Io::Itself => by_itself(picture, work),
            Io::Other => through_others(picture, work),
            Io::Kernel => by_the_kernel(picture, work),
        })
        .collect()
}

fn finding(work: &Running, weight: f64) -> Finding {
    Finding {
        cause: work.entry.cause.clone(),
        tier: 0,
        weight,
        certainty: work.entry.weight,
        evidence: work.signs.clone(),
        next: vec![work.entry.look.clone()],
        ..Finding::default()
    }
}

fn busiest<'a>(members: &[&'a Process]) -> Option<&'a Process> {
    members
        .iter()
        .copied()
        .max_by_key(|process| (process.gross_bytes(), process.pid))
}

fn by_itself(picture: &Picture, work: &Running) -> Option<Finding> {
    let share = picture.share(&work.usage);
    let process = busiest(&work.members)?;
    if share < SHARE {
        return None;
    }
    let mut finding = finding(work, share);
    finding.sentence = format!(
        "{}: {} reads {} and writes {}, {} of all disk I/O.",
        capital(&work.entry.title),
        process.title(),
        rate(picture, work.usage.disk_read_bytes),
        rate(picture, work.usage.disk_write_bytes),
        percent(share)
    );
    finding.evidence.push(accounts(picture, process));
    finding.culprit = Some(Culprit::of(process, share));
    Some(finding)
}

/// The work of another process, such as that of the virtual machine that is backed up.
fn through_others(picture: &Picture, work: &Running) -> Option<Finding> {
    let targets: Vec<String> = work
        .members
        .iter()
        .flat_map(|process| backup_targets(&process.facts))
        .collect();
    let id = |process: &Process| process.guest().and_then(|guest| guest.id);
    let all = picture.evidence.processes.values();
    let mut through: Vec<&Process> = all
        .filter(|process| work.entry.goes_through(&process.facts))
        .collect();
    // Only the machines that it is for; a machine without a number may be any.
    let is_target = |process: &&Process| id(process).is_some_and(|id| targets.contains(&id));
    if through.iter().any(&is_target) {
        through.retain(is_target);
    } else if !targets.is_empty() {
        through.retain(|process| id(process).is_none());
    }
    through.extend(&work.members);
    through.sort_by_key(|process| process.pid);
    through.dedup_by_key(|process| process.pid);
    let mut usage = Usage::default();
    for process in &through {
        usage += process.usage;
    }
    let share = picture.share(&usage);
    let process = busiest(&through)?;
    if share < SHARE {
        return None;
    }
    let guest = process.guest();
    let mut finding = finding(work, share);
    let what = match guest.as_ref().and_then(|guest| guest.id.as_ref()) {
        Some(id) => format!("backup of VM {id} ({})", work.entry.name),
        None => work.entry.title.clone(),
    };
    finding.sentence = format!(
        "{} through {}: it reads {} and writes {}, {} of all disk I/O. It is not the guest, and no application.",
        capital(&what),
        process.title(),
        rate(picture, usage.disk_read_bytes),
        rate(picture, usage.disk_write_bytes),
        percent(share)
    );
    if let Some(guest) = guest {
        finding
            .evidence
            .push(super::guest::describe(process, &guest));
        finding.files = guest.disks;
    }
    finding.evidence.push(accounts(picture, process));
    finding.culprit = Some(Culprit::of(process, share));
    Some(finding)
}

/// What no process explains.
fn by_the_kernel(picture: &Picture, work: &Running) -> Option<Finding> {
    let share = 1.0 - picture.coverage()?;
    if share < SHARE {
        return None;
    }
    let mut finding = finding(work, share);
    finding.sentence = format!(
        "{}: {} of what the devices do ({} read, {} written) is done by the kernel, not by a process.",
        capital(&work.entry.title),
        percent(share),
        rate(picture, picture.devices.read_bytes),
        rate(picture, picture.devices.write_bytes)
    );
    Some(finding)
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(characters).collect()
    })
}
