//! What a process has of the machine, as /proc tells it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

/// At one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    name: &'static str,
    /// Memory.
    pub resident_kib: u64,
    /// The most that this ever was.
    pub most_resident_kib: u64,
    threads: u64,
    fds: u64,
    /// Of BPF maps that the process holds.
    pub maps_kib: u64,
}

impl Usage {
    /// Over the lines.
    pub const HEADINGS: &str = "SECONDS NAME   RSS_KIB THREADS   FDS MAPS_KIB";

    /// Of a process.
    pub fn of(name: &'static str, pid: u32) -> Result<Self> {
        let process = Path::new("/proc").join(pid.to_string());
        let status = fs::read_to_string(process.join("status"))?;
        let number = |key| field(&status, key).with_context(|| format!("no {key} in {status}"));
        let mut usage = Self {
            name,
            resident_kib: number("VmRSS:")?,
            most_resident_kib: number("VmHWM:")?,
            threads: number("Threads:")?,
            fds: 0,
            maps_kib: 0,
        };
        for entry in fs::read_dir(process.join("fdinfo"))? {
            usage.fds += 1;
            // It may have been closed meanwhile.
            let info = fs::read_to_string(entry?.path()).unwrap_or_default();
            if field(&info, "map_id:").is_some() {
                usage.maps_kib += field(&info, "memlock:").unwrap_or(0) / 1024;
            }
        }
        Ok(usage)
    }

    /// A line of the table.
    pub fn line(&self, at: Duration) -> String {
        format!(
            "{:>7} {:<6} {:>7} {:>7} {:>5} {:>8}",
            at.as_secs(),
            self.name,
            self.resident_kib,
            self.threads,
            self.fds,
            self.maps_kib
        )
    }

    /// Fails when it has grown: memory by more than that, anything else at all.
    pub fn not_above(&self, earlier: &Self, more_kib: u64) -> Result<()> {
        ensure!(
            self.resident_kib <= earlier.resident_kib + more_kib
                && self.fds <= earlier.fds
                && self.threads <= earlier.threads
                && self.maps_kib <= earlier.maps_kib,
            "{} grew: warm {earlier:?}, at the end {self:?}",
            self.name
        );
        Ok(())
    }
}

/// The number behind a key, in a file of lines.
fn field(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Usage, field};

    #[test]
    fn a_field_is_found_by_its_whole_key() {
        let text = "VmHWM:\t 99 kB\nVmRSS:\t    1234 kB\nThreads:\t5\n";
        assert_eq!(field(text, "VmRSS:"), Some(1234));
        assert_eq!(field(text, "Threads:"), Some(5));
        assert_eq!(field(text, "RSS:"), None);
        assert_eq!(field("map_id: x", "map_id:"), None);
    }

    #[test]
    fn growth_is_found() {
        let usage = |resident_kib, fds, threads, maps_kib| Usage {
            name: "top",
            resident_kib,
            most_resident_kib: resident_kib,
            threads,
            fds,
            maps_kib,
        };
        let warm = usage(1000, 10, 2, 50);
        assert!(usage(1100, 10, 2, 50).not_above(&warm, 100).is_ok());
        for more in [
            usage(1101, 10, 2, 50),
            usage(1000, 11, 2, 50),
            usage(1000, 10, 3, 50),
            usage(1000, 10, 2, 51),
        ] {
            assert!(more.not_above(&warm, 100).is_err());
        }
    }

    #[test]
    fn this_process_uses_something() -> anyhow::Result<()> {
        let usage = Usage::of("test", std::process::id())?;
        assert!(usage.resident_kib > 0 && usage.fds > 0 && usage.threads > 0);
        Ok(())
    }
}
