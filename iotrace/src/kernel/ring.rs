//! The ring buffer.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
};

use aya::maps::{MapData, RingBuf};

use super::Attached;
use crate::error::Failure;

/// Reads records. Its descriptor becomes readable when the ring is a quarter
/// full; otherwise one has to look from time to time.
pub struct Ring(RingBuf<MapData>);

impl Ring {
    /// Takes the ring of the running programs.
    pub fn new(attached: &mut Attached) -> Result<Self, Failure> {
        RingBuf::try_from(attached.take_map("EVENTS"))
            .map(Self)
            .map_err(|error| Failure::Kernel {
                what: "ring buffer",
                source: io::Error::other(error),
            })
    }

    /// Hands all records that are there to `each`.
    pub fn drain(&mut self, mut each: impl FnMut(&[u8])) {
        while let Some(record) = self.0.next() {
            each(&record);
        }
    }
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Ring {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
