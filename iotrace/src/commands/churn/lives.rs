//! The lives of files. Pure: no clock, no I/O.

mod ends;
mod naming;

use std::collections::HashMap;

use super::{
    life::{End, Ended, Key, Life, file, stranger},
    names::{Names, name},
    patterns::Patterns,
};
use crate::{
    event::{Change, Changed, FileId, FilePath, FileType, Io, Open, Opened, Thread, Time},
    filter::NameFilter,
};

/// All lives.
pub struct Lives {
    names: NameFilter,
    /// Most files that are followed.
    most: usize,
    /// The kernel tells when the last who used a file lets go of it.
    pub ends_seen: bool,
    living: HashMap<Key, Life>,
    /// What ended in this interval. Its I/O comes with the tick.
    ended: HashMap<Key, Ended>,
    /// Likewise, of files that iotrace had never seen.
    strangers: Vec<Ended>,
    by_name: Names,
    /// Files that had not lost their name when the kernel let go of them, by the thread in which
    /// it did: the next call that this thread ends has removed the name.
    freed_by: HashMap<u32, Key>,
    /// Files without a name that nobody had open, of this interval and of the one before: should the
    /// kernel's word that it let go of them be lost, they end all the same.
    leaving: [Vec<Key>; 2],
    /// Files so far of which the name was all that was known.
    named: u64,
    /// Sums by pattern.
    pub patterns: Patterns,
    /// Files made, and unknown ones removed, that found no room.
    pub untracked: u64,
    /// Files made without room that may still be there: as many unknown ones that are removed are
    /// taken for them.
    homeless: u64,
}

impl Lives {
    /// Nothing seen yet.
    pub fn new(names: NameFilter, most: usize) -> Self {
        Self {
            names,
            most,
            ends_seen: false,
            living: HashMap::new(),
            ended: HashMap::new(),
            strangers: Vec::new(),
            by_name: Names::default(),
            freed_by: HashMap::new(),
            leaving: Default::default(),
            named: 0,
            patterns: Patterns::default(),
            untracked: 0,
            homeless: 0,
        }
    }

    /// Files that are followed now.
    pub fn count(&self) -> usize {
        self.living.len() + self.ended.len() + self.strangers.len()
    }

    /// Takes in an open.
    pub fn open(&mut self, open: Open) {
        let Opened::Ok { file, created, .. } = open.result else {
            return;
        };
        let Some((file, file_type)) = file else {
            // Closed by another thread before anyone could look.
            self.untracked += u64::from(open.flags & libc::O_CREAT as u64 != 0);
            return;
        };
        let key = Key::File(file);
        self.freed_by.remove(&open.thread.tid);
        if created == Some(true) {
            self.birth(key, open.time, open.thread, file_type, open.path, 1);
            return;
        }
        self.meet(&key, file_type, open.path.as_ref());
        let Some(life) = self.living.get_mut(&key) else {
            return;
        };
        let truncates = open.flags & libc::O_TRUNC as u64 != 0;
        life.truncates += u64::from(truncates);
        if let Some(opens) = &mut life.opens {
            *opens += 1;
        }
        if let Some(place) = life.pattern {
            let pattern = self.patterns.at(place);
            pattern.opens += 1;
            pattern.changed = true;
        }
        // Otherwise they are of something else that the thread has done.
        self.cancel(&key, open.cancelled_bytes.filter(|_| truncates));
    }

    /// Takes in what a thread did with a file.
    pub fn io(&mut self, io: &Io) {
        if io.lower {
            return;
        }
        let key = Key::File(io.file);
        if !self.ended.contains_key(&key) {
            self.meet(&key, io.file_type, io.path.as_deref());
        }
        let ended = self.ended.get_mut(&key).map(|ended| &mut ended.life);
        let Some(life) = ended.or_else(|| self.living.get_mut(&key)) else {
            return;
        };
        let (read, written) = (io.counts.read_bytes, io.counts.write_bytes);
        for (sum, bytes) in [
            (&mut life.read_bytes, read),
            (&mut life.write_bytes, written),
        ] {
            *sum = sum.map(|sum| sum.saturating_add(bytes));
        }
        if let Some(place) = life.pattern {
            let pattern = self.patterns.at(place);
            pattern.read_bytes = pattern.read_bytes.saturating_add(read);
            pattern.write_bytes = pattern.write_bytes.saturating_add(written);
            pattern.changed = true;
        }
    }

    /// Takes in a change.
    pub fn change(&mut self, change: Change) {
        let mut key = self.key(change.file, change.path.as_ref());
        if change.what != Changed::Free {
            let freed = self.freed_by.remove(&change.thread.tid);
            if let Changed::Unlink | Changed::Rmdir = change.what {
                key = key.or(freed);
            }
        }
        match &change.what {
            Changed::Create => {
                let file_type = change.file_type.unwrap_or(FileType::Regular);
                let key = change.file.map(Key::File);
                if let Some(key) = key.or_else(|| self.new_key(change.path.as_ref())) {
                    self.birth(key, change.time, change.thread, file_type, change.path, 0);
                }
            }
            Changed::Link { from } => {
                let key = self.key(change.file, from.as_ref());
                if let (Some(key), Some(path)) = (key, change.path) {
                    self.named(&key, path);
                }
            }
            Changed::Unlink | Changed::Rmdir => {
                let cancelled = change.cancelled_bytes;
                let gone = self.unnamed(key, change, End::Unlink);
                self.cancel_any(gone, cancelled);
            }
            Changed::Rename {
                from,
                other,
                exchange,
            } => {
                let key = self.key(change.file, from.as_ref());
                let other = self.key(*other, change.path.as_ref());
                let (from, exchange) = (from.clone(), *exchange);
                self.renamed(key, other, from, exchange, change);
            }
            Changed::Truncate { length } => {
                if let Some(life) = key.as_ref().and_then(|key| self.living.get_mut(key)) {
                    life.truncates += u64::from(*length == 0);
                }
                self.cancel_any(key, change.cancelled_bytes);
            }
            Changed::Free => self.freed(change),
        }
    }

    /// Takes in a change of a file of a kind that is not followed.
    pub fn other(&mut self, change: &Change) {
        if change.file.is_none()
            && change.what == Changed::Create
            && let Some(name) = name(change.path.as_ref())
        {
            self.by_name.insert_other(name, self.most);
        }
    }

    /// The key of a file, by what is known of it.
    fn key(&self, file: Option<FileId>, path: Option<&FilePath>) -> Option<Key> {
        let by_name = || self.by_name.get(&name(path)?).cloned();
        file.map(Key::File).or_else(by_name)
    }

    /// A key of a file that has just got a name, of which no more is known.
    fn new_key(&mut self, path: Option<&FilePath>) -> Option<Key> {
        name(path)?;
        self.named += 1;
        Some(Key::Named(self.named))
    }

    /// A file was made.
    fn birth(
        &mut self,
        key: Key,
        time: Time,
        thread: Thread,
        file_type: FileType,
        path: Option<FilePath>,
        opens: u64,
    ) {
        if !self.names.admits(&thread, path.as_ref()) {
            return;
        }
        if self.count() >= self.most {
            self.untracked += 1;
            self.homeless += 1;
            return;
        }
        let place = self
            .patterns
            .of(path.as_ref().map_or(b"?", |path| &path.bytes));
        let pattern = self.patterns.at(place);
        pattern.create(&thread, time);
        pattern.opens += opens;
        // A file system that has no generations of inodes does not tell it from an earlier one.
        if let Some(earlier) = self.ended.remove(&key) {
            self.strangers.push(earlier);
        }
        let is_named = path.as_ref().is_some_and(|path| !path.deleted);
        if is_named && let Some(name) = name(path.as_ref()) {
            self.by_name.insert(name, key.clone());
        }
        let life = Life {
            file: file(&key),
            file_type: Some(file_type),
            path,
            created: Some((time, thread)),
            write_bytes: Some(0),
            read_bytes: Some(0),
            opens: Some(opens),
            truncates: 0,
            cancelled_bytes: None,
            pattern: Some(place),
            names: u32::from(is_named),
            leaving: None,
        };
        self.living.insert(key, life);
    }

    /// A file that was there before is touched. Half of the room is for such files: then it can be
    /// told what was done to them, should they be removed.
    fn meet(&mut self, key: &Key, file_type: FileType, path: Option<&FilePath>) {
        if self.living.contains_key(key) {
            return;
        }
        // What is in no directory, such as a memfd, is never removed from one.
        let is_outside = |path: &FilePath| !path.cut && !path.bytes.starts_with(b"/");
        let is_stranger = path.is_some_and(|path| path.deleted || is_outside(path));
        if is_stranger || self.count() >= self.most / 2 {
            return;
        }
        let name = name(path);
        // One that was made without being opened is known by its name so far.
        let known = name.as_ref().and_then(|name| self.by_name.get(name));
        let known = known.filter(|known| matches!(known, Key::Named(_)));
        let mut life = known
            .and_then(|known| self.living.remove(known))
            .unwrap_or_else(|| Life {
                read_bytes: Some(0),
                write_bytes: Some(0),
                opens: Some(0),
                names: 1,
                ..stranger(None, Some(file_type), path.cloned())
            });
        life.file = file(key);
        if let Some(name) = name {
            self.by_name.insert(name, key.clone());
        }
        self.living.insert(key.clone(), life);
    }

    fn cancel_any(&mut self, key: Option<Key>, bytes: Option<u64>) {
        if let Some(key) = key {
            self.cancel(&key, bytes);
        }
    }

    /// Bytes of a file were dropped before they were written.
    fn cancel(&mut self, key: &Key, bytes: Option<u64>) {
        let ended = self.ended.get_mut(key).map(|ended| &mut ended.life);
        let life = ended.or_else(|| self.living.get_mut(key));
        let (Some(life), Some(bytes)) = (life, bytes) else {
            return;
        };
        let sum = life.cancelled_bytes.get_or_insert_default();
        *sum = sum.saturating_add(bytes);
        if let Some(place) = life.pattern {
            self.patterns.at(place).cancel(bytes);
        }
    }
}
