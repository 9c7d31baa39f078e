//! What block devices did.

use std::ops::AddAssign;

/// A block device, or a pool of them, in an interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Name as in `/proc/diskstats`, or of the pool.
    pub name: String,
    /// Device number; `None` of a pool, and of one of several paths to an NVMe namespace
    /// (`nvme0c1n1`).
    pub number: Option<(u32, u32)>,
    /// What it is.
    pub kind: DeviceKind,
    /// What people call it: the name of a mapping, the file behind a loop (which may end in
    /// ` (deleted)`), the volume of a pool, the namespace to which it is a path.
    pub label: Option<String>,
    /// Names of the devices that carry it, if it is none by itself and they are known. See
    /// [`Stack`](super::Stack).
    pub below: Vec<String>,
    /// What it did.
    pub work: DeviceWork,
}

/// Kind of a [`Device`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeviceKind {
    /// By itself, as far as this system knows.
    Disk,
    /// A part of another one.
    Partition,
    /// Made of several by md.
    Raid,
    /// Made by the device mapper: LVM, encryption, multipath.
    Mapper,
    /// A file as a device.
    Loop,
    /// A volume of a ZFS pool.
    Zvol,
    /// A ZFS pool.
    Pool,
    /// In memory (ram, zram).
    Memory,
}

impl DeviceKind {
    const ALL: [(Self, &str); 8] = [
        (Self::Disk, "disk"),
        (Self::Partition, "partition"),
        (Self::Raid, "raid"),
        (Self::Mapper, "mapper"),
        (Self::Loop, "loop"),
        (Self::Zvol, "zvol"),
        (Self::Pool, "pool"),
        (Self::Memory, "memory"),
    ];

    /// In NDJSON.
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(kind, _)| *kind == self);
        found.map_or("", |(_, name)| name)
    }

    /// From NDJSON.
    pub fn from_name(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, one)| *one == name);
        found.map(|(kind, _)| *kind)
    }
}

/// The counters of `/proc/diskstats` (Documentation/admin-guide/iostats.rst), in an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceWork {
    /// Reads completed.
    pub reads: u64,
    /// Writes completed.
    pub writes: u64,
    /// Flushes completed; 0 before 5.5.
    pub flushes: u64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub write_bytes: u64,
    /// Sum of the times that reads took, nanoseconds.
    pub read_ns: u64,
    /// Sum of the times that writes took, nanoseconds.
    pub write_ns: u64,
    /// Time with anything under way, nanoseconds.
    pub busy_ns: u64,
    /// Sum over time of how much was under way, nanoseconds.
    pub queue_ns: u64,
}

impl DeviceWork {
    /// Bytes in both directions.
    pub fn bytes(&self) -> u64 {
        self.read_bytes.saturating_add(self.write_bytes)
    }

    /// Whether there is anything.
    pub fn is_any(&self) -> bool {
        *self != Self::default()
    }
}

impl AddAssign for DeviceWork {
    fn add_assign(&mut self, other: Self) {
        for (sum, more) in [
            (&mut self.reads, other.reads),
            (&mut self.writes, other.writes),
            (&mut self.flushes, other.flushes),
            (&mut self.read_bytes, other.read_bytes),
            (&mut self.write_bytes, other.write_bytes),
            (&mut self.read_ns, other.read_ns),
            (&mut self.write_ns, other.write_ns),
            (&mut self.busy_ns, other.busy_ns),
            (&mut self.queue_ns, other.queue_ns),
        ] {
            *sum = sum.saturating_add(more);
        }
    }
}
