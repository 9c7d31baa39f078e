//! Memory that is moved to the disk and back.

use super::{Finding, percent, rate};
use crate::commands::diagnose::picture::{Picture, share};

/// Less in a second does no harm.
const LEAST_RATE: f64 = 1024.0 * 1024.0;

/// Swapping, if the devices are busy with it.
pub fn find(picture: &Picture) -> Option<Finding> {
    let system = &picture.evidence.system;
    // What swaps to memory does not use the disks.
    let (read, written) = picture.in_memory();
    let swapped_in = system.swap_in_bytes.saturating_sub(read);
    let swapped_out = system.swap_out_bytes.saturating_sub(written);
    let swapped = swapped_in.saturating_add(swapped_out);
    if picture.rate(swapped) < LEAST_RATE {
        return None;
    }
    let weight = share(swapped, picture.disk_bytes());
    let mut evidence = vec![format!(
        "{} read from swap, {} written to it",
        rate(picture, swapped_in),
        rate(picture, swapped_out)
    )];
    if let Some(pressure) = system.memory_some() {
        evidence.push(format!(
            "tasks waited for memory {} of the time",
            percent(pressure)
        ));
    }
    Some(Finding {
        cause: "swap".to_owned(),
        tier: 0,
        weight,
        certainty: 0.95,
        sentence: format!(
            "The system is short of memory and swaps: {} in, {} out, {} of all disk I/O.",
            rate(picture, swapped_in),
            rate(picture, swapped_out),
            percent(weight)
        ),
        evidence,
        next: vec![
            "ps -eo pid,rss,vsz,args --sort=-rss | head".to_owned(),
            "free -m".to_owned(),
        ],
        ..Finding::default()
    })
}
