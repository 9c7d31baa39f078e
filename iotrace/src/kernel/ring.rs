//! The ring buffer.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
};

use aya::maps::{MapData, RingBuf};
use aya_log::EbpfLogger;

use super::Attached;
use crate::error::Failure;

/// Reads records, and what the programs log. Its descriptor becomes readable with every quarter of the
/// ring that fills; otherwise one has to look from time to time.
pub struct Ring {
    records: RingBuf<MapData>,
    /// Its size.
    pub bytes: usize,
    log: Option<EbpfLogger<&'static dyn log::Log>>,
}

impl Ring {
    /// Takes the ring of the running programs, which has so many bytes.
    pub fn new(attached: &mut Attached, bytes: u32) -> Result<Self, Failure> {
        let records = RingBuf::try_from(attached.take_map("EVENTS"));
        Ok(Self {
            records: records.map_err(|error| Failure::Kernel {
                what: "ring buffer",
                source: io::Error::other(error),
            })?,
            bytes: bytes as usize,
            log: attached.take_log(),
        })
    }

    /// Hands records to `each`, about `limit` bytes at the most, so that writers
    /// as fast as this reader can not keep it for ever. Returns whether there may
    /// be more.
    pub fn drain(&mut self, limit: usize, mut each: impl FnMut(&[u8])) -> bool {
        let mut taken = 0;
        let more = loop {
            let Some(record) = self.records.next() else {
                break false;
            };
            each(&record);
            taken += record.len();
            if taken >= limit {
                break true;
            }
        };
        if let Some(log) = &mut self.log {
            log.flush();
        }
        more
    }
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.records.as_fd()
    }
}

impl AsRawFd for Ring {
    fn as_raw_fd(&self) -> RawFd {
        self.records.as_raw_fd()
    }
}
