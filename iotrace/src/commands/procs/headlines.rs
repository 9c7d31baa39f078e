//! The lines above a table of `procs`.

use std::fmt::Write as _;

use super::rows::TickRow;
use crate::{
    commands::{headline, system::DeviceRow},
    event::{DeviceWork, System, Tick},
    output::{sanitize, units},
};

/// Devices that the headline names.
const NAMED_DEVICES: usize = 4;

/// `12:00:01 loadavg: … iowait: 3% | disk: 12 MiB/s read, … | nvme0n1 …`, each on lines of its own. `disks`
/// are those that lie on no others and did something.
pub fn headlines(
    tick: &Tick,
    summary: &TickRow,
    system: Option<&System>,
    disks: &[&DeviceRow],
    width: Option<usize>,
) -> String {
    let mut machine = headline::machine(tick.time, tick.load.as_ref());
    // Writing to a string does not fail.
    if let Some(some) = system.and_then(|system| system.io_some) {
        let _ = write!(machine, " I/O pressure: {:.0}%", some * 100.0);
    }
    let second = summary.interval_ns.max(1) as f64 / 1e9;
    let rate = |bytes: u64| units::bytes((bytes as f64 / second).round() as u64);
    let sums = format!(
        "processes: {}/s read, {}/s written, {}/s cancelled; lost: {}",
        rate(summary.total.disk_read_bytes),
        rate(summary.total.disk_write_bytes),
        rate(summary.total.cancelled_write_bytes),
        summary.lost
    );
    let mut lines = vec![machine, sums];
    let disks: Vec<_> = disks
        .iter()
        .take(NAMED_DEVICES)
        .map(|row| {
            let DeviceWork {
                read_bytes,
                write_bytes,
                busy_ns,
                ..
            } = row.device.work;
            format!(
                "{} {}/s read, {}/s written, {:.0}% busy",
                sanitize::name(row.device.name.as_bytes()),
                rate(read_bytes),
                rate(write_bytes),
                100.0 * busy_ns as f64 / row.interval_ns.max(1) as f64
            )
        })
        .collect();
    if !disks.is_empty() {
        lines.push(format!("devices: {}", disks.join("; ")));
    }
    let mut text = String::new();
    for line in lines {
        // All of it is ASCII, but for what a device may be called.
        text.extend(line.chars().take(width.unwrap_or(usize::MAX)));
        text.push('\n');
    }
    text.push('\n');
    text
}
