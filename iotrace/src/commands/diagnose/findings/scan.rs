//! Files or a device that somebody reads in large blocks: what a backup looks like, whatever it is
//! called. Whether it goes from one end to the other, nobody looks: that would cost each read.

use super::{
    Culprit, Finding, SHARE, accounts, look_at, paths, percent, rate, service_files, shown,
};
use crate::{
    commands::diagnose::{
        evidence::FileUse,
        picture::{Picture, share, total},
    },
    event::FileType,
    output::units,
};

/// Smaller reads are those of who looks for something.
const LEAST_MEAN: u64 = 64 * 1024;
/// Less is no scan.
const LEAST_BYTES: u64 = 16 << 20;

/// The busiest service, if it reads so.
pub fn find(picture: &Picture) -> Option<Finding> {
    let service = picture
        .services
        .iter()
        .max_by_key(|service| service.usage.disk_read_bytes)?;
    let weight = picture.share(&service.usage);
    // A database reads so what it is asked for.
    if weight < SHARE
        || service.usage.disk_read_bytes < service.usage.disk_write_bytes
        || picture.application(service.leader.pid).is_some()
    {
        return None;
    }
    let is_read_through = |file: &&FileUse| {
        let counts = &file.counts;
        matches!(file.file_type, FileType::Regular | FileType::Block)
            && counts.read_bytes > counts.write_bytes
            && counts
                .read_bytes
                .checked_div(counts.reads)
                .is_some_and(|mean| mean >= LEAST_MEAN)
    };
    let mut files = service_files(picture, service, |counts| counts.read_bytes);
    files.retain(is_read_through);
    let scanned = total(files.iter().map(|file| file.counts.read_bytes));
    let members = service.members.iter();
    let all = total(members.map(|process| process.counts.read_bytes));
    let first = files.first()?;
    let members = service.members.iter().copied();
    let process = members.max_by_key(|process| (process.usage.disk_read_bytes, process.pid))?;
    let pid = process.pid;
    if scanned < LEAST_BYTES || share(scanned, all) < 0.7 {
        return None;
    }
    let mean = first.counts.read_bytes / first.counts.reads.max(1);
    let path = first
        .path
        .as_deref()
        .map_or_else(|| "a file".to_owned(), shown);
    let what = if share(first.counts.read_bytes, scanned) > 0.5 {
        path.clone()
    } else {
        format!("{} files one after the other, such as {path}", files.len())
    };
    Some(Finding {
        cause: "full_scan".to_owned(),
        tier: 2,
        weight,
        certainty: 0.7,
        sentence: format!(
            "{} reads {what} in large blocks ({} at a time): {}, {} of all disk I/O. Backups, copies and checks read like this.",
            service.who(&process.title()),
            units::bytes(mean),
            rate(picture, service.usage.disk_read_bytes),
            percent(weight)
        ),
        culprit: Some(Culprit::with_service(process, service, weight)),
        evidence: vec![
            format!(
                "{path}: {} in {} reads",
                units::bytes(first.counts.read_bytes),
                first.counts.reads
            ),
            accounts(picture, process),
        ],
        files: paths(files.into_iter()),
        next: vec![
            look_at(process, "top -C"),
            format!("ps -o lstart,ppid,args -p {pid}"),
        ],
        ..Finding::default()
    })
}
