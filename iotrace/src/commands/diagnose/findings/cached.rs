//! Much that is read, but not from the disk.

use super::{Culprit, Finding, look_at, rate};
use crate::commands::diagnose::picture::{Picture, share, total};

/// Less in a second nobody asks about.
const LEAST_RATE: f64 = 20.0 * 1024.0 * 1024.0;

/// Who reads most from the cache, while the disks have nothing to do.
pub fn find(picture: &Picture) -> Option<Finding> {
    if !picture.is_idle() {
        return None;
    }
    // io_uring and AIO are not among the calls that are accounted for, but are traced.
    let moved = |process: &crate::commands::diagnose::evidence::Process| process.counts.read_bytes;
    let all = || {
        picture
            .evidence
            .processes
            .values()
            .filter(|process| !process.facts.kernel)
    };
    let process = all().max_by_key(|process| (moved(process), process.pid))?;
    let read = moved(process);
    if picture.rate(read) < LEAST_RATE || process.usage.disk_read_bytes > read / 10 {
        return None;
    }
    let weight = share(read, total(all().map(moved)));
    Some(Finding {
        cause: "cache_reads".to_owned(),
        tier: 3,
        weight,
        certainty: 0.9,
        sentence: format!(
            "No disk problem: {} reads {}, but from the page cache; storage gave {} of it.",
            process.title(),
            rate(picture, read),
            rate(picture, process.usage.disk_read_bytes)
        ),
        culprit: Some(Culprit::of(process, weight)),
        evidence: vec![super::accounts(picture, process)],
        next: vec![look_at(process, "top -C --cache")],
        on_idle_disks: true,
        only_alone: true,
        ..Finding::default()
    })
}
