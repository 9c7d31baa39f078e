//! What names files get and lose.

use bytes::Bytes;

use super::{
    super::{
        life::{End, Key},
        names::name,
    },
    Lives,
};
use crate::event::{Change, FilePath, FileType};

impl Lives {
    /// A file got a name.
    pub(super) fn named(&mut self, key: &Key, path: FilePath) {
        let Some(life) = self.living.get_mut(key) else {
            return;
        };
        life.names += 1;
        if let Some(name) = name(Some(&path)) {
            self.by_name.insert(name, key.clone());
        }
        // One that had none.
        if life.path.as_ref().is_none_or(|path| path.deleted) {
            life.path = Some(path);
        }
    }

    pub(super) fn renamed(
        &mut self,
        key: Option<Key>,
        other: Option<Key>,
        from: Option<FilePath>,
        exchange: bool,
        change: Change,
    ) {
        // A rename between two names of one file does nothing.
        if key.is_some() && key == other {
            return;
        }
        let old = name(from.as_ref());
        let new = name(change.path.as_ref());
        let path = change.path.clone();
        if let (Some(old), Some(new)) = (&old, &new)
            && change
                .file_type
                .is_none_or(|kind| kind == FileType::Directory)
        {
            self.renamed_below(old, new, exchange);
        }
        if exchange {
            if let (Some(other), Some(old)) = (&other, &old) {
                self.by_name.insert(old.clone(), other.clone());
                self.moved(other, new.as_ref(), from);
            }
        } else {
            if let Some(old) = &old {
                self.by_name.remove(old);
            }
            if other.is_some() {
                let cancelled = change.cancelled_bytes;
                let gone = self.unnamed(other, change, End::Replaced);
                self.cancel_any(gone, cancelled);
            }
        }
        if let (Some(key), Some(new)) = (key, new) {
            self.by_name.insert(new, key.clone());
            self.moved(&key, old.as_ref(), path);
        }
    }

    /// A name has changed that may be that of a directory.
    fn renamed_below(&mut self, old: &Bytes, new: &Bytes, exchange: bool) {
        for moved in self.by_name.rename_below(old, new, exchange) {
            let Some(life) = self.living.get_mut(&moved.key) else {
                continue;
            };
            if name(life.path.as_ref()) == Some(moved.from) {
                life.path = Some(FilePath {
                    bytes: moved.to,
                    claimed: true,
                    ..FilePath::default()
                });
            }
        }
        if self.by_name.remove_other(old) {
            self.by_name.insert_other(new.clone(), self.most);
        }
    }

    /// A file is called by this path in place of its `old` name.
    fn moved(&mut self, key: &Key, old: Option<&Bytes>, path: Option<FilePath>) {
        if let Some(life) = self.living.get_mut(key) {
            let known = name(life.path.as_ref());
            // One of several names; that by which it is known is still there.
            if life.names > 1 && known.is_some() && known.as_ref() != old {
                return;
            }
            let before = std::mem::replace(&mut life.path, path);
            if name(before.as_ref()) != name(life.path.as_ref()) {
                self.forget_name(before.as_ref(), key);
            }
        }
    }

    pub(super) fn forget_name(&mut self, path: Option<&FilePath>, key: &Key) {
        if let Some(name) = name(path) {
            self.by_name.forget(&name, key);
        }
    }
}
