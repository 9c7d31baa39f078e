//! Files that are made to be removed at once.

use bytes::Bytes;

use super::{Culprit, Finding, SHARE, accounts, look_at, percent, rate, with_thread};
use crate::{
    commands::{
        churn::Pattern,
        diagnose::{
            evidence::Process,
            picture::{Picture, Service, share, total},
        },
    },
    output::{sanitize, units},
};

/// Fewer files in a second are what every system does.
const LEAST_RATE: f64 = 10.0;
/// What part of the files must have ended, and how soon the half of them.
const ENDED: f64 = 0.5;
const SHORT_NS: u64 = 30_000_000_000;

/// The pattern with most files.
pub fn find(picture: &Picture) -> Option<Finding> {
    let lives = &picture.evidence.lives;
    let is_churn = |pattern: &&Pattern| {
        let young = pattern.deleted.saturating_sub(pattern.older);
        picture.rate(pattern.created) >= LEAST_RATE
            && share(young, pattern.created) >= ENDED
            && pattern
                .lifetimes
                .quantile(0.5)
                .is_some_and(|life| life <= SHORT_NS)
    };
    let mut patterns: Vec<_> = lives.patterns.iter().filter(is_churn).collect();
    patterns.sort_by(|a, b| (b.created, &a.name).cmp(&(a.created, &b.name)));
    let first = *patterns.first()?;
    let creator = first.creator()?;
    let process = picture.evidence.processes.get(&creator.pid)?;
    let service = picture.service(creator.pid)?;
    // All patterns that they fill: one request may fill several directories.
    let by_them = |pattern: &Pattern| pattern.created_by(|pid| service.has(pid));
    patterns.retain(|pattern| by_them(pattern) >= SHARE);
    if by_them(first) < SHARE {
        return None;
    }
    let written = patterns
        .iter()
        .map(|pattern| (pattern.write_bytes as f64 * by_them(pattern)) as u64);
    let written = total(written);
    let created: u64 = patterns.iter().map(|pattern| pattern.created).sum();
    let deleted: u64 = patterns.iter().map(|pattern| pattern.deleted).sum();
    // Who writes a file under another name, to put it in the place of the one before, makes and
    // loses files too, but they are one file that is written anew.
    let renewals = picture.evidence.renewals.iter();
    let renewals = renewals.filter(|((pid, _), _)| service.has(*pid));
    let most_renewed = renewals.map(|(_, renewals)| renewals.count).max();
    if most_renewed.unwrap_or(0) > created / 2 {
        return None;
    }
    let by_bytes = picture.weight_of_writes(&service.usage, written);
    // Where the disks have nothing to do, small files cost by their number.
    let weight = if picture.is_idle() {
        let all = total(picture.services.iter().map(Service::names));
        by_bytes.max(share(service.names(), all))
    } else {
        by_bytes
    };
    let name = sanitize::name(&first.name).into_owned();
    let half = first
        .lifetimes
        .quantile(0.5)
        .map(units::duration)
        .unwrap_or_default();
    let thread = Some((creator.tid, &creator.comm[..]));
    let deleter = first.deleter().map(|thread| thread.pid);
    let temporary = match deleter {
        Some(pid) if !service.has(pid) => {
            let deleter = picture.evidence.processes.get(&pid);
            format!(
                "short-lived files, which {} removes",
                deleter.map_or_else(|| format!("pid {pid}"), Process::title)
            )
        }
        _ => "and removes temporary files".to_owned(),
    };
    let mut evidence = vec![format!(
        "{name}: {} files made, {} removed, {} alive; half of them lived at most {half}; {} written to them, {} read back; up to {} in one second",
        first.created,
        first.deleted,
        first.alive,
        units::bytes(first.write_bytes),
        units::bytes(first.read_bytes),
        first.largest_burst()
    )];
    let usage = &service.usage;
    let cancelled = usage.cancelled_write_bytes.min(usage.disk_write_bytes);
    if cancelled > 0 {
        evidence.push(format!(
            "{} of the {} that it wrote were cancelled before they reached the disk ({})",
            units::bytes(cancelled),
            units::bytes(usage.disk_write_bytes),
            percent(share(cancelled, usage.disk_write_bytes))
        ));
    }
    evidence.push(accounts(picture, process));
    Some(Finding {
        cause: "temp_file_churn".to_owned(),
        tier: 1,
        weight,
        certainty: 0.95,
        on_idle_disks: true,
        sentence: format!(
            "{} makes {temporary}, {name}: {created} made and {deleted} removed in {}, {} written.",
            service.who(&with_thread(process, thread)),
            units::duration(picture.evidence.watched_ns),
            rate(picture, written)
        ),
        culprit: Some(Culprit::with_service(process, service, weight)),
        files: patterns
            .iter()
            .take(5)
            .map(|pattern| Bytes::copy_from_slice(&pattern.name))
            .collect(),
        evidence,
        next: vec![look_at(process, "churn"), look_at(process, "opens")],
        ..Finding::default()
    })
}
