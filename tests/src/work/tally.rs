//! I/O that counts itself.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};

use anyhow::{Result, bail};

use crate::counts::Counts;

/// Does I/O and counts every call that did not fail, and what it returned.
#[derive(Default)]
pub struct Tally {
    /// So far.
    pub counts: Counts,
}

impl Tally {
    /// Writes all of `data`.
    pub fn write(&mut self, file: &mut File, mut data: &[u8]) -> Result<()> {
        while !data.is_empty() {
            match file.write(data) {
                Ok(0) => bail!("a write of nothing"),
                Ok(written) => {
                    self.counts.writes += 1;
                    self.counts.write_bytes += written as u64;
                    data = &data[written..];
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads to the end, the read that finds it included.
    pub fn read_to_end(&mut self, file: &mut File, buffer: &mut [u8]) -> Result<()> {
        loop {
            match file.read(buffer) {
                Ok(read) => {
                    self.counts.reads += 1;
                    self.counts.read_bytes += read as u64;
                    if read == 0 {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
