//! Somebody who writes a log as fast as the disk lets him.

use super::{Culprit, Finding, accounts, look_at, most, percent, quoted, rate, shown};
use crate::commands::diagnose::{evidence::FileUse, picture::Picture};

/// Less in a second is a log as it should be.
const LEAST_BYTES: f64 = 256.0 * 1024.0;

/// The log that grows most.
pub fn find(picture: &Picture) -> Option<Finding> {
    // What databases call logs is how they keep their data.
    let is_flooded = |pid, file: &FileUse| {
        is_log(file)
            && file.counts.read_bytes < file.counts.write_bytes / 4
            && picture.application(pid).is_none()
    };
    let (process, log) = most(picture, |pid, file| {
        is_flooded(pid, file).then_some(file.counts.write_bytes)
    })?;
    let written = log.counts.write_bytes;
    if picture.rate(written) < LEAST_BYTES {
        return None;
    }
    let weight = picture.weight_of_writes(&process.usage, written);
    let log_path = log.path.as_deref()?;
    let path = shown(log_path);
    Some(Finding {
        cause: "log_flood".to_owned(),
        tier: 1,
        weight,
        certainty: 0.85,
        on_idle_disks: true,
        sentence: format!(
            "{} floods the log {path}: {} in {:.0} writes per second, {} of all that is written.",
            process.title(),
            rate(picture, written),
            picture.rate(log.counts.writes),
            percent(picture.write_share(written))
        ),
        culprit: Some(Culprit::of(process, weight)),
        evidence: vec![
            format!(
                "{path}: {} written, {} read",
                rate(picture, written),
                rate(picture, log.counts.read_bytes)
            ),
            accounts(picture, process),
        ],
        next: vec![
            format!("tail -n 20 {}", quoted(log_path)),
            look_at(process, "top -C"),
        ],
        files: vec![log_path.bytes.clone()],
        ..Finding::default()
    })
}

fn is_log(file: &FileUse) -> bool {
    let Some(path) = &file.path else {
        return false;
    };
    let text = String::from_utf8_lossy(&path.bytes);
    let (dir, name) = text.rsplit_once('/').unwrap_or_default();
    // Segments of data have numbers: `00000000000000012345.log`.
    let stem = name.split('.').next().unwrap_or_default();
    if !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    // `name.log`, `name.log.1`, `name-2024.log`, journals.
    let is_named = |end: &str| name.ends_with(end) || name.contains(&format!("{end}."));
    let mut dirs = dir.split('/');
    is_named(".log") || is_named(".journal") || dirs.any(|dir| dir == "log" || dir == "logs")
}
