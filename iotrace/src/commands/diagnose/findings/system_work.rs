//! Work that the system does on its own account, and the catalogue knows: it is looked for before
//! any application is suspected.

use bytes::Bytes;

use super::{Culprit, Finding, SHARE, accounts, percent, rate};
use crate::commands::diagnose::{
    catalogue::Io,
    evidence::Process,
    picture::{Picture, Running},
};

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

fn finding(work: &Running, weight: f64) -> Option<Finding> {
    (weight >= SHARE).then(|| Finding {
        cause: work.entry.cause.clone(),
        tier: 0,
        weight,
        // What was there for some of the time only may not be it.
        certainty: work.entry.weight * work.seen,
        evidence: work.signs.clone(),
        next: vec![work.entry.look.clone()],
        ..Finding::default()
    })
}

/// The process that does most of it, for all that do some.
fn culprit(work: &Running, process: &Process, share: f64) -> Culprit {
    let all = work.members.iter().chain(&work.through);
    let active = all.filter(|process| process.gross_bytes() > 0).count();
    Culprit {
        processes: active.max(1),
        ..Culprit::of(process, share)
    }
}

/// The process, and how many others there are.
fn who(culprit: &Culprit, process: &Process) -> String {
    match culprit.processes {
        1 => process.title(),
        many => format!("{} and {} more", process.title(), many - 1),
    }
}

fn by_itself(picture: &Picture, work: &Running) -> Option<Finding> {
    let share = picture.share_of_work(work);
    let process = work.busiest()?;
    let mut finding = finding(work, share)?;
    let culprit = culprit(work, process, share);
    finding.sentence = format!(
        "{}: {}: {} read and {} written, {} of all disk I/O.",
        capital(&work.entry.title),
        who(&culprit, process),
        rate(picture, work.usage.disk_read_bytes),
        rate(picture, work.usage.disk_write_bytes),
        percent(share)
    );
    finding.evidence.push(accounts(picture, process));
    finding.culprit = Some(culprit);
    Some(finding)
}

/// The work of another process, such as that of the virtual machine that is backed up.
fn through_others(picture: &Picture, work: &Running) -> Option<Finding> {
    let share = picture.share_of_work(work);
    let process = work.busiest()?;
    if !work.through.iter().any(|other| other.pid == process.pid) {
        return by_itself(picture, work);
    }
    let mut finding = finding(work, share)?;
    let culprit = culprit(work, process, share);
    let guest = process.guest();
    let id = guest.as_ref().and_then(|guest| guest.id.as_ref());
    let (what, rest) = match id {
        Some(id) if work.is_for_them => (
            format!(
                "{} of VM {id} ({})",
                work.entry.cause.replace('_', " "),
                work.entry.name
            ),
            " It is not the guest, and no application.",
        ),
        _ => (work.entry.title.clone(), ""),
    };
    if guest.is_some() && !work.is_for_them {
        // Nothing says which machine it is for.
        finding.certainty *= 0.5;
    }
    finding.sentence = format!(
        "{} through {}: {} read and {} written, {} of all disk I/O.{rest}",
        capital(&what),
        who(&culprit, process),
        rate(picture, work.usage.disk_read_bytes),
        rate(picture, work.usage.disk_write_bytes),
        percent(share)
    );
    if let Some(guest) = guest {
        let text = super::guest::describe(process, &guest);
        finding.evidence.push(text);
        finding.files = guest.disks.into_iter().map(Bytes::from).collect();
    }
    finding.evidence.push(accounts(picture, process));
    finding.culprit = Some(culprit);
    Some(finding)
}

/// What no process explains, and the processes that asked for it.
fn by_the_kernel(picture: &Picture, work: &Running) -> Option<Finding> {
    let share = picture.share_of_work(work);
    let mut finding = finding(work, share)?;
    finding.sentence = format!(
        "{}: {} of what the devices do ({} read, {} written) is done by the kernel for it.",
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
