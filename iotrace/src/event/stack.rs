//! How devices lie on each other.

use std::collections::{HashMap, HashSet};

use super::{Device, DeviceKind};

/// What devices told of themselves, from which it follows which of them count the same bytes.
///
/// A device is told of only when it did something, or for the first time. So one stack is kept for
/// as long as devices are told of, and learns from each.
#[derive(Clone, Debug, Default)]
pub struct Stack {
    known: HashMap<String, Level>,
}

#[derive(Clone, Debug)]
struct Level {
    kind: DeviceKind,
    below: Vec<String>,
}

impl Stack {
    /// Takes note of a device, in place of what it told before. Pools are left out: nothing is
    /// known of how they lie, and their names may be those of devices.
    pub fn learn(&mut self, device: &Device) {
        if device.kind == DeviceKind::Pool {
            return;
        }
        let level = Level {
            kind: device.kind,
            below: device.below.clone(),
        };
        self.known.insert(device.name.clone(), level);
    }

    /// Whether the device lies on no other one: the work of all such devices can be added up, and
    /// no byte counts twice. The others (partitions, arrays, mappings, loops, volumes, pools) do
    /// their work on these, except that memory does it on none.
    pub fn is_bottom(&self, name: &str) -> bool {
        // Also a disk may lie on others: bcache, or a namespace of NVMe on its paths.
        self.known.get(name).is_some_and(|level| {
            level.kind == DeviceKind::Disk
                && !level.below.iter().any(|name| self.known.contains_key(name))
        })
    }

    /// Names of the disks that carry a device, through all that lies between, each once; its own
    /// name for one at the bottom. What a device lies on counts as a disk while it has not told
    /// what it is. Empty when none is known, as of volumes of ZFS, of a file behind a loop device,
    /// and of memory.
    pub fn disks<'a>(&'a self, name: &'a str) -> Vec<&'a str> {
        let mut disks = Vec::new();
        let mut seen = HashSet::new();
        let mut next = Vec::new();
        if self.known.contains_key(name) {
            next.push(name);
        }
        while let Some(name) = next.pop() {
            // Devices that lie on each other in a circle are made by no system, but a recording
            // may have them.
            if !seen.insert(name) {
                continue;
            }
            match self.known.get(name) {
                Some(level) if !self.is_bottom(name) => {
                    next.extend(level.below.iter().rev().map(String::as_str));
                }
                _ => disks.push(name),
            }
        }
        disks
    }
}

#[cfg(test)]
impl Stack {
    /// Those of `devices`, all of which it has learnt, that are at the bottom, in their order.
    pub fn bottom<'a>(&self, devices: &'a [Device]) -> Vec<&'a Device> {
        let devices = devices.iter();
        devices
            .filter(|device| device.kind == DeviceKind::Disk && self.is_bottom(&device.name))
            .collect()
    }
}

#[cfg(test)]
impl<'a> FromIterator<&'a Device> for Stack {
    fn from_iter<T: IntoIterator<Item = &'a Device>>(devices: T) -> Self {
        let mut stack = Self::default();
        devices.into_iter().for_each(|device| stack.learn(device));
        stack
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::DeviceWork;

    fn device(name: &str, kind: DeviceKind, below: &[&str]) -> Device {
        Device {
            name: name.to_owned(),
            number: None,
            kind,
            label: None,
            below: below.iter().map(ToString::to_string).collect(),
            work: DeviceWork::default(),
        }
    }

    fn names<'a>(devices: &[&'a Device]) -> Vec<&'a str> {
        devices.iter().map(|device| device.name.as_str()).collect()
    }

    #[test]
    fn lvm_on_md_on_partitions_on_disks() {
        let devices = [
            device("sda", DeviceKind::Disk, &[]),
            device("sda1", DeviceKind::Partition, &["sda"]),
            device("sdb", DeviceKind::Disk, &[]),
            device("sdb1", DeviceKind::Partition, &["sdb"]),
            device("md0", DeviceKind::Raid, &["sda1", "sdb1"]),
            device("dm-0", DeviceKind::Mapper, &["md0"]),
            device("dm-1", DeviceKind::Mapper, &["md0", "dm-0"]),
        ];
        let stack = Stack::from_iter(&devices);
        assert_eq!(names(&stack.bottom(&devices)), ["sda", "sdb"]);
        assert_eq!(stack.disks("dm-1"), ["sda", "sdb"]);
        assert_eq!(stack.disks("sdb1"), ["sdb"]);
        assert_eq!(stack.disks("sda"), ["sda"]);
    }

    #[test]
    fn what_is_known_of_no_disk() {
        let devices = [
            device("loop0", DeviceKind::Loop, &[]),
            device("loop0p1", DeviceKind::Partition, &["loop0"]),
            device("zd16", DeviceKind::Zvol, &[]),
            device("zram0", DeviceKind::Memory, &[]),
            device("rpool", DeviceKind::Pool, &[]),
        ];
        let stack = Stack::from_iter(&devices);
        assert!(stack.bottom(&devices).is_empty());
        for device in &devices {
            assert!(stack.disks(&device.name).is_empty(), "{}", device.name);
        }
        assert!(stack.disks("never heard of").is_empty());
    }

    #[test]
    fn paths_count_in_place_of_their_namespace() {
        let devices = [
            device("nvme0c0n1", DeviceKind::Disk, &[]),
            device("nvme0c1n1", DeviceKind::Disk, &[]),
            device("nvme0n1", DeviceKind::Disk, &["nvme0c0n1", "nvme0c1n1"]),
            device("nvme0n1p1", DeviceKind::Partition, &["nvme0n1"]),
        ];
        let stack = Stack::from_iter(&devices);
        assert_eq!(names(&stack.bottom(&devices)), ["nvme0c0n1", "nvme0c1n1"]);
        assert_eq!(stack.disks("nvme0n1p1"), ["nvme0c0n1", "nvme0c1n1"]);
        // Where the paths do not count, the namespace does.
        let devices = &devices[2..];
        let stack = Stack::from_iter(devices);
        assert_eq!(names(&stack.bottom(devices)), ["nvme0n1"]);
    }

    #[test]
    fn it_is_learnt_bit_by_bit() {
        let mut stack = Stack::default();
        stack.learn(&device("dm-0", DeviceKind::Mapper, &["sda2"]));
        assert_eq!(stack.disks("dm-0"), ["sda2"]);
        stack.learn(&device("sda2", DeviceKind::Partition, &["sda"]));
        assert_eq!(stack.disks("dm-0"), ["sda"]);
        // pvmove
        stack.learn(&device("dm-0", DeviceKind::Mapper, &["sdb"]));
        assert_eq!(stack.disks("dm-0"), ["sdb"]);
    }

    #[test]
    fn circles_end() {
        let devices = [
            device("dm-0", DeviceKind::Mapper, &["dm-1", "dm-0"]),
            device("dm-1", DeviceKind::Mapper, &["dm-0", "sda"]),
            device("sda", DeviceKind::Disk, &[]),
            device("sdb", DeviceKind::Disk, &["sdb"]),
        ];
        let stack = Stack::from_iter(&devices);
        assert_eq!(stack.disks("dm-0"), ["sda"]);
        assert!(stack.disks("sdb").is_empty());
    }

    #[test]
    fn a_pool_takes_no_name_from_a_disk() {
        let devices = [
            device("sda", DeviceKind::Disk, &[]),
            device("sda", DeviceKind::Pool, &[]),
        ];
        let stack = Stack::from_iter(&devices);
        let bottom = stack.bottom(&devices);
        assert_eq!(bottom.len(), 1);
        assert_eq!(bottom[0].kind, DeviceKind::Disk);
    }
}
