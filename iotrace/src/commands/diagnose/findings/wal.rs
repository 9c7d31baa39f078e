//! A write-ahead log that grows, while its database is not brought up to date with it.

use super::{Culprit, Finding, accounts, most, rate, shown};
use crate::{
    commands::diagnose::{evidence::FileUse, picture::Picture},
    output::units,
};

/// SQLite takes over what is in its log when that has 1,000 pages, 4 MiB in all but old databases:
/// more than twice that without a write to the database says that somebody keeps it from doing so.
const LEAST_BYTES: u64 = 10 << 20;

/// The log to which most was written.
pub fn find(picture: &Picture) -> Option<Finding> {
    let is_log = |file: &FileUse| {
        let path = file.path.as_ref();
        path.is_some_and(|path| path.bytes.ends_with(b"-wal"))
            && file.counts.write_bytes >= LEAST_BYTES
    };
    let (process, log) = most(picture, |_, file| {
        is_log(file).then_some(file.counts.write_bytes)
    })?;
    let path = log.path.as_deref()?;
    let database = path.bytes.strip_suffix(b"-wal")?;
    // Few pages may be what is changed all the time: any write to it shows that it keeps up.
    let is_kept_up = picture.evidence.files.values().any(|file| {
        let path = file.path.as_ref();
        file.counts.writes > 0 && path.is_some_and(|path| &path.bytes[..] == database)
    });
    if is_kept_up {
        return None;
    }
    let written = log.counts.write_bytes;
    let weight = picture.weight_of_writes(&process.usage, written);
    let files = vec![path.bytes.clone()];
    let path = shown(path);
    Some(Finding {
        cause: "wal_not_checkpointed".to_owned(),
        tier: 1,
        weight,
        certainty: 0.85,
        on_idle_disks: true,
        sentence: format!(
            "{} writes to {path} without its database being brought up to date: {} went into the log, nothing into the database, so that the log grows and every read has to search it.",
            process.title(),
            units::bytes(written)
        ),
        culprit: Some(Culprit::of(process, weight)),
        evidence: vec![
            format!(
                "{path}: {} written in {:.0} writes per second",
                rate(picture, written),
                picture.rate(log.counts.writes)
            ),
            accounts(picture, process),
        ],
        files,
        next: vec![
            "look for a transaction that is open for long, or a reader that never ends".to_owned(),
            "PRAGMA wal_checkpoint(TRUNCATE) in that database".to_owned(),
        ],
        ..Finding::default()
    })
}
