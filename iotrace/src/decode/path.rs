//! Paths, as the programs put them together.

use iotrace_common::{PATH_CAP, path_flag};
use memchr::{memchr, memrchr};

use super::DecodeError;
use crate::event::FilePath;

/// The bytes of a path, which stand behind the head of a record.
pub(super) fn path_bytes(rest: &[u8], len: u32) -> Result<&[u8], DecodeError> {
    if len as usize > PATH_CAP {
        return Err(DecodeError::BadPath(len));
    }
    rest.get(..len as usize).ok_or(DecodeError::BadPath(len))
}

/// Puts the components of a walk, last one first, into the right order.
pub(super) fn file_path(components: &[u8], flags: u32) -> Option<FilePath> {
    let cut = flags & path_flag::CUT != 0;
    let incomplete = cut || flags & path_flag::OUTSIDE != 0;
    let claimed = flags & path_flag::CLAIMED != 0;
    let mut left = components.strip_suffix(&[0]).unwrap_or(components);
    let mut bytes = Vec::with_capacity(left.len() + 1);
    // What the caller wrote stays as it is; the rest are directories.
    let own = claimed.then(|| {
        let end = memchr(0, left).unwrap_or(left.len());
        let (own, rest) = left.split_at(end);
        left = rest.get(1..).unwrap_or_default();
        own
    });
    if own.is_none_or(|own| !own.starts_with(b"/")) {
        while !left.is_empty() {
            let nul = memrchr(0, left);
            let name = &left[nul.map_or(0, |nul| nul + 1)..];
            left = &left[..nul.unwrap_or(0)];
            // The root of a tree that hangs nowhere is called "/".
            if !name.is_empty() && name != b"/" {
                if !(incomplete && bytes.is_empty()) {
                    bytes.push(b'/');
                }
                bytes.extend_from_slice(name);
            }
        }
        if own.is_some() && !(cut && bytes.is_empty()) {
            bytes.push(b'/');
        }
    }
    bytes.extend_from_slice(own.unwrap_or_default());
    if bytes.is_empty() {
        if cut {
            return None;
        }
        bytes.push(b'/');
    }
    Some(FilePath {
        bytes: bytes.into(),
        deleted: flags & path_flag::DELETED != 0,
        cut,
        claimed,
    })
}
