//! Remembers the names of files that are being counted.

use std::{collections::HashMap, sync::Arc};

use foldhash::fast::RandomState;
use iotrace_common::NAME_TICKS;

use crate::event::{FileId, FilePath, FileType};

/// Names by file. The kernel side says a name when a file is first touched and
/// again every [`NAME_TICKS`] ticks while it is, so what has not been heard for
/// longer is not needed, and the memory is bounded by the files of twice so many ticks.
/// Each row of a tick is looked up, so that the hash has to be a fast one.
#[derive(Debug, Default)]
pub struct Names {
    names: HashMap<FileId, (Arc<FilePath>, u32), RandomState>,
    tick: u32,
}

impl Names {
    /// Hears a name.
    pub fn learn(&mut self, file: FileId, path: FilePath) {
        self.names.insert(file, (Arc::new(path), self.tick));
    }

    /// The path of a file.
    pub fn of(&self, file: FileId, file_type: FileType) -> Option<Arc<FilePath>> {
        let (path, _) = self.names.get(&file)?;
        Some(describe(path, file_type, file.ino))
    }

    /// The path of a row; `lower`: of what is below another file.
    pub fn path(&self, file: FileId, file_type: FileType, lower: bool) -> Option<Arc<FilePath>> {
        let path = self.of(file, file_type)?;
        if !lower {
            return Some(path);
        }
        // What an overlay opens for itself hangs in a mount of its own, so that its path begins
        // at the root of the layer.
        Some(Arc::new(FilePath {
            bytes: path
                .bytes
                .strip_prefix(b"/")
                .map_or_else(|| path.bytes.clone(), |rest| path.bytes.slice_ref(rest)),
            cut: true,
            ..FilePath::clone(&path)
        }))
    }

    /// Ends an interval.
    pub fn tick(&mut self) {
        self.tick = self.tick.wrapping_add(1);
        let now = self.tick;
        // To look at all of them each time would cost more than the memory is worth.
        if !now.is_multiple_of(NAME_TICKS) {
            return;
        }
        self.names
            .retain(|_, (_, heard)| now.wrapping_sub(*heard) <= NAME_TICKS);
    }
}

/// What has no path in the tree is told as `/proc/PID/fd` tells it.
fn describe(path: &Arc<FilePath>, file_type: FileType, ino: u64) -> Arc<FilePath> {
    path.of_nameless(file_type, ino)
        .map_or_else(|| Arc::clone(path), Arc::new)
}
