//! The kernel's account of a process, as that process sees it.

use std::fs::File;
use std::io::Read;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// What the kernel tells a process of itself.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Account {
    /// `read_bytes`.
    pub read_bytes: u64,
    /// `write_bytes`.
    pub write_bytes: u64,
    /// `cancelled_write_bytes`.
    pub cancelled_write_bytes: u64,
    /// `syscr`.
    pub read_calls: u64,
    /// `syscw`.
    pub write_calls: u64,
}

impl Account {
    /// In one call, which is not in it.
    pub fn own() -> Result<Self> {
        let mut text = [0; 1024];
        let length = File::open("/proc/self/io")?.read(&mut text)?;
        let text = String::from_utf8_lossy(&text[..length]).into_owned();
        let value = |name: &str| -> Result<u64> {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let value = line.with_context(|| format!("no {name} in {text}"))?;
            Ok(value.trim().parse()?)
        };
        Ok(Self {
            read_bytes: value("read_bytes:")?,
            write_bytes: value("write_bytes:")?,
            cancelled_write_bytes: value("cancelled_write_bytes:")?,
            read_calls: value("syscr:")?,
            write_calls: value("syscw:")?,
        })
    }

    /// What was done since an earlier account.
    pub fn since(&self, before: &Self) -> Self {
        Self {
            read_bytes: self.read_bytes - before.read_bytes,
            write_bytes: self.write_bytes - before.write_bytes,
            cancelled_write_bytes: self.cancelled_write_bytes - before.cancelled_write_bytes,
            read_calls: self.read_calls - before.read_calls,
            write_calls: self.write_calls - before.write_calls,
        }
    }
}
