//! A file or device that is read from one end to the other, or a tree of files each once: what a
//! backup looks like, whatever it is called.

use super::{Culprit, Finding, SHARE, accounts, paths, percent, rate, shown};
use crate::{
    commands::diagnose::picture::{Picture, share, total},
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
    let ids: Vec<u32> = service.members.iter().map(|process| process.pid).collect();
    let weight = picture.share(&service.usage);
    if weight < SHARE || service.usage.disk_read_bytes < service.usage.disk_write_bytes {
        return None;
    }
    let files = picture.evidence.files.iter();
    let mut files: Vec<_> = files
        .filter(|((pid, _), file)| {
            let counts = &file.counts;
            ids.contains(pid)
                && matches!(file.file_type, FileType::Regular | FileType::Block)
                && counts.read_bytes > counts.write_bytes
                && counts
                    .read_bytes
                    .checked_div(counts.reads)
                    .is_some_and(|mean| mean >= LEAST_MEAN)
        })
        .collect();
    files.sort_by_key(|((pid, _), file)| (std::cmp::Reverse(file.counts.read_bytes), *pid));
    let scanned = total(files.iter().map(|(_, file)| file.counts.read_bytes));
    let members = service.members.iter();
    let all = total(members.map(|process| process.counts.read_bytes));
    let ((pid, _), first) = files.first()?;
    let process = picture.evidence.processes.get(pid)?;
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
            "{} reads through {what} in large blocks ({} at a time): {}, {} of all disk I/O. So read backups, copies and checks.",
            process.title(),
            units::bytes(mean),
            rate(picture, service.usage.disk_read_bytes),
            percent(weight)
        ),
        culprit: Some(Culprit::of(process, weight)),
        evidence: vec![
            format!(
                "{path}: {} in {} reads",
                units::bytes(first.counts.read_bytes),
                first.counts.reads
            ),
            accounts(picture, process),
        ],
        files: paths(files.iter().map(|(_, file)| *file)),
        next: vec![
            format!("iotrace top -C --pid {pid}"),
            format!("ps -o lstart,ppid,args -p {pid}"),
        ],
    })
}
