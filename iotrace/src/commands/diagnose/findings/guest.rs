//! A virtual machine: what is in it, this host can not see.

use bytes::Bytes;

use super::{Culprit, Finding, SHARE, accounts, look_at, percent, rate};
use crate::commands::diagnose::{evidence::Process, guest::Guest, picture::Picture};

/// The busiest process, if it is a virtual machine.
pub fn find(picture: &Picture) -> Option<Finding> {
    let service = picture.services.first()?;
    let guest = service.leader.guest()?;
    let share = picture.share(&service.usage);
    if share < SHARE {
        return None;
    }
    let name = match (&guest.id, &guest.name) {
        (Some(id), Some(name)) => format!("VM {id} \"{name}\""),
        (Some(id), None) => format!("VM {id}"),
        (None, Some(name)) => format!("VM \"{name}\""),
        (None, None) => "A virtual machine".to_owned(),
    };
    Some(Finding {
        cause: "vm_guest".to_owned(),
        tier: 1,
        weight: share,
        certainty: 0.9,
        sentence: format!(
            "{name}, {}, reads {} and writes {}, {} of all disk I/O; what does it is inside the guest.",
            service.leader.title(),
            rate(picture, service.usage.disk_read_bytes),
            rate(picture, service.usage.disk_write_bytes),
            percent(share)
        ),
        culprit: Some(Culprit::of(service.leader, share)),
        evidence: vec![
            describe(service.leader, &guest),
            accounts(picture, service.leader),
        ],
        files: guest.disks.into_iter().map(Bytes::from).collect(),
        next: vec![
            "run iotrace in the guest".to_owned(),
            look_at(service.leader, "top -C"),
        ],
        ..Finding::default()
    })
}

/// Which virtual machine it is.
pub fn describe(process: &Process, guest: &Guest) -> String {
    let kind = if guest.id.is_none() && guest.name.is_none() {
        "a virtual machine"
    } else {
        "VM"
    };
    let mut text = format!("{} is {kind}", process.title());
    if let Some(id) = &guest.id {
        text += &format!(" {id}");
    }
    if let Some(name) = &guest.name {
        text += &format!(" \"{name}\"");
    }
    if !guest.disks.is_empty() {
        text += &format!(", its disks are {}", guest.disks.join(", "));
    }
    text
}
