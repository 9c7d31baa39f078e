//! The files that the workloads work on.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tempfile::{TempDir, tempdir_in};

use super::crowd;

/// Bytes of the file that single calls go to.
const SIZE: usize = 1 << 20;
/// The same of each of the many.
pub const BLOCK: usize = 4096;
/// 60 bytes, as names of generated files have.
const LONG: &str = "iotrace-bench-0123456789abcdef-0123456789abcdef-01234567.dat";

/// What the workloads work on; all of it goes at the end.
pub struct Place {
    /// For single calls.
    pub file: File,
    /// The same, by a short path.
    pub path: PathBuf,
    /// And by a longer one.
    pub long_path: PathBuf,
    /// For one call each.
    pub many: Vec<File>,
    /// Of what the process makes and removes.
    pub dir: TempDir,
}

impl Place {
    /// One file in `dir`, as many as asked for in `memory`, all of them cached.
    pub fn new(dir: &Path, memory: &Path, many: usize) -> Result<Self> {
        crowd::allow_files(many)?;
        // Whoever prints paths has less to do for a short one.
        let free = (0..10).find_map(|number| {
            let path = dir.join(format!("x{number}"));
            let mut options = OpenOptions::new();
            let options = options.read(true).write(true).create_new(true);
            Some((options.open(&path).ok()?, path))
        });
        let (mut file, path) = free.with_context(|| format!("no room in {}", dir.display()))?;
        file.write_all(&[b'x'].repeat(SIZE))?;
        let long_path = dir.join(LONG);
        fs::hard_link(&path, &long_path)?;
        let dir = tempdir_in(memory)?;
        let many = (0..many).map(|number| {
            let mut file = File::create_new(dir.path().join(format!("{number:05}.dat")))?;
            file.write_all(&[b'x'; BLOCK])?;
            Ok(File::open(dir.path().join(format!("{number:05}.dat")))?)
        });
        Ok(Self {
            file,
            path,
            long_path,
            many: many.collect::<Result<_>>()?,
            dir,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Nobody can be told.
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_file(&self.long_path);
    }
}
