//! Names, not bytes: files that are opened, made and removed by the thousand.

use super::{Culprit, Finding, SHARE, accounts, percent};
use crate::commands::diagnose::picture::{Picture, share, total};

/// Fewer in a second are no storm.
const LEAST_RATE: f64 = 1000.0;
/// Who moves more bytes for each name is looked at for his bytes.
const BYTES_OF_EACH: u64 = 8192;

/// The service that opens and changes most names.
pub fn find(picture: &Picture) -> Option<Finding> {
    let names = |service: &crate::commands::diagnose::picture::Service| -> u64 {
        service
            .members
            .iter()
            .map(|process| process.opens + process.changes)
            .sum()
    };
    let service = picture
        .services
        .iter()
        .max_by_key(|service| names(service))?;
    let count = names(service);
    let all: u64 = picture.services.iter().map(names).sum();
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
            process.title(),
            picture.rate(service.members.iter().map(|process| process.opens).sum()),
            picture.rate(service.members.iter().map(|process| process.changes).sum()),
            percent(share(count, all))
        ),
        culprit: Some(Culprit::of(process, weight)),
        evidence: vec![accounts(picture, process)],
        files: Vec::new(),
        next: vec![format!("iotrace opens --pid {}", process.pid)],
    })
}
