//! What others do to the disks meanwhile.

use std::collections::BTreeMap;
use std::fs;
use std::iter;

/// What was done up to a moment.
pub struct Others {
    processes: BTreeMap<u32, Account>,
    /// Bytes that disks read, and wrote.
    of_disks: [u64; 2],
}

impl Others {
    /// Up to now.
    pub fn now() -> Self {
        Self {
            processes: accounts(),
            of_disks: of_disks(),
        }
    }

    /// Bytes since then, of these processes with all that they started, and of all others.
    pub fn since(&self, own: &[u32]) -> (u64, u64) {
        let now = Self::now();
        let (mut ours, mut others) = ([0; 2], [0; 2]);
        let parent = |pid: &u32| now.processes.get(pid).map(|one| one.parent);
        for (pid, one) in &now.processes {
            let mut line = iter::successors(Some(*pid), parent).take_while(|pid| *pid > 1);
            let is_own = line.any(|pid| own.contains(&pid));
            let sums = if is_own { &mut ours } else { &mut others };
            let earlier = self.processes.get(pid).map_or([0; 2], |one| one.bytes);
            for (sum, (now, earlier)) in sums.iter_mut().zip(one.bytes.into_iter().zip(earlier)) {
                *sum += now.saturating_sub(earlier);
            }
        }
        let [read, written] = [0, 1].map(|at| now.of_disks[at] - self.of_disks[at]);
        // Processes that have ended have no account any more, and what became dirty before is
        // written now. File systems write more than they are told to.
        let more = read.saturating_sub(ours[0]) + written.saturating_sub(5 * ours[1]);
        let others: u64 = others.iter().sum();
        (ours.iter().sum(), others.max(more))
    }
}

/// What a process did so far.
struct Account {
    parent: u32,
    /// Read, and written.
    bytes: [u64; 2],
}

/// All processes.
fn accounts() -> BTreeMap<u32, Account> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let of = |pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, stat) = stat.rsplit_once(") ")?;
        let parent = stat.split(' ').nth(1)?.parse().ok()?;
        let text = fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line?.parse().ok()
        };
        let bytes = [value("read_bytes: ")?, value("write_bytes: ")?];
        Some((pid, Account { parent, bytes }))
    };
    ids.filter_map(of).collect()
}

/// Bytes that all disks read and wrote so far.
fn of_disks() -> [u64; 2] {
    let disks = fs::read_dir("/sys/block").into_iter().flatten().flatten();
    let disks = disks.map(|disk| disk.path());
    // Others lie on these.
    let disks = disks.filter(|disk| disk.join("device").exists());
    let mut sums = [0; 2];
    for disk in disks {
        let stat = fs::read_to_string(disk.join("stat")).unwrap_or_default();
        let numbers = stat.split_whitespace().map(|number| number.parse::<u64>());
        let numbers: Vec<u64> = numbers.map(Result::unwrap_or_default).collect();
        // Sectors of 512 bytes (Documentation/block/stat.rst).
        for (sum, at) in sums.iter_mut().zip([2, 6]) {
            *sum += numbers.get(at).copied().unwrap_or(0) * 512;
        }
    }
    sums
}
