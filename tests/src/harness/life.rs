//! The records of `churn`: a file that ended, and a pattern of names.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::record::{exact, parse};

/// A file that ended.
#[derive(Clone, Debug, Deserialize)]
pub struct Life {
    ts: String,
    created_ts: Option<String>,
    /// How long it lived.
    pub lifetime_ns: Option<u64>,
    /// Of one that was there before.
    pub older_than_ns: Option<u64>,
    path: Option<String>,
    path_b64: Option<String>,
    /// The name is the caller's own.
    #[serde(default)]
    pub path_claimed: bool,
    /// The path is not whole.
    #[serde(default)]
    pub path_cut: bool,
    /// How it ended.
    pub end: String,
    /// Bytes written to it.
    pub write_bytes: Option<u64>,
    /// Bytes read from it.
    pub read_bytes: Option<u64>,
    /// Opens.
    pub opens: Option<u64>,
    /// How often it was cut to nothing.
    pub truncates: u64,
    /// Process that made it.
    pub pid: Option<u32>,
    /// The thread.
    pub tid: Option<u32>,
    comm: Option<String>,
    comm_b64: Option<String>,
    /// Process that ended it.
    pub end_pid: u32,
    /// The thread.
    pub end_tid: u32,
    end_comm: String,
    end_comm_b64: Option<String>,
    dev: Option<String>,
    /// Inode number.
    pub ino: Option<u64>,
    #[serde(rename = "gen")]
    generation: Option<u64>,
    /// Kind of file, if it is known.
    pub file_type: Option<String>,
}

impl Life {
    /// Reads a line, and checks that it does not contradict itself.
    pub fn parse(line: &str) -> Result<Self> {
        let life: Self = parse(line)?;
        life.is_whole().with_context(|| line.to_owned())?;
        Ok(life)
    }

    fn is_whole(&self) -> Result<()> {
        exact(self.path.as_deref(), self.path_b64.as_deref()).context("path")?;
        exact(self.comm.as_deref(), self.comm_b64.as_deref()).context("comm")?;
        exact(Some(&self.end_comm), self.end_comm_b64.as_deref()).context("end_comm")?;
        let is_young = self.created_ts.is_some();
        for of_young in [
            self.lifetime_ns.is_some(),
            self.older_than_ns.is_none(),
            self.pid.is_some(),
            self.tid.is_some(),
            self.comm.is_some(),
        ] {
            ensure!(of_young == is_young, "made before the start, or not?");
        }
        ensure!(
            self.dev.is_some() == self.ino.is_some()
                && self.ino.is_some() == self.generation.is_some(),
            "half of a file's identity"
        );
        ensure!(
            ["unlink", "replaced", "last_close"].contains(&self.end.as_str()),
            "an end that is none"
        );
        let ended = self.ended_ns()?;
        if let (Some(created), Some(lifetime)) = (self.created_ns()?, self.lifetime_ns) {
            ensure!(
                lifetime > 0 && ended.checked_sub(created) == Some(lifetime),
                "lived from {created} to {ended}, which is not {lifetime} ns"
            );
        }
        Ok(())
    }

    /// When it ended, in nanoseconds of the calendar.
    pub fn ended_ns(&self) -> Result<u64> {
        nanoseconds(&self.ts)
    }

    /// When it was made.
    pub fn created_ns(&self) -> Result<Option<u64>> {
        self.created_ts.as_deref().map(nanoseconds).transpose()
    }

    /// Its last name, byte for byte.
    pub fn path(&self) -> Option<PathBuf> {
        let path = exact(self.path.as_deref(), self.path_b64.as_deref());
        path.ok()?.map(PathBuf::from)
    }

    /// The name of the thread that made it, byte for byte.
    pub fn comm(&self) -> Option<OsString> {
        exact(self.comm.as_deref(), self.comm_b64.as_deref()).ok()?
    }

    /// The name of the thread that ended it, byte for byte.
    pub fn end_comm(&self) -> Option<OsString> {
        exact(Some(&self.end_comm), self.end_comm_b64.as_deref()).ok()?
    }

    /// What makes it this file, if that is known.
    pub fn file(&self) -> Option<(String, u64, u64)> {
        Some((self.dev.clone()?, self.ino?, self.generation?))
    }
}

/// A pattern of names, since the start.
#[derive(Clone, Debug, Deserialize)]
pub struct Pattern {
    pattern: String,
    pattern_b64: Option<String>,
    /// Files made.
    pub created: u64,
    /// Files that ended.
    pub deleted: u64,
    /// Those that were there before the start.
    pub older: u64,
    /// Those that were made and have not ended.
    pub alive: u64,
    /// Half of them lived at most so long.
    pub lifetime_p50_ns: Option<u64>,
    /// 95 of 100 did.
    pub lifetime_p95_ns: Option<u64>,
    /// The longest life.
    pub lifetime_max_ns: Option<u64>,
    /// Bytes written to the files.
    pub write_bytes: u64,
    /// Bytes read from them.
    pub read_bytes: u64,
    /// Opens.
    pub opens: u64,
    /// Most files that were made within a second.
    pub largest_burst: u64,
    /// Process that made most.
    pub pid: Option<u32>,
    /// The thread.
    pub tid: Option<u32>,
    /// Its name.
    pub comm: Option<String>,
    /// Process that ended most.
    pub end_pid: Option<u32>,
    /// The thread.
    pub end_tid: Option<u32>,
    /// Its name.
    pub end_comm: Option<String>,
}

impl Pattern {
    /// Reads a line, and checks that its numbers fit each other.
    pub fn parse(line: &str) -> Result<Self> {
        let pattern: Self = parse(line)?;
        pattern.is_whole().with_context(|| line.to_owned())?;
        Ok(pattern)
    }

    fn is_whole(&self) -> Result<()> {
        exact(Some(&self.pattern), self.pattern_b64.as_deref()).context("pattern")?;
        ensure!(
            self.created + self.older == self.deleted + self.alive,
            "files appear or vanish"
        );
        let lifetimes = [
            self.lifetime_p50_ns,
            self.lifetime_p95_ns,
            self.lifetime_max_ns,
        ];
        ensure!(lifetimes.is_sorted(), "quantiles go down");
        let has_lives = self.deleted > self.older;
        for lifetime in lifetimes {
            ensure!(
                lifetime.is_some() == has_lives,
                "quantiles are there when there are lives"
            );
        }
        ensure!(
            (self.created > 0) == (self.largest_burst > 0) && self.largest_burst <= self.created,
            "a burst of other files"
        );
        Ok(())
    }

    /// The pattern, byte for byte.
    pub fn name(&self) -> Option<OsString> {
        exact(Some(&self.pattern), self.pattern_b64.as_deref()).ok()?
    }
}

/// Nanoseconds since 1970 of a time stamp whose shape was checked.
fn nanoseconds(ts: &str) -> Result<u64> {
    let parts: Vec<u64> = ts
        .split(|c: char| !c.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let [year, month, day, hours, minutes, seconds, nanoseconds] = parts[..] else {
        anyhow::bail!("{ts:?} is no time");
    };
    ensure!(year >= 1970 && (1..=12).contains(&month), "{ts:?} is early");
    // Years begin in March here, so that the leap day is the last one.
    let (year, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day;
    let days = days - 719_469;
    Ok((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000_000_000 + nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::nanoseconds;

    #[test]
    fn time_is_counted_from_1970() -> anyhow::Result<()> {
        assert_eq!(nanoseconds("1970-01-01T00:00:00.000000007Z")?, 7);
        let leap = nanoseconds("2024-02-29T12:34:56.000000000Z")?;
        assert_eq!(leap, 1_709_210_096_000_000_000);
        let next = nanoseconds("2024-03-01T12:34:56.000000000Z")?;
        assert_eq!(next - leap, 86_400_000_000_000);
        Ok(())
    }
}
