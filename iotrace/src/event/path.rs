//! Paths of files.

use bytes::Bytes;

use super::FileType;

/// Where a file is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FilePath {
    /// The path. Absolute, unless `cut`; without `/` for what has no path
    /// (`pipe:[12]`).
    pub bytes: Bytes,
    /// The name has been unlinked.
    pub deleted: bool,
    /// Leading components are missing.
    pub cut: bool,
    /// The caller's own words, not a name that the kernel found.
    pub claimed: bool,
}

impl FilePath {
    /// The words of `/proc/PID/fd` for a file of this type that has no path in the tree.
    #[inline]
    pub fn of_nameless(&self, file_type: FileType, ino: u64) -> Option<Self> {
        let name = match file_type {
            FileType::Socket => format!("socket:[{ino}]"),
            FileType::Fifo if self.bytes.as_ref() == b"/" => format!("pipe:[{ino}]"),
            FileType::Other => format!("anon_inode:{}", String::from_utf8_lossy(&self.bytes)),
            // Most.
            _ => return None,
        };
        Some(Self {
            bytes: Bytes::from(name),
            ..Self::default()
        })
    }
}
