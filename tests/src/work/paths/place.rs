//! The files of one thread.

use std::fs::{self, File, OpenOptions};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::LENGTH;

/// Where a thread finds and makes its files.
pub struct Place {
    /// Of the way.
    pub dir: PathBuf,
    /// The block device, if there is one.
    pub device: Option<PathBuf>,
    /// Number of threads that work at once.
    pub round: usize,
    /// This one's number.
    pub thread: usize,
}

/// An open file.
pub struct Subject {
    pub path: PathBuf,
    pub file: File,
}

impl Subject {
    pub fn fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

impl Place {
    /// A file of this thread alone.
    pub fn own(&self, name: &str) -> PathBuf {
        let (round, thread) = (self.round, self.thread);
        self.dir.join(format!("{round}-{thread}-{name}"))
    }

    /// A file of all threads that work at once.
    pub fn shared(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{}-{name}", self.round))
    }

    /// Opens a file that is there.
    pub fn open(&self, path: PathBuf, flags: i32) -> Result<Subject> {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(&path);
        let file = file.with_context(|| path.display().to_string())?;
        Ok(Subject { path, file })
    }

    /// The source that all threads read.
    pub fn source(&self) -> Result<Subject> {
        self.open(self.shared("source"), 0)
    }

    /// Makes a file that can only be written.
    pub fn create(&self, name: &str, flags: i32) -> Result<Subject> {
        let path = self.own(name);
        let mut options = OpenOptions::new();
        options.write(true).create(true).custom_flags(flags);
        let file = options.open(&path);
        let file = file.with_context(|| path.display().to_string())?;
        Ok(Subject { path, file })
    }
}

/// Makes what is read: a file of each thread, and one of all.
pub fn source(place: &Place) -> Result<()> {
    let bytes: Vec<u8> = (0..LENGTH).map(|at| (at % 251) as u8).collect();
    fs::create_dir_all(&place.dir)?;
    fs::write(place.shared("source"), &bytes)?;
    Ok(fs::write(place.own("source"), &bytes)?)
}

/// Makes a file that is all hole.
pub fn sparse(place: &Place) -> Result<()> {
    fs::create_dir_all(&place.dir)?;
    let file = File::create(place.own("sparse"))?;
    Ok(file.set_len(super::large::LENGTH)?)
}
