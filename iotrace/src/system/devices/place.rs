//! What a block device is, and on what it lies: `/sys/class/block`
//! (Documentation/ABI/stable/sysfs-block).

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::super::text;
use crate::event::DeviceKind;

/// See [`crate::event::Device`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub kind: DeviceKind,
    pub label: Option<String>,
    pub below: Vec<String>,
}

/// Looks places up.
#[derive(Debug)]
pub(super) struct Places {
    class: PathBuf,
}

impl Places {
    pub fn new(sys: &Path) -> Self {
        Self {
            class: sys.join("class/block"),
        }
    }

    /// Whether the device is there.
    pub fn exists(&self, name: &str) -> bool {
        self.dir(name).exists()
    }

    /// Whether there is anything to read or write, as is not so of an unused loop device.
    pub fn has_size(&self, name: &str) -> bool {
        let size = text::line(self.dir(name).join("size"));
        size.is_some_and(|size| size != "0")
    }

    /// What a device is. It is read each time, for a loop device gets another file, and a mapping
    /// another table, without becoming another device.
    pub fn of(&self, name: &str) -> Place {
        let dir = self.dir(name);
        if dir.join("partition").exists() {
            return Place {
                kind: DeviceKind::Partition,
                label: None,
                below: self.whole(name).into_iter().collect(),
            };
        }
        let kind = kind(name, &dir);
        Place {
            kind,
            label: match kind {
                DeviceKind::Mapper => text::line(dir.join("dm/name")),
                DeviceKind::Loop => text::line(dir.join("loop/backing_file")),
                _ => None,
            },
            // Also of what is no md and no dm: bcache and drbd have them too.
            below: names(dir.join("slaves")),
        }
    }

    /// The device of which `name` is a partition: its directory lies in that of the whole.
    fn whole(&self, name: &str) -> Option<String> {
        let target = fs::read_link(self.dir(name)).ok()?;
        let parent = target.parent()?.file_name()?.to_str()?;
        Some(from_sysfs(parent))
    }

    fn dir(&self, name: &str) -> PathBuf {
        // As kobject_set_name_vargs does, for names like `cciss/c0d0`.
        self.class.join(name.replace('/', "!"))
    }
}

fn kind(name: &str, dir: &Path) -> DeviceKind {
    // By name too: a loop device without a file has no such directory, and where /sys is hidden
    // nothing has.
    let numbered = |prefix| {
        let number = name.strip_prefix(prefix);
        number.is_some_and(|digits| {
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    let has = |part| dir.join(part).is_dir();
    if has("md") || numbered("md") {
        DeviceKind::Raid
    } else if has("dm") || numbered("dm-") {
        DeviceKind::Mapper
    } else if has("loop") || numbered("loop") {
        DeviceKind::Loop
    } else if numbered("zd") {
        DeviceKind::Zvol
    } else if numbered("ram") || numbered("zram") {
        DeviceKind::Memory
    } else {
        DeviceKind::Disk
    }
}

fn names(dir: PathBuf) -> Vec<String> {
    text::names(dir)
        .iter()
        .map(|name| from_sysfs(name))
        .collect()
}

fn from_sysfs(name: &str) -> String {
    name.replace('!', "/")
}

/// The NVMe namespace to which a device is one of several paths: `nvme0n1` of `nvme0c1n1`
/// (drivers/nvme/host/multipath.c, `nvme_mpath_set_disk_name`). Both have lines in
/// `/proc/diskstats`. The paths do the work, and before 6.2 only they count it.
pub(super) fn namespace(name: &str) -> Option<String> {
    let (subsystem, rest) = split_number(name.strip_prefix("nvme")?)?;
    let (_, rest) = split_number(rest.strip_prefix('c')?)?;
    let (namespace, rest) = split_number(rest.strip_prefix('n')?)?;
    rest.is_empty()
        .then(|| format!("nvme{subsystem}n{namespace}"))
}

fn split_number(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit());
    let (number, rest) = text.split_at(end.unwrap_or(text.len()));
    (!number.is_empty()).then_some((number, rest))
}
