//! Somebody who does most of it, of whom nothing special is known.

use super::{Culprit, Finding, SHARE, accounts, paths, percent, rate, with_thread};
use crate::commands::diagnose::picture::Picture;

/// Who does less in a second is accused of nothing, unless somebody waits for the disks: slow ones
/// can have enough of little.
const LEAST_RATE: f64 = 128.0 * 1024.0;

/// The busiest service.
pub fn find(picture: &Picture) -> Option<Finding> {
    let service = picture.services.first()?;
    let share = picture.share(&service.usage);
    let is_little = picture.rate(service.usage.disk_bytes()) < LEAST_RATE;
    if share < SHARE || is_little && !picture.is_waited_for() {
        return None;
    }
    let process = service.leader;
    let ids: Vec<u32> = service.members.iter().map(|process| process.pid).collect();
    let mut files: Vec<_> = picture
        .evidence
        .files
        .iter()
        .filter(|((pid, _), _)| ids.contains(pid))
        .collect();
    files.sort_by_key(|((pid, _), file)| (std::cmp::Reverse(file.counts.bytes()), *pid));
    let application = picture.works.iter().find(|work| {
        work.entry.application && work.members.iter().any(|member| member.pid == process.pid)
    });
    let kind = application
        .map(|work| format!(" ({})", work.entry.title))
        .unwrap_or_default();
    let of_many = match service.members.len() {
        1 => String::new(),
        many => format!(" and {} more of {}", many - 1, service.name),
    };
    let paths = paths(files.iter().map(|(_, file)| *file));
    let mut evidence = vec![accounts(picture, process)];
    if let Some((_, file)) = files.first()
        && let Some(path) = paths.first()
    {
        evidence.push(format!(
            "{path}: {} read, {} written",
            rate(picture, file.counts.read_bytes),
            rate(picture, file.counts.write_bytes)
        ));
    }
    let thread = process.busiest_thread().map(|(tid, comm)| (tid, &comm[..]));
    Some(Finding {
        cause: application.map_or_else(|| "process".to_owned(), |work| work.entry.cause.clone()),
        tier: 3,
        weight: share,
        certainty: 0.8,
        sentence: format!(
            "{}{kind}{of_many}: {} read from storage and {} written, {} of all disk I/O.",
            with_thread(process, thread),
            rate(picture, service.usage.disk_read_bytes),
            rate(picture, service.usage.disk_write_bytes),
            percent(share)
        ),
        culprit: Some(Culprit::of(process, share)),
        files: paths,
        evidence,
        next: vec![format!("iotrace top -C --pid {}", process.pid)],
    })
}
