//! How the whole system fares, and what it does on its own account.

/// The system in an interval.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct System {
    /// Share of the time in which some task waited for I/O, 0 to 1 (`/proc/pressure/io`); `None`
    /// when the kernel does not tell.
    pub io_some: Option<f64>,
    /// Share of the time in which all that had work to do waited for I/O.
    pub io_full: Option<f64>,
    /// Share of the time in which some task waited for memory.
    pub memory_some: Option<f64>,
    /// Share of its time that each CPU waited for I/O, in order of their numbers; CPUs that are
    /// off or have just come are left out.
    pub iowait: Vec<f64>,
    /// Bytes read from swap, which may lie in memory (zram).
    pub swap_in_bytes: Option<u64>,
    /// Bytes written to swap.
    pub swap_out_bytes: Option<u64>,
    /// Bytes that wait to be written to storage.
    pub dirty_bytes: Option<u64>,
    /// Bytes that are being written.
    pub writeback_bytes: Option<u64>,
}

/// Work of the system of which not a process but its state tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Work {
    /// What tells: `md`, `btrfs`, `zfs`, `lock`.
    pub kind: WorkKind,
    /// What it is about: the array, the file system, the pool, the lock file.
    pub name: String,
    /// What is done there: `resync`, `check`, `balance`, `scrub`, `held`. Of what only waits, that
    /// it does: `delayed`, `balance paused`.
    pub state: String,
    /// Share that is done, 0 to 1, when known.
    pub done: Option<f64>,
    /// The process that holds the lock, when known.
    pub pid: Option<u32>,
}

/// See [`Work`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WorkKind {
    /// An array of md is checked, synchronised, reshaped (`/sys/block/md*/md/sync_action`).
    Md,
    /// An exclusive operation of btrfs (`/sys/fs/btrfs/*/exclusive_operation`).
    Btrfs,
    /// A scan of a ZFS pool.
    Zfs,
    /// A lock file is held (`/proc/locks`).
    Lock,
}

impl WorkKind {
    const ALL: [(Self, &str); 4] = [
        (Self::Md, "md"),
        (Self::Btrfs, "btrfs"),
        (Self::Zfs, "zfs"),
        (Self::Lock, "lock"),
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
