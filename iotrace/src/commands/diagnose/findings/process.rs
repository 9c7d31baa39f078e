//! Somebody who does most of it, of whom nothing special is known.

use super::{
    Culprit, Finding, SHARE, accounts, look_at, paths, percent, rate, service_files, shown,
    with_thread,
};
use crate::commands::diagnose::{evidence::FileUse, picture::Picture};

/// Who does less in a second is accused of nothing, unless somebody waits for the disks: slow ones
/// can have enough of little.
const LEAST_RATE: f64 = 128.0 * 1024.0;

/// What becomes dirty so fast the disks will have to do with soon, though they rest now.
const MUCH_DIRT: f64 = 4.0 * 1024.0 * 1024.0;

/// The busiest service.
pub fn find(picture: &Picture) -> Option<Finding> {
    let service = picture.services.first()?;
    let share = picture.share(&service.usage);
    let moved = picture.rate(service.usage.disk_bytes());
    let is_little = moved < LEAST_RATE;
    if share < SHARE || is_little && !picture.is_waited_for() {
        return None;
    }
    let process = service.leader;
    // What is only looked at, or is no file on a disk, is not what it is about.
    let mut files = service_files(picture, service, |counts| counts.bytes());
    let least = service.called_bytes() / 20;
    files.retain(|file| file.counts.bytes() > least && !is_of_the_kernel(file));
    let mut evidence = vec![accounts(picture, process)];
    if let Some(file) = files.first()
        && let Some(path) = &file.path
    {
        evidence.push(format!(
            "{}: {} read, {} written",
            shown(path),
            rate(picture, file.counts.read_bytes),
            rate(picture, file.counts.write_bytes)
        ));
    }
    let thread = process.busiest_thread().map(|(tid, comm)| (tid, &comm[..]));
    let first = with_thread(process, thread) + &picture.kind(process.pid);
    Some(Finding {
        cause: picture
            .application(process.pid)
            .map_or_else(|| "process".to_owned(), |work| work.entry.cause.clone()),
        tier: 3,
        weight: share,
        certainty: 0.8,
        on_idle_disks: moved >= MUCH_DIRT,
        sentence: format!(
            "{}: {} read from storage and {} written, {} of all disk I/O.",
            service.who(&first),
            rate(picture, service.usage.disk_read_bytes),
            rate(picture, service.usage.disk_write_bytes),
            percent(share)
        ),
        culprit: Some(Culprit::with_service(process, service, share)),
        files: paths(files.into_iter()),
        evidence,
        next: vec![look_at(process, "top -C")],
        ..Finding::default()
    })
}

fn is_of_the_kernel(file: &FileUse) -> bool {
    let dirs: [&[u8]; 3] = [b"/proc/", b"/sys/", b"/dev/pts/"];
    let path = file.path.as_ref();
    path.is_none_or(|path| dirs.iter().any(|dir| path.bytes.starts_with(dir)))
}
