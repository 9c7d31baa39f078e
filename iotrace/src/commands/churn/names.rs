//! Which file has which name.

use std::{
    collections::{BTreeMap, HashSet},
    ops::Bound,
};

use bytes::Bytes;

use super::life::Key;
use crate::event::FilePath;

/// All names that are known to be some file's.
#[derive(Debug, Default)]
pub struct Names {
    /// In order, so that those below a directory stand together.
    files: BTreeMap<Bytes, Key>,
    /// Names of files that are not followed, because they are of other kinds. Where a change tells
    /// no more than a name, it is that of a followed one only if it is not one of these.
    others: HashSet<Bytes>,
}

/// A file whose name has changed with that of a directory.
pub struct Moved {
    /// The file.
    pub key: Key,
    /// Its name before.
    pub from: Bytes,
    /// Its name now.
    pub to: Bytes,
}

impl Names {
    /// The file that has a name.
    pub fn get(&self, name: &Bytes) -> Option<&Key> {
        self.files.get(name)
    }

    /// A file has a name now; who had it before has not.
    pub fn insert(&mut self, name: Bytes, key: Key) {
        self.others.remove(&name);
        self.files.insert(name, key);
    }

    /// Nobody has it any more.
    pub fn remove(&mut self, name: &Bytes) {
        self.files.remove(name);
    }

    /// This file has it no more.
    pub fn forget(&mut self, name: &Bytes, key: &Key) {
        if self.files.get(name) == Some(key) {
            self.files.remove(name);
        }
    }

    /// A file that is not followed has a name now, if there is room for so many.
    pub fn insert_other(&mut self, name: Bytes, most: usize) {
        self.files.remove(&name);
        if self.others.len() < most {
            self.others.insert(name);
        }
    }

    /// A name was removed: whether it was that of a file that is not followed.
    pub fn remove_other(&mut self, name: &Bytes) -> bool {
        self.others.remove(name)
    }

    /// A name has changed, which may be that of a directory: what is below it has others now.
    pub fn rename_below(&mut self, from: &Bytes, to: &Bytes, exchange: bool) -> Vec<Moved> {
        let mut moved = self.take_below(from, to);
        if exchange {
            moved.extend(self.take_below(to, from));
        }
        for one in &moved {
            self.files.insert(one.to.clone(), one.key.clone());
        }
        moved
    }

    fn take_below(&mut self, from: &Bytes, to: &Bytes) -> Vec<Moved> {
        let below = [from, &b"/"[..]].concat();
        let range = (Bound::Included(&below[..]), Bound::Unbounded);
        let files = self.files.range::<[u8], _>(range);
        let files = files.take_while(|(name, _)| name.starts_with(&below));
        let names: Vec<Bytes> = files.map(|(name, _)| name.clone()).collect();
        let taken = names.into_iter().filter_map(|name| {
            let key = self.files.remove(&name)?;
            let to = [to, &name[from.len()..]].concat().into();
            Some(Moved {
                key,
                from: name,
                to,
            })
        });
        taken.collect()
    }
}

/// A name by which a file can be found again. What a caller said may have detours.
pub fn name(path: Option<&FilePath>) -> Option<Bytes> {
    let path = path.filter(|path| !path.cut && !path.bytes.is_empty())?;
    let has_detours = path.claimed
        && path
            .bytes
            .split(|byte| *byte == b'/')
            .skip(1)
            .any(|part| part.is_empty() || part == b"." || part == b"..");
    if !has_detours {
        return Some(path.bytes.clone());
    }
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.bytes.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    let mut name = Vec::with_capacity(path.bytes.len());
    for part in parts {
        name.push(b'/');
        name.extend_from_slice(part);
    }
    Some(name.into())
}
