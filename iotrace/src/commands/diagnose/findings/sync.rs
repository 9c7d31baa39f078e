//! Small writes, each of which is waited for: the disk works for every one of them.

use super::{Culprit, Finding, SHARE, most, percent, rate, shown};
use crate::{
    commands::diagnose::picture::{Picture, share, total},
    output::units,
};

/// Fewer in a second are no burden, even to a disk that turns.
const LEAST_RATE: f64 = 10.0;
/// What is larger is written for its bytes, not for its number.
const SMALL: u64 = 128 * 1024;

/// Those who wait most often.
pub fn find(picture: &Picture) -> Option<Finding> {
    let syncs = |members: &[&crate::commands::diagnose::evidence::Process]| -> u64 {
        total(members.iter().map(|process| process.syncs))
    };
    let service = picture
        .services
        .iter()
        .max_by_key(|service| syncs(&service.members))?;
    let count = syncs(&service.members);
    if picture.rate(count) < LEAST_RATE {
        return None;
    }
    let written = service.usage.disk_write_bytes;
    let mean = written / count;
    let leader = *service
        .members
        .iter()
        .max_by_key(|process| (process.syncs, process.pid))?;
    let all = picture.services.iter();
    let all = total(all.map(|service| syncs(&service.members)));
    // What devices write beyond that is for the sake of it: journals, and blocks that are larger.
    let weight = share(count, all).min(share(written, picture.processes.disk_write_bytes))
        * picture.write_part();
    if mean > SMALL || weight < SHARE {
        return None;
    }
    let file = most(picture, |pid, file| {
        (file.syncs > 0 && service.has(pid)).then_some(file.syncs)
    });
    let file_path = file.and_then(|(_, file)| file.path.as_deref());
    let path = file_path.map(shown);
    let mut evidence = vec![format!(
        "{:.0} syncs per second, {} written for each; {} of all syncs",
        picture.rate(count),
        units::bytes(mean),
        percent(share(count, all))
    )];
    if let (Some((_, file)), Some(path)) = (file, &path) {
        evidence.push(format!(
            "{path}: {} syncs, {} in {} writes",
            file.syncs,
            units::bytes(file.counts.write_bytes),
            file.counts.writes
        ));
    }
    if let Some(times) = picture.devices.write_bytes.checked_div(written)
        && times > 1
    {
        evidence.push(format!(
            "the devices write {times} times as much as it does"
        ));
    }
    let first = leader.title() + &picture.kind(leader.pid);
    Some(Finding {
        cause: "sync_writes".to_owned(),
        tier: 1,
        weight,
        certainty: 0.85,
        sentence: format!(
            "{} waits {:.0} times per second until what it wrote is in storage, {} each time{}: many small synchronous writes, {}.",
            service.who(&first),
            picture.rate(count),
            units::bytes(mean),
            path.as_ref()
                .map_or_else(String::new, |path| format!(", most often {path}")),
            rate(picture, written)
        ),
        culprit: Some(Culprit::with_service(leader, service, weight)),
        files: file_path
            .map(|path| path.bytes.clone())
            .into_iter()
            .collect(),
        evidence,
        next: vec![format!(
            "iotrace events --json --pid {} | grep '\"sync\"'",
            leader.pid
        )],
        ..Finding::default()
    })
}
