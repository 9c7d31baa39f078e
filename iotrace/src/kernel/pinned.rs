//! Sets that somebody else keeps in a pinned BPF map.

use std::{fmt, os::fd::AsFd as _, path::Path};

use aya::maps::{Map, MapData, MapError};

use super::{reason::describe, sys};

/// A pinned hash map whose 64-bit keys are the members.
pub struct PinnedSet(MapData);

impl PinnedSet {
    /// Opens a map of the BPF file system.
    pub fn open(path: &Path) -> Result<Self, String> {
        let data = MapData::from_pin(path).map_err(|error: MapError| describe(&error))?;
        let info = data.info().map_err(|error| describe(&error))?;
        if info.key_size() != 8 {
            return Err(format!(
                "its keys have {} bytes instead of 8",
                info.key_size()
            ));
        }
        if info.value_size() as usize > sys::LARGEST_MEMBER {
            return Err(format!("its values have {} bytes", info.value_size()));
        }
        match Map::from_map_data(data).map_err(|error| describe(&error))? {
            Map::HashMap(data) => Ok(Self(data)),
            _ => Err("it is not a hash map".to_owned()),
        }
    }

    /// Whether `member` is in the set now. A set that can not be read hides nothing.
    pub fn contains(&self, member: u64) -> bool {
        sys::contains(self.0.fd().as_fd(), member).unwrap_or_else(|error| {
            log::warn!("cannot look into a pinned map: {error}");
            true
        })
    }
}

impl fmt::Debug for PinnedSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PinnedSet").finish_non_exhaustive()
    }
}
