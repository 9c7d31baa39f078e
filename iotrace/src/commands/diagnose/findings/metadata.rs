//! Names, not bytes: files that are opened, made and removed by the thousand.

use super::{Culprit, Finding, SHARE, accounts, look_at, percent};
use crate::commands::diagnose::picture::{Picture, Service, share, total};

/// Fewer in a second are no storm.
const LEAST_RATE: f64 = 1000.0;
/// Who moves more bytes for each name is looked at for his bytes.
const BYTES_OF_EACH: u64 = 8192;

/// The service that opens and changes most names.
pub fn find(picture: &Picture) -> Option<Finding> {
    let services = picture.services.iter();
    let service = services.max_by_key(|service| service.names())?;
    let count = service.names();
    let all = total(picture.services.iter().map(Service::names));
    let members = service.members.iter();
    let bytes = total(members.map(|process| process.counts.bytes()));
    if picture.rate(count) < LEAST_RATE || bytes / count.max(1) > BYTES_OF_EACH {
        return None;
    }
    let process = *service
        .members
        .iter()
        .max_by_key(|process| (process.opens + process.changes, process.pid))?;
    // Where the disk is busy with bytes, it must be with those of this service.
    let weight = if picture.is_idle() {
        share(count, all)
    } else {
        share(count, all).min(
            picture
                .share(&service.usage)
                .max(picture.write_share(service.usage.disk_write_bytes)),
        )
    };
    if weight < SHARE {
        return None;
    }
    Some(Finding {
        cause: "metadata_storm".to_owned(),
        tier: 2,
        weight,
        certainty: 0.75,
        sentence: format!(
            "{} opens {:.0} files and changes {:.0} names per second, {} of all that is done with names here, and moves few bytes.",
            service.who(&process.title()),
            picture.rate(service.members.iter().map(|process| process.opens).sum()),
            picture.rate(service.members.iter().map(|process| process.changes).sum()),
            percent(share(count, all))
        ),
        culprit: Some(Culprit::with_service(process, service, weight)),
        evidence: vec![accounts(picture, process)],
        on_idle_disks: true,
        next: vec![look_at(process, "opens")],
        ..Finding::default()
    })
}
