//! Many small files, read by threads: each pair of the two is a row.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;

use anyhow::Result;

use super::{Common, crowd};

/// More files than this at a time would need more descriptors than a process may have.
pub const MOST_FILES: usize = 10_000;

/// Files of one byte each.
pub struct Files {
    files: Vec<File>,
    _dir: tempfile::TempDir,
}

impl Files {
    /// Makes them; they go at the end.
    pub fn new(common: &Common, count: usize) -> Result<Self> {
        crowd::allow_files(count)?;
        let dir = tempfile::tempdir_in(&common.memory)?;
        let files = (0..count).map(|number| {
            let path = dir.path().join(number.to_string());
            File::create_new(&path)?.write_all(b"x")?;
            Ok(File::open(&path)?)
        });
        Ok(Self {
            files: files.collect::<Result<_>>()?,
            _dir: dir,
        })
    }

    /// One of them.
    pub fn one(&self, number: usize) -> &File {
        &self.files[number]
    }

    /// Reads a byte of each of the first so many.
    pub fn read(&self, count: usize) -> Result<()> {
        let mut byte = [0];
        for file in self.files.iter().take(count) {
            file.read_exact_at(&mut byte, 0)?;
        }
        Ok(())
    }
}

/// Reads a byte of the same file again and again.
pub fn again(file: &File, times: usize) -> Result<()> {
    let mut byte = [0];
    for _ in 0..times {
        file.read_exact_at(&mut byte, 0)?;
    }
    Ok(())
}

/// Threads and files of so many pairs.
pub fn shape(pairs: usize) -> (usize, usize) {
    let files = pairs.min(MOST_FILES);
    (pairs / files, files)
}

#[cfg(test)]
mod tests {
    use super::shape;

    #[test]
    fn pairs_are_as_many_as_asked_for() {
        for pairs in [100, 10_000, 1_000_000] {
            let (threads, files) = shape(pairs);
            assert_eq!(threads * files, pairs);
        }
    }
}
