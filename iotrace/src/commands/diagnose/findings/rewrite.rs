//! One file that is written anew again and again.

use std::collections::HashMap;

use super::{Culprit, Finding, accounts, look_at, rate};
use crate::{commands::diagnose::picture::Picture, output::sanitize};

/// Fewer times are how programs keep their state.
const LEAST: u64 = 10;
const LEAST_RATE: f64 = 1.0;

/// The file with most bytes of those that were renewed often.
pub fn find(picture: &Picture) -> Option<Finding> {
    let mut written: HashMap<(u32, &[u8]), u64> = HashMap::new();
    for ((pid, _), file) in &picture.evidence.files {
        if let Some(path) = &file.path {
            let sum = written.entry((*pid, &path.bytes)).or_default();
            *sum = u64::saturating_add(*sum, file.counts.write_bytes);
        }
    }
    let bytes = |pid: u32, path: &[u8]| written.get(&(pid, path)).copied().unwrap_or(0);
    let often = picture.evidence.renewals.iter().filter(|(_, renewals)| {
        renewals.count >= LEAST && picture.rate(renewals.count) >= LEAST_RATE
    });
    let sums = often.map(|((pid, path), renewals)| {
        // With system calls alone it is not known under which name a file goes on.
        let from = renewals.from.as_ref().filter(|from| *from != path);
        let before = from.map_or(0, |from| bytes(*pid, from));
        let written = bytes(*pid, path).saturating_add(before);
        (written, renewals.count, *pid, path)
    });
    let (written, count, pid, path) = sums.max()?;
    let process = picture.evidence.processes.get(&pid)?;
    let weight = picture.weight_of_writes(&process.usage, written);
    let name = sanitize::name(path).into_owned();
    Some(Finding {
        cause: "rewrite".to_owned(),
        tier: 1,
        weight,
        certainty: 0.75,
        sentence: format!(
            "{} writes {name} anew {:.1} times per second, {}.",
            process.title(),
            picture.rate(count),
            rate(picture, written)
        ),
        culprit: Some(Culprit::of(process, weight)),
        evidence: vec![
            format!("{name}: cut to nothing or replaced {count} times"),
            accounts(picture, process),
        ],
        next: vec![look_at(process, "events")],
        files: vec![path.clone()],
        ..Finding::default()
    })
}
