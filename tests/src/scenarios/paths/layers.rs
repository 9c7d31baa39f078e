//! Overlays: each byte once, for the file that the process named.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::judge::{AllFiles, judge};
use super::places::Mounted;
use super::{COPIES, go, or_untried, watch};
use crate::counts::{Moved, compare};
use crate::harness::{Context, Skip};
use crate::scenarios::Scenario;

pub const OVERLAY: Scenario = Scenario {
    name: "paths_overlay",
    proves: "on an overlay every byte counts once, under the merged path",
    run: |context| {
        let overlay = mounted(context)?;
        let ways = [&["plain", "vectors", "direct", "uring", "aio"], COPIES].concat();
        go(context, overlay.path(), "/overlay", &ways, &[], &[])
    },
};

pub const COPIED_UP: Scenario = Scenario {
    name: "paths_overlay_mapped",
    proves: "a file of an overlay that is mapped counts once, and so does one that lies below",
    run: |context| {
        let overlay = mounted(context)?;
        let ways = ["mapped_reads", "mapped_writes", "copied_up"];
        go(context, overlay.path(), "/overlay", &ways, &["--mmap"], &[])
    },
};

pub const LAYERS: Scenario = Scenario {
    name: "paths_overlay_layers",
    proves: "`top --layers` shows what an overlay reads and writes below, as rows of their own",
    run: layers,
};

/// An overlay, below which lies what the workload will write to.
fn mounted(context: &Context) -> Result<Mounted> {
    Skip::unless_root("nothing can be mounted")?;
    let below = context.dir().join("lower/copied_up");
    fs::create_dir_all(&below)?;
    for place in ["1-0", "4-0", "4-1", "4-2", "4-3"] {
        fs::write(below.join(format!("{place}-below")), [b'o'; 50_021])?;
    }
    or_untried("plain/overlay", Mounted::overlay(context, "merged"))
}

fn layers(context: &Context) -> Result<()> {
    let overlay = mounted(context)?;
    let (report, mut seen, here) = watch(context, overlay.path(), &["plain"], &["--layers"], &[])?;
    let (lower, own) = seen.rows.drain(..).partition(|row| row.layer.is_some());
    seen.rows = lower;
    judge(context.dir(), &here, "/layers", &report, &own, AllFiles::No)?;

    let mut done = BTreeMap::new();
    for part in &report.done {
        let key = (Some(part.pid), part.tid, in_layer(&part.path)?);
        *done.entry(key).or_insert(Moved::default()) += bytes(part.moved);
    }
    let mut below = BTreeMap::new();
    for row in &seen.rows {
        ensure!(row.layer.as_deref() == Some("lower"), "layer: {row:?}");
        let path = row.path().with_context(|| format!("no path: {row:?}"))?;
        // Other processes may use another overlay or loop device.
        if row.pid.is_some_and(|pid| report.pids.contains(&pid)) {
            let name = in_layer(&path)?;
            // Before 6.5 the kernel gives the file below the merged path, but not its inode.
            let upper = fs::metadata(context.dir().join("upper").join(&name))?;
            ensure!(row.ino == Some(upper.ino()), "not the upper file: {row:?}");
            let key = (row.pid, row.tid, name);
            *below.entry(key).or_insert(Moved::default()) += bytes(row.moved());
        }
    }
    let figure = |sums: &BTreeMap<_, Moved>| sums.values().copied().sum::<Moved>().figure();
    let figures = || format!("{}/{}", figure(&below), figure(&done));
    if here.is_gap("layers")? {
        ensure!(
            seen.rows.is_empty(),
            "named as not seen, but reported: {:?}",
            seen.rows
        );
        println!("accuracy: plain/below {} gap", figures());
        return Ok(());
    }
    let compared = compare(&done, &below).context("below");
    if compared.is_ok() || figure(&below) != figure(&done) {
        println!("accuracy: plain/below {}", figures());
    }
    compared
}

/// Without where the layer is: the overlay has a mount of its own for it, in which no process is.
fn in_layer(path: &Path) -> Result<PathBuf> {
    let name = path.file_name().context("no name")?;
    let dir = path
        .parent()
        .and_then(Path::file_name)
        .context("no directory")?;
    Ok(Path::new(dir).join(name))
}

/// Only these are the same below: one call may be several there.
fn bytes(mut moved: Moved) -> Moved {
    moved.counts.reads = 0;
    moved.counts.writes = 0;
    moved
}
