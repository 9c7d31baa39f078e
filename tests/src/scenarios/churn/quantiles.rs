//! What a pattern says of lifetimes, against the lives themselves.

use std::os::unix::ffi::OsStrExt;

use anyhow::{Context as _, Result, ensure};

use crate::harness::{Life, Lives, Pattern};

/// Half of the files lived at most as long as the pattern says, and are told in order.
pub fn are_right(seen: &Lives, pattern: &Pattern) -> Result<()> {
    let ends = seen.lives.iter().map(Life::ended_ns);
    let ends: Vec<u64> = ends.collect::<Result<_>>()?;
    ensure!(ends.is_sorted(), "lives are not told as they ended");
    let lives = seen.lives.iter().filter_map(|life| life.lifetime_ns);
    let mut lives: Vec<u64> = lives.collect();
    lives.sort_unstable();
    for (part, told) in [
        (0.5, pattern.lifetime_p50_ns),
        (0.95, pattern.lifetime_p95_ns),
    ] {
        let told = told.context("no quantile")? as f64;
        let rank = (lives.len() as f64 * part).ceil() as usize - 1;
        let real = *lives.get(rank).context("no life")? as f64;
        // To 3 %.
        ensure!(
            (real * 0.969..=real * 1.032).contains(&told),
            "quantile {part} is {real}, not {told}"
        );
    }
    let (first, last) = (lives.first(), lives.last());
    println!(
        "     lives from {first:?} to {last:?} ns, half up to {:?}; name {}",
        pattern.lifetime_p50_ns,
        String::from_utf8_lossy(pattern.name().unwrap_or_default().as_bytes())
    );
    Ok(())
}
