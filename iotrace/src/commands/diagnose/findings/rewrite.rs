//! One file that is written anew again and again.

use std::collections::HashMap;

use super::{Culprit, Finding, accounts, logs::write_part, rate};
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
    let often = picture
        .evidence
        .renewals
        .iter()
        .filter(|(_, count)| **count >= LEAST && picture.rate(**count) >= LEAST_RATE);
    let bytes = |pid: u32, path: &[u8]| written.get(&(pid, path)).copied().unwrap_or(0);
    let ((pid, path), count) =
        often.max_by_key(|((pid, path), count)| (bytes(*pid, path), **count, *pid))?;
    let process = picture.evidence.processes.get(pid)?;
    // What was written under another name before it got this one is the process's too.
    let written = bytes(*pid, path).max(
        process
            .usage
            .disk_write_bytes
            .min(process.counts.write_bytes),
    );
    let weight = picture.write_share(written) * write_part(picture);
    let name = sanitize::name(path).into_owned();
    Some(Finding {
        cause: "rewrite".to_owned(),
        tier: 1,
        weight,
        certainty: 0.75,
        sentence: format!(
            "{} writes {name} anew {:.1} times per second, {}.",
            process.title(),
            picture.rate(*count),
            rate(picture, written)
        ),
        culprit: Some(Culprit::of(process, weight)),
        evidence: vec![
            format!("{name}: cut to nothing or replaced {count} times"),
            accounts(picture, process),
        ],
        next: vec![format!("iotrace events --pid {pid}")],
        files: vec![name],
    })
}
