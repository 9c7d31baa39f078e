//! Small writes, each of which is waited for: the disk works for every one of them.

use super::{Culprit, Finding, SHARE, percent, rate, shown};
use crate::{
    commands::diagnose::picture::{Picture, share},
    output::units,
};

/// Fewer in a second are no burden, even to a disk that turns.
const LEAST_RATE: f64 = 10.0;
/// What is larger is written for its bytes, not for its number.
const SMALL: u64 = 128 * 1024;

/// Those who wait most often.
pub fn find(picture: &Picture) -> Option<Finding> {
    let syncs = |members: &[&crate::commands::diagnose::evidence::Process]| -> u64 {
        members.iter().map(|process| process.syncs).sum()
    };
    let service = picture
        .services
        .iter()
        .max_by_key(|service| syncs(&service.members))?;
    let count = syncs(&service.members);
    if picture.rate(count) < LEAST_RATE {
        return None;
    }
    let dirtied = service.usage.disk_write_bytes;
    // Who writes 4 KiB of a folio of 2 MiB dirties, on account, all of it (`folio_account_dirtied`,
    // with file systems that have large folios): what was traced is nearer to the truth.
    let traced: u64 = service
        .members
        .iter()
        .map(|process| process.counts.write_bytes)
        .sum();
    let written = if traced > 0 {
        dirtied.min(traced)
    } else {
        dirtied
    };
    let mean = written / count;
    let leader = *service
        .members
        .iter()
        .max_by_key(|process| (process.syncs, process.pid))?;
    let all: u64 = picture
        .services
        .iter()
        .map(|service| syncs(&service.members))
        .sum();
    let weight = share(count, all).min(picture.write_share(service.usage.disk_write_bytes));
    if mean > SMALL || weight < SHARE {
        return None;
    }
    let ids: Vec<u32> = service.members.iter().map(|process| process.pid).collect();
    let files = picture
        .evidence
        .files
        .iter()
        .filter(|((pid, _), file)| file.syncs > 0 && ids.contains(pid));
    let file = files.max_by_key(|((pid, _), file)| (file.syncs, *pid));
    let path = file.and_then(|(_, file)| file.path.as_deref()).map(shown);
    let to_file: u64 = file.map_or(0, |(_, file)| file.counts.write_bytes);
    let mut evidence = vec![format!(
        "{:.0} syncs per second, {} written for each; {} of all syncs",
        picture.rate(count),
        units::bytes(mean),
        percent(share(count, all))
    )];
    if let (Some((_, file)), Some(path)) = (file, &path) {
        evidence.push(format!(
            "{path}: {} syncs, {} in {} writes",
            file.syncs,
            units::bytes(to_file),
            file.counts.writes
        ));
    }
    let application = picture.works.iter().find(|work| {
        work.entry.application && work.members.iter().any(|member| member.pid == leader.pid)
    });
    let kind = application
        .map(|work| format!(" ({})", work.entry.title))
        .unwrap_or_default();
    Some(Finding {
        cause: "sync_writes".to_owned(),
        tier: 1,
        weight,
        certainty: 0.85,
        sentence: format!(
            "{}{kind} waits {:.0} times per second until {} are in storage, {} each time: many small synchronous writes, {}.",
            leader.title(),
            picture.rate(count),
            path.as_deref().unwrap_or("files"),
            units::bytes(mean),
            rate(picture, written)
        ),
        culprit: Some(Culprit::of(leader, weight)),
        files: path.into_iter().collect(),
        evidence,
        next: vec![format!(
            "iotrace events --json --pid {} | grep '\"sync\"'",
            leader.pid
        )],
    })
}
