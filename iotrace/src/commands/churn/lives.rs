//! The lives of files. Pure: no clock, no I/O.

use std::collections::HashMap;

use bytes::Bytes;

use super::{
    life::{End, Ended, Guess, Key, Leaving, Life, ended, file, stranger},
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

    /// Ends an interval: what ended in it, in order. What ended later waits, because it may have
    /// been written to in the next one too; unless there is none.
    pub fn tick(&mut self, until: Option<Time>) -> Vec<Ended> {
        self.end_unheard();
        let is_due = |ended: &Ended| until.is_none_or(|until| ended.time <= until);
        let mut due: Vec<Key> = Vec::new();
        for (key, ended) in self.ended.iter_mut().filter(|(_, ended)| is_due(ended)) {
            if until.is_some() && ended.guess == Some(Guess::New) {
                ended.guess = Some(Guess::Old);
            } else {
                due.push(key.clone());
            }
        }
        let mut lives: Vec<Ended> = Vec::new();
        for key in due {
            if let Some(ended) = self.ended.remove(&key) {
                self.forget_name(ended.life.path.as_ref(), &key);
                lives.push(ended);
            }
        }
        self.freed_by.retain(|_, key| self.ended.contains_key(key));
        lives.extend(self.strangers.extract_if(.., |ended| is_due(ended)));
        lives.retain(|ended| {
            self.names.admits(&ended.thread, ended.life.path.as_ref())
                || ended.life.pattern.is_some()
        });
        for ended in &lives {
            self.settle(ended);
        }
        lives.sort_by_key(|ended| ended.time);
        lives
    }

    /// Ends what lost its last name before the interval, with nobody to hold it.
    fn end_unheard(&mut self) {
        let [now, before] = &mut self.leaving;
        let overdue = std::mem::replace(before, std::mem::take(now));
        for key in overdue {
            let Some(mut life) = self.living.remove(&key) else {
                continue;
            };
            match life.leaving.take() {
                Some(Leaving {
                    end,
                    time,
                    thread,
                    held: false,
                    ..
                }) => {
                    let gone = Ended {
                        life,
                        time,
                        thread,
                        end,
                        guess: None,
                    };
                    self.ended.insert(key, gone);
                }
                // Another one by now.
                leaving => {
                    life.leaving = leaving;
                    self.living.insert(key, life);
                }
            }
        }
    }

    /// Adds an ended life to its pattern.
    fn settle(&mut self, ended: &Ended) {
        let life = &ended.life;
        let place = match life.pattern {
            Some(place) => place,
            None => {
                let path = life.path.as_ref().map(|path| &path.bytes[..]);
                let place = self.patterns.of(path.unwrap_or(b"?"));
                let pattern = self.patterns.at(place);
                pattern.opens += life.opens.unwrap_or(0);
                let (read, written) = (life.read_bytes, life.write_bytes);
                pattern.read_bytes = pattern.read_bytes.saturating_add(read.unwrap_or(0));
                pattern.write_bytes = pattern.write_bytes.saturating_add(written.unwrap_or(0));
                if let Some(bytes) = life.cancelled_bytes {
                    pattern.cancel(bytes);
                }
                place
            }
        };
        self.patterns
            .at(place)
            .end(&ended.thread, ended.lifetime_ns());
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

    /// Nothing is known of a file but that it is gone.
    fn strange(&mut self, ended: Ended) {
        let life = &ended.life;
        if !self.names.admits(&ended.thread, life.path.as_ref()) || self.was_homeless() {
            return;
        }
        if self.count() >= self.most {
            self.untracked += 1;
            return;
        }
        self.strangers.push(ended);
    }

    /// Whether an unknown file that is removed is one of those that found no room.
    fn was_homeless(&mut self) -> bool {
        let was = self.homeless > 0;
        self.homeless = self.homeless.saturating_sub(1);
        was
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

    /// A file got a name.
    fn named(&mut self, key: &Key, path: FilePath) {
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

    /// A file lost a name. Returns the file.
    fn unnamed(&mut self, key: Option<Key>, change: Change, end: End) -> Option<Key> {
        let gone = name(change.path.as_ref());
        let had_it = gone.as_ref().and_then(|gone| self.by_name.get(gone)) == key.as_ref();
        if let Some(gone) = &gone {
            self.by_name.remove(gone);
        }
        let Some(key) = key else {
            let is_other = gone.is_some_and(|name| self.by_name.remove_other(&name));
            if !is_other {
                let mut life = stranger(None, change.file_type, change.path.clone());
                life.cancelled_bytes = change.cancelled_bytes;
                self.strange(ended(life, &change, end));
            }
            return None;
        };
        if let Some(ended) = self.ended.get_mut(&key) {
            if ended.guess.take().is_some() {
                ended.end = end;
                // It may be known by a name that it lost before.
                if had_it && end != End::Replaced && name(ended.life.path.as_ref()) != gone {
                    ended.life.path = change.path;
                }
            }
            return Some(key);
        }
        if change.links.is_some_and(|links| links > 0) {
            if let Some(life) = self.living.get_mut(&key) {
                life.names = life.names.saturating_sub(1);
            }
            return Some(key);
        }
        let life = self.living.remove(&key);
        if life.is_none() && self.was_homeless() {
            return None;
        }
        if life.is_none() && self.count() >= self.most {
            self.untracked += 1;
            return None;
        }
        let mut life = life.unwrap_or_else(|| stranger(file(&key), change.file_type, None));
        life.names = life.names.saturating_sub(1);
        // It may have names that nobody told of; here are those that somebody did.
        if change.links.is_none() && life.names > 0 {
            self.living.insert(key.clone(), life);
            return Some(key);
        }
        // The kernel's own words are better than those of a caller.
        let is_new = end != End::Replaced && gone.is_some() && name(life.path.as_ref()) != gone;
        if is_new || life.path.is_none() {
            self.forget_name(life.path.as_ref(), &key);
            life.path = change.path.clone();
        }
        if self.ends_seen && life.file.is_some() {
            // Where only names are told, it is held until the kernel lets go of it; and one that was
            // there before may have names that nobody has told of.
            let held = change.held || change.links.is_none();
            let is_claim = change.links.is_none() && life.created.is_none();
            if !held {
                self.leaving[0].push(key.clone());
            }
            life.leaving = Some(Leaving {
                end,
                time: change.time,
                thread: change.thread,
                held,
                is_claim,
            });
            self.living.insert(key.clone(), life);
        } else {
            self.ended.insert(key.clone(), ended(life, &change, end));
        }
        Some(key)
    }

    fn renamed(
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
                self.moved(other, from);
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
            self.moved(&key, path);
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

    fn moved(&mut self, key: &Key, path: Option<FilePath>) {
        if let Some(life) = self.living.get_mut(key) {
            let before = std::mem::replace(&mut life.path, path);
            if name(before.as_ref()) != name(life.path.as_ref()) {
                self.forget_name(before.as_ref(), key);
            }
        }
    }

    /// The last who used a file without a name let go of it.
    fn freed(&mut self, change: Change) {
        let Some(file) = change.file else {
            return;
        };
        let key = Key::File(file);
        let Some(mut life) = self.living.remove(&key) else {
            return;
        };
        let mut gone = match life.leaving.take() {
            // Who removed it ended it.
            Some(leaving) if !leaving.held => Ended {
                life,
                time: change.time,
                thread: leaving.thread,
                end: leaving.end,
                guess: None,
            },
            // Or another name has just been removed, by a call that has not returned.
            Some(leaving) if leaving.is_claim => {
                self.freed_by.insert(change.thread.tid, key.clone());
                Ended {
                    guess: Some(Guess::New),
                    ..ended(life, &change, End::LastClose)
                }
            }
            Some(_) => ended(life, &change, End::LastClose),
            // Its name has just been removed by a call that has not returned.
            None if life.names > 0 => {
                self.freed_by.insert(change.thread.tid, key.clone());
                // Where the compiler put `vfs_rmdir` into its caller (Debian's 5.10), nothing more
                // is heard of a directory. One that was in use would have ended later.
                let end = match life.file_type {
                    Some(FileType::Directory) => End::Unlink,
                    _ => End::LastClose,
                };
                Ended {
                    guess: Some(Guess::New),
                    ..ended(life, &change, end)
                }
            }
            None => ended(life, &change, End::LastClose),
        };
        if gone.life.path.is_none() {
            gone.life.path = change.path.clone();
        }
        self.ended.insert(key.clone(), gone);
        self.cancel(&key, change.cancelled_bytes);
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

    fn forget_name(&mut self, path: Option<&FilePath>, key: &Key) {
        if let Some(name) = name(path) {
            self.by_name.forget(&name, key);
        }
    }
}
