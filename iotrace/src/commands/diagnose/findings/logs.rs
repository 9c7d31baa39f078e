//! Somebody who writes a log as fast as the disk lets him.

use super::{Culprit, Finding, accounts, percent, rate, shown};
use crate::commands::diagnose::{evidence::FileUse, picture::Picture};

/// Less in a second is a log as it should be.
const LEAST_BYTES: f64 = 256.0 * 1024.0;

/// The log that grows most.
pub fn find(picture: &Picture) -> Option<Finding> {
    let files = picture.evidence.files.iter();
    let logs = files
        .filter(|(_, file)| is_log(file) && file.counts.read_bytes < file.counts.write_bytes / 4);
    let ((pid, _), log) = logs.max_by_key(|((pid, _), file)| (file.counts.write_bytes, *pid))?;
    let process = picture.evidence.processes.get(pid)?;
    let written = log.counts.write_bytes;
    if picture.rate(written) < LEAST_BYTES {
        return None;
    }
    let weight = picture.write_share(written) * write_part(picture);
    let path = shown(log.path.as_deref()?);
    Some(Finding {
        cause: "log_flood".to_owned(),
        tier: 1,
        weight,
        certainty: 0.85,
        sentence: format!(
            "{} floods the log {path}: {} in {:.0} writes per second, {} of all that is written.",
            process.title(),
            rate(picture, written),
            picture.rate(log.counts.writes),
            percent(weight)
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
            format!("tail -n 20 {path}"),
            format!("iotrace top -C --pid {pid}"),
        ],
        files: vec![path],
    })
}

/// What part of what devices do is writing: who writes is not who reads.
pub fn write_part(picture: &Picture) -> f64 {
    let (read, written) = (picture.devices.read_bytes, picture.devices.write_bytes);
    let dirty = picture.processes.disk_write_bytes.max(written);
    super::super::picture::share(dirty, dirty.saturating_add(read))
}

fn is_log(file: &FileUse) -> bool {
    let Some(path) = &file.path else {
        return false;
    };
    let text = String::from_utf8_lossy(&path.bytes);
    let name = text.rsplit('/').next().unwrap_or_default();
    // `name.log`, `name.log.1`, `name-2024.log`, journals.
    let is_named = |end: &str| name.ends_with(end) || name.contains(&format!("{end}."));
    is_named(".log")
        || is_named(".journal")
        || text.contains("/log/")
        || text.contains("/logs/")
        || name.ends_with(".out")
}
