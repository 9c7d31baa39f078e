//! How lives end.

use super::{
    super::{
        life::{End, Ended, Guess, Key, Leaving, ended, file, stranger},
        names::name,
    },
    Lives,
};
use crate::event::{Change, FileType, Time};

impl Lives {
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

    /// A file lost a name. Returns the file.
    pub(super) fn unnamed(&mut self, key: Option<Key>, change: Change, end: End) -> Option<Key> {
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

    /// The last who used a file without a name let go of it.
    pub(super) fn freed(&mut self, change: Change) {
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
}
