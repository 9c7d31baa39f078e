//! What is usual on this machine, kept in a file from run to run.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, fchown},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{picture::Picture, read_small};
use crate::output::{sanitize, units};

/// Runs that are kept.
const KEPT: usize = 50;
/// With fewer there is nothing usual yet.
const LEAST_RUNS: usize = 3;
/// Names that are kept of each run, the busiest.
const NAMES: usize = 200;
/// Less in a second is never unusual.
const LEAST_RATE: f64 = 256.0 * 1024.0;
/// Unusual is what is above the median by so many times the median deviation, and more than twice
/// as much.
const DEVIATIONS: f64 = 6.0;
const TIMES: f64 = 2.0;
const SCHEMA: u32 = 1;

/// Bytes per second, run by run, of devices and of services.
#[derive(Debug, Deserialize, Serialize)]
pub struct Baseline {
    schema: u32,
    runs: VecDeque<BTreeMap<String, f64>>,
}

impl Default for Baseline {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            runs: VecDeque::new(),
        }
    }
}

impl Baseline {
    /// Reads what was kept; nothing where there is no such file yet. The error says what is wrong
    /// with it.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = match read_small(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let dir = path.parent().unwrap_or(Path::new("/"));
                if dir.as_os_str().is_empty() || dir.is_dir() {
                    return Ok(Self::default());
                }
                return Err("its directory does not exist; make it first".to_owned());
            }
            Err(error) => return Err(error.to_string()),
        };
        let baseline: Self = serde_json::from_slice(&text)
            .map_err(|error| format!("it is no baseline of iotrace: {error}"))?;
        if baseline.schema != SCHEMA {
            return Err(format!(
                "it has schema {}; this version reads {SCHEMA}; name another file",
                baseline.schema
            ));
        }
        Ok(baseline)
    }

    /// Writes it, so that a file that is there stays whole whatever happens.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let text = serde_json::to_vec(self).map_err(io::Error::other)?;
        // What a name leads to stays where it is, and whose it is.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        let mut new = tempfile::NamedTempFile::new_in(dir.unwrap_or(Path::new(".")))?;
        new.write_all(&text)?;
        if let Ok(old) = fs::metadata(&path) {
            new.as_file().set_permissions(old.permissions())?;
            fchown(new.as_file(), Some(old.uid()), Some(old.gid()))?;
        }
        new.persist(&path)?;
        Ok(())
    }

    /// Says what of this run is unusual, and keeps the run.
    pub fn compare(&mut self, picture: &Picture) -> Vec<String> {
        let now = rates(picture);
        let lines = if self.runs.len() < LEAST_RUNS {
            vec![format!(
                "nothing to compare with yet: {} runs are kept, {LEAST_RUNS} are needed",
                self.runs.len()
            )]
        } else {
            let unusual = now
                .iter()
                .filter_map(|(name, rate)| self.unusual(name, *rate));
            let mut lines: Vec<_> = unusual.collect();
            if lines.is_empty() {
                lines.push(format!(
                    "nothing is unusual, compared with {} runs",
                    self.runs.len()
                ));
            }
            lines
        };
        self.runs.push_back(now);
        while self.runs.len() > KEPT {
            self.runs.pop_front();
        }
        lines
    }

    fn unusual(&self, name: &str, now: f64) -> Option<String> {
        let past: Vec<f64> = self
            .runs
            .iter()
            .map(|run| run.get(name).copied().unwrap_or(0.0))
            .collect();
        let usual = median(past.clone());
        let deviation = median(past.iter().map(|rate| (rate - usual).abs()).collect());
        let is_unusual =
            now >= LEAST_RATE && now > usual * TIMES && now > usual + DEVIATIONS * deviation;
        let bytes = |rate: f64| units::bytes(rate.max(0.0).round() as u64);
        is_unusual.then(|| {
            format!(
                "unusual: {} moves {}/s; usual are {}/s (± {}/s, {} runs)",
                sanitize::name(name.as_bytes()),
                bytes(now),
                bytes(usual),
                bytes(deviation),
                self.runs.len()
            )
        })
    }
}

fn rates(picture: &Picture) -> BTreeMap<String, f64> {
    let devices = picture.evidence.devices.values();
    let devices = devices.map(|device| {
        (
            format!("device {}", device.name),
            picture.rate(device.work.bytes()),
        )
    });
    let services = picture
        .services
        .iter()
        .filter(|service| service.usage.disk_bytes() > 0);
    let services = services.map(|service| {
        (
            service.name.clone(),
            picture.rate(service.usage.disk_bytes()),
        )
    });
    devices.chain(services.take(NAMES)).collect()
}

/// The middle one; 0 of none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
