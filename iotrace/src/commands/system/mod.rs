//! Records of what `/proc` and `/sys` tell of the system, for all commands that write them.

mod fields;

pub use fields::{DEVICE_FIELDS, SYSTEM_FIELDS, WORK_FIELDS};

use crate::{
    event::{Device, System, Time, Work},
    output::ndjson,
};

/// A device in an interval.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceRow {
    /// End of the interval.
    pub time: Time,
    /// Its length, nanoseconds.
    pub interval_ns: u64,
    /// The device.
    pub device: Device,
}

/// How the system fared in an interval.
#[derive(Clone, Debug, PartialEq)]
pub struct SystemRow {
    /// End of the interval.
    pub time: Time,
    /// How it fared.
    pub system: System,
}

/// What the system did on its own account.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkRow {
    /// End of the interval.
    pub time: Time,
    /// What it did.
    pub work: Work,
}

/// Writes the records of an interval that ended at `time`.
pub fn write(
    buffer: &mut Vec<u8>,
    time: Time,
    devices: &[DeviceRow],
    system: Option<System>,
    works: impl IntoIterator<Item = Work>,
) {
    for row in devices {
        ndjson::write(buffer, "device", DEVICE_FIELDS, row);
    }
    if let Some(system) = system {
        ndjson::write(buffer, "system", SYSTEM_FIELDS, &SystemRow { time, system });
    }
    for work in works {
        ndjson::write(buffer, "work", WORK_FIELDS, &WorkRow { time, work });
    }
}
