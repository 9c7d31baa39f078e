//! Columns of devices.

use std::fmt::Write as _;

use super::rows::per_second;
use crate::{
    commands::system::DeviceRow,
    output::{
        sanitize,
        table::{Column, column},
    },
};

// Writing to a string does not fail, so results are not looked at here.
macro_rules! device {
    ($title:literal, $width:literal, spare $spare:literal, $value:expr) => {
        column!($title, $width, Right, spare $spare, |row, cell| {
            let value: fn(&DeviceRow) -> Option<f64> = $value;
            match value(row) {
                Some(value) => _ = write!(cell, "{value:.1}"),
                None => cell.push('-'),
            }
        })
    };
}

/// Columns of devices, with the words of iostat.
pub const OF_DEVICES: &[Column<DeviceRow>] = &[
    column!("DEVICE", 12, Left, |row, cell| cell
        .push_str(&sanitize::name(row.device.name.as_bytes()))),
    device!("r/s", 8, spare 0, |row| Some(per_second(row.interval_ns, row.device.work.reads))),
    device!("rkB/s", 10, spare 0, |row| Some(
        per_second(row.interval_ns, row.device.work.read_bytes) / 1024.0
    )),
    device!("r_await", 7, spare 3, |row| ratio(
        row.device.work.read_ns,
        row.device.work.reads,
        1e6
    )),
    device!("rareq-sz", 8, spare 6, |row| ratio(
        row.device.work.read_bytes,
        row.device.work.reads,
        1024.0
    )),
    device!("w/s", 8, spare 0, |row| Some(per_second(row.interval_ns, row.device.work.writes))),
    device!("wkB/s", 10, spare 0, |row| Some(
        per_second(row.interval_ns, row.device.work.write_bytes) / 1024.0
    )),
    device!("w_await", 7, spare 3, |row| ratio(
        row.device.work.write_ns,
        row.device.work.writes,
        1e6
    )),
    device!("wareq-sz", 8, spare 6, |row| ratio(
        row.device.work.write_bytes,
        row.device.work.writes,
        1024.0
    )),
    device!("f/s", 6, spare 5, |row| Some(per_second(row.interval_ns, row.device.work.flushes))),
    device!("aqu-sz", 7, spare 4, |row| ratio(row.device.work.queue_ns, row.interval_ns, 1.0)),
    device!("%util", 6, spare 0, |row| ratio(row.device.work.busy_ns, row.interval_ns, 0.01)),
    column!("KIND", 9, Left, spare 2, |row, cell| cell
        .push_str(row.device.kind.name())),
    column!("ON", 0, Cut, |row, cell| {
        let mut parts = row.device.below.join(" ");
        if let Some(label) = &row.device.label {
            let _ = write!(
                parts,
                "{}({label})",
                if parts.is_empty() { "" } else { " " }
            );
        }
        cell.push_str(&sanitize::name(parts.as_bytes()));
    }),
];

/// A mean, in units of `unit`; none of nothing.
fn ratio(sum: u64, count: u64, unit: f64) -> Option<f64> {
    (count > 0).then(|| sum as f64 / count as f64 / unit)
}
