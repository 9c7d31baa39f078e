//! What block devices and ZFS pools did, and how they lie on each other.

mod counters;
mod diskstats;
mod place;
mod pools;
#[cfg(test)]
mod tests;
mod volumes;

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
};

use self::{
    counters::Counters,
    diskstats::Line,
    place::{Place, Places},
    pools::Pools,
    volumes::Volumes,
};
use crate::event::{Device, DeviceKind, DeviceWork};

/// Reads what devices did from `/proc/diskstats` (Documentation/admin-guide/iostats.rst), what
/// they are from `/sys/class/block` and `/dev/zvol`, and what ZFS pools did from
/// `/proc/spl/kstat/zfs`.
///
/// What [`DeviceWork`] counts of a pool depends on the version of OpenZFS. Until 2.0 it is what was
/// done on its disks. Since 2.3, reads are what the cache could not answer, and writes what came
/// into it. Between them, both are what was asked, if from the cache or not, and neither scrubs nor
/// snapshots are in it. Times are known until 2.0 alone.
#[derive(Debug)]
pub struct Devices {
    diskstats: PathBuf,
    places: Places,
    volumes: Volumes,
    pools: Pools,
    /// At the last look; `None` while none has succeeded.
    known: Option<HashMap<String, Known>>,
}

#[derive(Debug)]
struct Known {
    number: Option<(u32, u32)>,
    counters: Counters,
    told: bool,
}

impl Devices {
    /// Reads below `proc`, `sys` and `dev`, normally `/proc`, `/sys` and `/dev`. Takes the first
    /// look, from which the first sample counts.
    pub fn new(proc: impl AsRef<Path>, sys: impl AsRef<Path>, dev: impl AsRef<Path>) -> Self {
        let diskstats = proc.as_ref().join("diskstats");
        Self {
            known: diskstats::read(&diskstats).map(|lines| first(&lines)),
            diskstats,
            places: Places::new(sys.as_ref()),
            volumes: Volumes::new(dev.as_ref()),
            pools: Pools::new(proc.as_ref()),
        }
    }

    /// What each device did since the last look, in the order of `/proc/diskstats`, and pools.
    ///
    /// A device that did nothing is left out, but each that has a size or has ever done anything
    /// is told of once, so that whole stacks become known. One that has come since the last look
    /// counts from zero, as does one that went and came again under its name.
    pub fn sample(&mut self) -> Vec<Device> {
        let lines = diskstats::read(&self.diskstats);
        let mut devices = lines.map_or_else(Vec::new, |lines| self.blocks(lines));
        devices.extend(self.pools.sample());
        devices
    }

    fn blocks(&mut self, lines: Vec<Line>) -> Vec<Device> {
        let known = self.known.get_or_insert_with(|| first(&lines));
        let names: HashSet<_> = lines.iter().map(|line| line.name.as_str()).collect();
        // A line may be missing once, when devices go while the file is read. To take all that
        // its device ever did for the work of one interval would be quite wrong.
        known.retain(|name, _| names.contains(name.as_str()) || self.places.exists(name));

        let paths = paths(&lines);
        let mut volumes = None;
        let mut devices = Vec::new();
        for line in lines {
            let before = known.get(&line.name);
            let before = before.filter(|before| before.number == line.number);
            let work = line.counters.since(before.map(|before| &before.counters));
            let told = before.is_some_and(|before| before.told);
            let tell = work.is_any() || (!told && is_used(&line, &self.places));
            let now = Known {
                number: line.number,
                counters: line.counters,
                told: told || tell,
            };
            known.insert(line.name.clone(), now);
            if tell {
                let mut place = self.places.of(&line.name);
                match place.kind {
                    DeviceKind::Zvol => {
                        let volumes = volumes.get_or_insert_with(|| self.volumes.read());
                        place.label = volumes.get(&line.name).cloned();
                    }
                    DeviceKind::Disk => {
                        place.label = place::namespace(&line.name);
                        place
                            .below
                            .extend(paths.get(&line.name).into_iter().flatten().cloned());
                    }
                    _ => {}
                }
                devices.push(device(line, place, work));
            }
        }
        devices
    }
}

fn is_used(line: &Line, places: &Places) -> bool {
    line.counters.since(None).is_any() || places.has_size(&line.name)
}

fn first(lines: &[Line]) -> HashMap<String, Known> {
    let known = lines.iter().map(|line| {
        let known = Known {
            number: line.number,
            counters: line.counters,
            told: false,
        };
        (line.name.clone(), known)
    });
    known.collect()
}

/// Paths to NVMe namespaces, by the namespace.
fn paths(lines: &[Line]) -> HashMap<String, Vec<String>> {
    let mut paths = HashMap::<_, Vec<_>>::new();
    for line in lines {
        if let Some(namespace) = place::namespace(&line.name) {
            paths.entry(namespace).or_default().push(line.name.clone());
        }
    }
    paths
}

fn device(line: Line, place: Place, work: DeviceWork) -> Device {
    Device {
        name: line.name,
        number: line.number,
        kind: place.kind,
        label: place.label,
        below: place.below,
        work,
    }
}
