//! What ZFS pools did: `/proc/spl/kstat/zfs/POOL/`.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use super::{
    super::text,
    counters::{Counter, Counters},
};
use crate::event::{Device, DeviceKind, DeviceWork};

/// Reads what pools did.
#[derive(Debug)]
pub(super) struct Pools {
    root: PathBuf,
    /// At the last look.
    known: HashMap<String, Pool>,
}

#[derive(Debug, Default)]
struct Pool {
    /// By file: the counters of a dataset begin anew with each of its mounts, and end with it, so
    /// that a sum of them would go back without the pool being another one.
    files: HashMap<String, Counters>,
    told: bool,
}

impl Pools {
    /// Takes the first look.
    pub fn new(proc: &Path) -> Self {
        let root = proc.join("spl/kstat/zfs");
        let known = found(&root)
            .map(|(name, files)| (name, Pool { files, told: false }))
            .collect();
        Self { root, known }
    }

    /// What pools did since the last look. One is told of once even if it did nothing.
    pub fn sample(&mut self) -> Vec<Device> {
        let mut now = HashMap::new();
        let mut devices = Vec::new();
        for (name, files) in found(&self.root) {
            let before = self.known.remove(&name).unwrap_or_default();
            let mut work = DeviceWork::default();
            for (file, counters) in &files {
                work += counters.since(before.files.get(file));
            }
            if work.is_any() || !before.told {
                devices.push(device(&name, work));
            }
            now.insert(name, Pool { files, told: true });
        }
        self.known = now;
        devices
    }
}

fn device(name: &str, work: DeviceWork) -> Device {
    Device {
        name: name.to_owned(),
        number: None,
        kind: DeviceKind::Pool,
        label: None,
        // Only `zpool status` knows.
        below: Vec::new(),
        work,
    }
}

fn found(root: &Path) -> impl Iterator<Item = (String, HashMap<String, Counters>)> {
    // Files of the module itself (`arcstats`) lie beside the directories of pools.
    text::names(root).into_iter().filter_map(move |name| {
        let files = files(&root.join(&name));
        (!files.is_empty()).then_some((name, files))
    })
}

/// The best that this version of OpenZFS tells:
///
/// - until 2.0, `io`: what was done on the disks, scrubs included;
/// - since 2.3, `iostats`: reads that the cache could not answer, writes as they come into it;
/// - between, `objset-*`: what was asked of datasets and volumes, if from the cache or not.
fn files(pool: &Path) -> HashMap<String, Counters> {
    for (name, parse) in [("io", io as fn(&str) -> _), ("iostats", iostats)] {
        let counters = text::read(pool.join(name)).and_then(|text| parse(&text));
        if let Some(counters) = counters {
            return HashMap::from([(name.to_owned(), counters)]);
        }
    }
    let names = text::names(pool).into_iter();
    names
        .filter(|name| name.starts_with("objset-0x"))
        .filter_map(|name| {
            let counters = objset(&text::read(pool.join(&name))?)?;
            Some((name, counters))
        })
        .collect()
}

/// A line of titles, then one of numbers (include/os/linux/spl/sys/kstat.h, `kstat_io_t`). Times
/// are nanoseconds: `w` of requests that wait, `r` of those that run.
fn io(text: &str) -> Option<Counters> {
    let mut lines = text.lines().map(str::split_ascii_whitespace);
    let titles = lines.find(|words| words.clone().next() == Some("nread"))?;
    let values = lines.next()?;
    let values = titles.zip(values).collect::<HashMap<_, _>>();
    let value = |title| values.get(title)?.parse::<u64>().ok();
    Some(Counters {
        // `unsigned int`, unlike the bytes.
        reads: Counter::narrow(value("reads")?, 1),
        writes: Counter::narrow(value("writes")?, 1),
        read_bytes: Counter::wide(value("nread")?, 1),
        write_bytes: Counter::wide(value("nwritten")?, 1),
        busy_time: Counter::wide(value("rtime")?, 1),
        // As in diskstats, where what waits in the scheduler's queue is under way too.
        queue_time: Counter::wide(value("wlentime")?.saturating_add(value("rlentime")?), 1),
        ..Counters::default()
    })
}

/// Since 2.3 (module/zfs/spa_stats.c, `spa_iostats_read_add`); the file of older versions counts
/// only what was trimmed. `direct` is what goes past the cache.
fn iostats(text: &str) -> Option<Counters> {
    let sum = |what| {
        let arc = text::number(text, &format!("arc_{what}"), 2)?;
        let direct = text::number(text, &format!("direct_{what}"), 2).unwrap_or(0);
        Some(Counter::wide(arc.saturating_add(direct), 1))
    };
    Some(Counters {
        reads: sum("read_count")?,
        writes: sum("write_count")?,
        read_bytes: sum("read_bytes")?,
        write_bytes: sum("write_bytes")?,
        ..Counters::default()
    })
}

/// Since 0.8 (module/zfs/dataset_kstats.c). Snapshots have none.
fn objset(text: &str) -> Option<Counters> {
    let value = |name| Some(Counter::wide(text::number(text, name, 2)?, 1));
    Some(Counters {
        reads: value("reads")?,
        writes: value("writes")?,
        read_bytes: value("nread")?,
        write_bytes: value("nwritten")?,
        ..Counters::default()
    })
}
