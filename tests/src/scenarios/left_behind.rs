//! What a tracer that is killed leaves in the kernel.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;

use super::Scenario;
use crate::bpf::Objects;
use crate::harness::{Context, OF_OTHERS, Rows, SOON, Skip, Tracer};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "nothing_left_behind_after_kill",
        proves: "`kill -9` in the middle leaves no program, map, link, pin or mount",
        run: |context| after(context, Signal::SIGKILL),
    },
    Scenario {
        name: "nothing_left_behind_after_ctrl_c",
        proves: "Ctrl-C leaves no program, map, link, pin or mount",
        run: |context| after(context, Signal::SIGINT),
    },
];

fn after(context: &Context, signal: Signal) -> Result<()> {
    Skip::unless_root("bpf(2) does not list ids")?;
    let places = places()?;
    let before = Objects::now()?;
    let tracer = Tracer::start(context, "top", &["0.1"], Rows::allowing(OF_OTHERS))?;
    tracer.wait_until("tick", |seen| !seen.ticks.is_empty())?;
    let own = Objects::now()?.since(&before);
    ensure!(
        !own.programs.is_empty() && !own.maps.is_empty() && !own.links.is_empty(),
        "while it runs there must be more of each, but new are only: {own}"
    );
    match signal {
        Signal::SIGKILL => drop(tracer),
        _ => tracer.stop().map(drop)?,
    }

    own.wait_until_gone(SOON)
        .with_context(|| format!("after {signal}"))?;
    let now = self::places()?;
    ensure!(
        now == places,
        "mounts and pins were {places:?} and are {now:?}"
    );
    Ok(())
}

/// Everything mounted, and everything pinned where pins usually are.
pub fn places() -> Result<BTreeSet<String>> {
    let mounts = fs::read_to_string("/proc/self/mounts").context("mounts")?;
    let mut places: BTreeSet<String> = mounts.lines().map(str::to_owned).collect();
    if let Ok(pins) = fs::read_dir("/sys/fs/bpf") {
        for pin in pins {
            places.insert(pin?.path().display().to_string());
        }
    }
    Ok(places)
}
