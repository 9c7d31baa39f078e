//! `top --cache`: what operations move between the page cache and storage, against what the kernel
//! counts for the thread itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use nix::sys::statfs::{EXT4_SUPER_MAGIC, statfs};

use super::Scenario;
use super::paths::gaps::Here;
use super::paths::places::Mounted;
use super::paths::trace;
use crate::counts::{Extra, Moved, compare};
use crate::harness::{Context, Rows, Skip, Workload, plain};
use crate::work::{CACHED_LENGTH, CachedPart, CachedReport};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "cache_use_by_way",
        proves: "`top --cache`: what reads, writes, O_DIRECT, sendfile and copy_file_range fetch and \
                 make dirty is, by thread and file, what the kernel counts for the thread; of a file \
                 in the page cache it is 0",
        run: on_disk,
    },
    Scenario {
        name: "cache_use_in_memory",
        proves: "nothing is fetched from storage where there is none",
        run: in_memory,
    },
    Scenario {
        name: "cache_use_of_mappings",
        proves: "`top --cache --mmap` tells what page faults fetch of a mapped file",
        run: mapped,
    },
    Scenario {
        name: "cache_use_unasked",
        proves: "without --cache no row tells of it",
        run: unasked,
    },
];

/// What the kernel may read of a file system to find the file's blocks.
const SLACK: u64 = 256 << 10;

/// By thread and file.
type Sums = BTreeMap<(u32, PathBuf), Moved>;

fn on_disk(context: &Context) -> Result<()> {
    let dir = context.make_dir("disk")?;
    let (report, seen, _) = watch(context, &dir, &["--cache"], &[])?;
    for part in &report.parts {
        amount(part, is_ext4(&dir)?).with_context(|| part.way.clone())?;
    }
    compare(&done(&report), &sums(&report, &dir, &seen))?;
    cold(&report)
}

/// How much a way must have moved, as far as that is known. In `extra` is what the kernel counted.
fn amount(part: &CachedPart, is_ext4: bool) -> Result<()> {
    let Moved { counts, extra } = part.moved;
    let fetched = extra.fetched_bytes.unwrap_or(0);
    let dirtied = extra.dirtied_bytes.unwrap_or(0);
    if part.cold {
        let range = CACHED_LENGTH..=CACHED_LENGTH + SLACK;
        ensure!(range.contains(&fetched), "cold, but {fetched} were fetched");
    }
    let bytes = counts.read_bytes + counts.write_bytes;
    let (fetches, dirties) = match part.way.as_str() {
        "again" => (Some(0), Some(0)),
        "write" if is_ext4 => (None, Some(bytes)),
        "direct_read" => (Some(bytes), Some(0)),
        "direct_write" => (None, Some(bytes)),
        "sendfile" | "copy_file_range" if is_ext4 => (None, Some(counts.write_bytes)),
        _ => (None, None),
    };
    ensure!(
        fetches.is_none_or(|bytes| bytes == fetched),
        "{fetched} of {fetches:?} were fetched"
    );
    ensure!(
        dirties.is_none_or(|bytes| bytes == dirtied),
        "{dirtied} of {dirties:?} became dirty"
    );
    Ok(())
}

fn in_memory(context: &Context) -> Result<()> {
    Skip::unless_root("nothing can be mounted")?;
    let tmpfs = Mounted::tmpfs(context, "memory")?;
    let (report, seen, _) = watch(context, tmpfs.path(), &["--cache"], &[])?;
    let sums = sums(&report, tmpfs.path(), &seen);
    compare(&done(&report), &sums)?;
    let fetched = |moved: &Moved| moved.extra.fetched_bytes;
    ensure!(
        sums.values().all(|moved| fetched(moved) == Some(0)),
        "fetched from memory: {sums:?}"
    );
    Ok(())
}

fn mapped(context: &Context) -> Result<()> {
    let dir = context.make_dir("mapped")?;
    let options = ["--cache", "--mmap"];
    let (report, seen, here) = watch(context, &dir, &options, &["--mapped"])?;
    if here.is_gap("mapped")? {
        return Skip::because("mapped files are not seen");
    }
    cold(&report)?;
    let sums = sums(&report, &dir, &seen);
    for part in &report.parts {
        let told = sums.get(&(part.tid, part.path.clone()));
        let fetched = told.and_then(|moved| moved.extra.fetched_bytes);
        let most = part.moved.extra.fetched_bytes.unwrap_or(0);
        println!("     fetched {fetched:?} of {most}");
        ensure!(
            fetched.is_some_and(|bytes| (CACHED_LENGTH..=most).contains(&bytes)),
            "{fetched:?} fetched of {CACHED_LENGTH}, the thread {most}: {told:?}"
        );
    }
    Ok(())
}

fn unasked(context: &Context) -> Result<()> {
    let dir = context.make_dir("disk")?;
    let (report, seen, _) = watch(context, &dir, &[], &[])?;
    let mut expected = done(&report);
    for moved in expected.values_mut() {
        moved.extra = Extra::default();
    }
    compare(&expected, &sums(&report, &dir, &seen))
}

/// Nothing was proved of reads from storage where all stays in the page cache.
fn cold(report: &CachedReport) -> Result<()> {
    match &report.warm {
        Some(why) => Skip::because(why.clone()),
        None => Ok(()),
    }
}

fn watch(
    context: &Context,
    dir: &Path,
    top: &[&str],
    work: &[&str],
) -> Result<(CachedReport, Rows, Here)> {
    let arguments = [&["cached", "--dir", plain(dir)?], work].concat();
    let workload = Workload::start(context, &arguments)?;
    let pid = workload.pid().to_string();
    trace(context, workload, &[&["-p", &pid, "0.2"], top].concat())
}

fn done(report: &CachedReport) -> Sums {
    let mut sums = Sums::new();
    for part in &report.parts {
        *sums.entry((part.tid, part.path.clone())).or_default() += part.moved;
    }
    sums
}

/// Of the files of the workload; it reads the kernel's account too.
fn sums(report: &CachedReport, dir: &Path, seen: &Rows) -> Sums {
    let mut sums = Sums::new();
    for row in seen.rows.iter().filter(|row| row.pid == Some(report.pid)) {
        if let (Some(tid), Some(path)) = (row.tid, row.path())
            && path.starts_with(dir)
        {
            *sums.entry((tid, path)).or_default() += row.moved();
        }
    }
    sums
}

fn is_ext4(dir: &Path) -> Result<bool> {
    Ok(statfs(dir)?.filesystem_type() == EXT4_SUPER_MAGIC)
}
