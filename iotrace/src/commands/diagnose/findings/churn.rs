//! Files that are made to be removed at once.

use super::{Culprit, Finding, SHARE, accounts, percent, rate, with_thread};
use crate::{
    commands::diagnose::picture::{Picture, share, total},
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
    let is_churn = |pattern: &&crate::commands::churn::Pattern| {
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
    // All patterns that this process fills: one request may fill several directories.
    patterns.retain(|pattern| {
        pattern
            .creator()
            .is_some_and(|thread| thread.pid == process.pid)
    });
    let written = total(patterns.iter().map(|pattern| pattern.write_bytes));
    let created: u64 = patterns.iter().map(|pattern| pattern.created).sum();
    let deleted: u64 = patterns.iter().map(|pattern| pattern.deleted).sum();
    // Who writes a file under another name, to put it in the place of the one before, makes and
    // loses files too, but they are one file that is written anew.
    let renewals = picture.evidence.renewals.iter();
    let renewals = renewals.filter(|((pid, _), _)| *pid == process.pid);
    if renewals.map(|(_, count)| *count).max().unwrap_or(0) > created / 2 {
        return None;
    }
    // Small files cost by their number: then its part of all names that change counts.
    let all = &picture.evidence.processes;
    let changes: u64 = all
        .values()
        .map(|process| process.changes + process.opens)
        .sum();
    let by_number = share(process.changes + process.opens, changes);
    let of_files = written.min(process.usage.disk_write_bytes.max(written / 2));
    let by_bytes = picture.write_share(of_files);
    let weight = if picture.devices.bytes() > 0 && by_bytes < SHARE && !picture.is_idle() {
        // Something else moves the bytes.
        by_bytes
    } else {
        by_bytes.max(by_number)
    };
    let name = sanitize::name(&first.name).into_owned();
    let half = first
        .lifetimes
        .quantile(0.5)
        .map(units::duration)
        .unwrap_or_default();
    let thread = Some((creator.tid, &creator.comm[..]));
    let mut evidence = vec![format!(
        "{name}: {} files made, {} removed, {} alive; half of them lived at most {half}; {} written to them, {} read back; up to {} in one second",
        first.created,
        first.deleted,
        first.alive,
        units::bytes(first.write_bytes),
        units::bytes(first.read_bytes),
        first.largest_burst()
    )];
    let usage = &process.usage;
    if usage.cancelled_write_bytes > 0 {
        // Some may have been written before it was watched.
        let earlier = usage
            .cancelled_write_bytes
            .saturating_sub(usage.disk_write_bytes);
        let cancelled = usage.cancelled_write_bytes - earlier;
        let more = match earlier {
            0 => String::new(),
            earlier => format!(", and {} that it wrote before", units::bytes(earlier)),
        };
        evidence.push(format!(
            "{} of the {} that it wrote were cancelled before they reached the disk ({}){more}",
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
        sentence: format!(
            "{} makes and removes temporary files, {name}: {created} made and {deleted} removed in {}, {} written.",
            with_thread(process, thread),
            units::duration(picture.evidence.watched_ns),
            rate(picture, written)
        ),
        culprit: Some(Culprit::of(process, weight)),
        files: patterns
            .iter()
            .take(5)
            .map(|pattern| String::from_utf8_lossy(&pattern.name).into_owned())
            .collect(),
        evidence,
        next: vec![
            format!("iotrace churn --pid {}", process.pid),
            format!("iotrace opens --pid {}", process.pid),
        ],
    })
}
