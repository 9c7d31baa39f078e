//! Memory that is moved to the disk and back.

use super::{Finding, percent, rate};
use crate::commands::diagnose::picture::{Picture, share, total};

/// Less in a second does no harm.
const LEAST_RATE: f64 = 1024.0 * 1024.0;

/// Swapping, if the devices are busy with it.
pub fn find(picture: &Picture) -> Option<Finding> {
    let systems = &picture.evidence.systems;
    let swapped_in = total(systems.iter().filter_map(|system| system.swap_in_bytes));
    let swapped_out = total(systems.iter().filter_map(|system| system.swap_out_bytes));
    let swapped = swapped_in.saturating_add(swapped_out);
    if picture.rate(swapped) < LEAST_RATE {
        return None;
    }
    let weight = share(swapped, picture.disk_bytes());
    let pressure: Vec<f64> = systems
        .iter()
        .filter_map(|system| system.memory_some)
        .collect();
    let mut evidence = vec![format!(
        "{} read from swap, {} written to it",
        rate(picture, swapped_in),
        rate(picture, swapped_out)
    )];
    if !pressure.is_empty() {
        let mean = pressure.iter().sum::<f64>() / pressure.len() as f64;
        evidence.push(format!(
            "tasks waited for memory {} of the time",
            percent(mean)
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
