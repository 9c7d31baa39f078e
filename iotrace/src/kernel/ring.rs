//! The ring buffer.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
};

use aya::maps::{MapData, RingBuf};
use aya_log::EbpfLogger;

use super::Attached;
use crate::error::Failure;

/// Reads records, and what the programs log. Its descriptor becomes readable when the ring is a quarter
/// full; otherwise one has to look from time to time.
pub struct Ring {
    records: RingBuf<MapData>,
    log: Option<EbpfLogger<&'static dyn log::Log>>,
}

impl Ring {
    /// Takes the ring of the running programs.
    pub fn new(attached: &mut Attached) -> Result<Self, Failure> {
        let records = RingBuf::try_from(attached.take_map("EVENTS"));
        Ok(Self {
            records: records.map_err(|error| Failure::Kernel {
                what: "ring buffer",
                source: io::Error::other(error),
            })?,
            log: attached.take_log(),
        })
    }

    /// Hands all records that are there to `each`.
    pub fn drain(&mut self, mut each: impl FnMut(&[u8])) {
        while let Some(record) = self.records.next() {
            each(&record);
        }
        if let Some(log) = &mut self.log {
            log.flush();
        }
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
