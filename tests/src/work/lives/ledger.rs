//! What became of a file, written down as it happens.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::work::protocol::this_tid;

/// A call that changed something.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Moment {
    /// The calendar before it, nanoseconds.
    pub before_ns: u64,
    /// The same after it.
    pub after_ns: u64,
    /// Who did it.
    pub pid: u32,
    /// The thread.
    pub tid: u32,
}

/// A file of which one life can be told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lived {
    /// What it was made for.
    pub way: String,
    /// Its last name.
    pub path: Option<PathBuf>,
    /// When it was made; before this process was ready, if nothing is there.
    pub created: Option<Moment>,
    /// When its last name was taken from it, and how.
    pub unnamed: Option<(Moment, String)>,
    /// When it was gone, and by what; it lives still, if nothing is there.
    pub ended: Option<(Moment, String)>,
    /// Bytes written to it since this process was ready.
    pub write_bytes: u64,
    /// Bytes read, likewise.
    pub read_bytes: u64,
    /// Opens, likewise.
    pub opens: u64,
    /// How often it was cut to nothing, likewise.
    pub truncates: u64,
    /// Its inode number.
    pub ino: u64,
    /// Kind of file.
    pub file_type: String,
}

/// Does something, and looks at the clock before and after.
pub fn timed<T>(action: impl FnOnce() -> Result<T>) -> Result<(T, Moment)> {
    let before_ns = now()?;
    let done = action()?;
    let moment = Moment {
        before_ns,
        after_ns: now()?,
        pid: std::process::id(),
        tid: this_tid(),
    };
    Ok((done, moment))
}

fn now() -> Result<u64> {
    let time = clock_gettime(ClockId::CLOCK_REALTIME)?;
    let seconds = u64::try_from(time.tv_sec())?;
    Ok(seconds * 1_000_000_000 + u64::try_from(time.tv_nsec())?)
}

impl Lived {
    /// A regular file that was just made, and has been opened so often by that.
    pub fn made(way: &str, ino: u64, created: Option<Moment>, opens: u64) -> Self {
        Self {
            way: way.to_owned(),
            path: None,
            created,
            unnamed: None,
            ended: None,
            write_bytes: 0,
            read_bytes: 0,
            opens,
            truncates: 0,
            ino,
            file_type: "regular".to_owned(),
        }
    }

    /// Makes a file that is not there yet.
    pub fn make(way: &str, path: &Path) -> Result<(Self, File)> {
        let (file, moment) = timed(|| {
            let mut options = File::options();
            let options = options.read(true).write(true).create_new(true);
            options
                .open(path)
                .with_context(|| path.display().to_string())
        })?;
        let mut lived = Self::made(way, file.metadata()?.ino(), Some(moment), 1);
        lived.path = Some(path.to_owned());
        Ok((lived, file))
    }

    /// The same, with so many bytes in it, and closed.
    pub fn make_with(way: &str, path: &Path, bytes: usize) -> Result<Self> {
        let (mut lived, mut file) = Self::make(way, path)?;
        lived.write(&mut file, bytes)?;
        Ok(lived)
    }

    /// Opens it once more.
    pub fn open(&mut self, path: &Path) -> Result<File> {
        self.opens += 1;
        Ok(File::options().read(true).write(true).open(path)?)
    }

    /// Writes so many bytes at its end.
    pub fn write(&mut self, file: &mut File, bytes: usize) -> Result<()> {
        file.seek(SeekFrom::End(0))?;
        file.write_all(&vec![b'x'; bytes])?;
        self.write_bytes += bytes as u64;
        Ok(())
    }

    /// Reads all that is in it.
    pub fn read(&mut self, file: &mut File) -> Result<()> {
        file.rewind()?;
        self.read_bytes += file.read_to_end(&mut Vec::new())? as u64;
        Ok(())
    }

    /// Takes its last name from it, while nobody has it open.
    pub fn end(self, how: &str, action: impl FnOnce() -> Result<()>) -> Result<Self> {
        let ((), moment) = timed(action)?;
        Ok(self.ended(moment, how))
    }

    /// The same, when it has been done.
    pub fn ended(mut self, moment: Moment, how: &str) -> Self {
        self.unnamed = Some((moment, how.to_owned()));
        self.ended.clone_from(&self.unnamed);
        self
    }

    /// Removes its last name, while nobody has it open.
    pub fn unlink(self, path: &Path) -> Result<Self> {
        let mut lived = self.end("unlink", || Ok(std::fs::remove_file(path)?))?;
        lived.path = Some(path.to_owned());
        Ok(lived)
    }

    /// Closes it as the last who has it open, when it has no name.
    pub fn close(mut self, file: File) -> Result<Self> {
        let ((), moment) = timed(|| {
            drop(file);
            Ok(())
        })?;
        self.ended = Some((moment, "last_close".to_owned()));
        Ok(self)
    }
}
