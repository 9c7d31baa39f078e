//! A write-ahead log that grows, while its database is not brought up to date with it.

use super::{Culprit, Finding, accounts, logs::write_part, rate, shown};
use crate::{
    commands::diagnose::picture::{Picture, total},
    output::units,
};

/// SQLite takes over what is in its log when that has 1,000 pages, 4 MiB in all but old databases:
/// more than twice that says that somebody keeps it from doing so.
const LEAST_BYTES: u64 = 10 << 20;

/// The log to which most was written.
pub fn find(picture: &Picture) -> Option<Finding> {
    let files = &picture.evidence.files;
    let written = |name: &[u8]| -> u64 {
        let of_that_name = files.values().filter(|file| {
            file.path
                .as_ref()
                .is_some_and(|path| &path.bytes[..] == name)
        });
        total(of_that_name.map(|file| file.counts.write_bytes))
    };
    let logs = files.iter().filter(|(_, file)| {
        file.counts.write_bytes >= LEAST_BYTES
            && file
                .path
                .as_ref()
                .is_some_and(|path| path.bytes.ends_with(b"-wal"))
    });
    let ((pid, _), log) = logs.max_by_key(|((pid, _), file)| (file.counts.write_bytes, *pid))?;
    let process = picture.evidence.processes.get(pid)?;
    let path = log.path.as_deref()?;
    let database = path.bytes.strip_suffix(b"-wal")?;
    let (to_log, to_database) = (log.counts.write_bytes, written(database));
    if to_database > to_log / 10 {
        return None;
    }
    let weight = picture.write_share(to_log) * write_part(picture);
    let path = shown(path);
    Some(Finding {
        cause: "wal_not_checkpointed".to_owned(),
        tier: 1,
        weight,
        certainty: 0.85,
        sentence: format!(
            "{} writes to {path} without its database being brought up to date: {} went into the log, {} into the database, so that the log grows and every read has to search it.",
            process.title(),
            units::bytes(to_log),
            units::bytes(to_database)
        ),
        culprit: Some(Culprit::of(process, weight)),
        evidence: vec![
            format!(
                "{path}: {} in {:.0} writes per second, {} syncs",
                rate(picture, to_log),
                picture.rate(log.counts.writes),
                log.syncs
            ),
            accounts(picture, process),
        ],
        next: vec![
            format!("ls -l {path}; look for a reader that keeps a transaction open"),
            "PRAGMA wal_checkpoint(TRUNCATE)".to_owned(),
        ],
        files: vec![path],
    })
}
