//! Sums over the files of a pattern.

use std::collections::HashMap;

use super::{pattern::Folder, spread::Spread};
use crate::event::{Thread, Time};

/// Threads whose files are counted one by one, of each pattern: enough to name the busiest.
const THREADS: usize = 64;

/// Most patterns. There is one for each directory with a different name that nothing folds, so
/// there may be as many as directories; the files of all further ones are summed up as [`OTHERS`].
const PATTERNS: usize = 16_384;

/// The name of what has no pattern of its own.
const OTHERS: &[u8] = b"(others)";

/// What is known of the files of a pattern, since the start.
#[derive(Clone, Debug, Default)]
pub struct Pattern {
    /// The pattern itself.
    pub name: Vec<u8>,
    /// Files made.
    pub created: u64,
    /// Files that ended.
    pub deleted: u64,
    /// Those of them that were there before the start.
    pub older: u64,
    /// Files made that have not ended.
    pub alive: u64,
    /// Lives of those that were made and ended, nanoseconds.
    pub lifetimes: Spread,
    /// Bytes written to these files.
    pub write_bytes: u64,
    /// Bytes read from them.
    pub read_bytes: u64,
    /// Bytes written that never went to storage; `None` when never known.
    pub cancelled_bytes: Option<u64>,
    /// Opens, those that made the files included.
    pub opens: u64,
    burst: Burst,
    threads: HashMap<u32, Work>,
    /// It has changed since it was last shown.
    pub changed: bool,
}

/// What a thread did.
#[derive(Clone, Debug)]
struct Work {
    thread: Thread,
    created: u64,
    deleted: u64,
}

/// The second in which most files were made.
#[derive(Clone, Copy, Debug, Default)]
struct Burst {
    second: u64,
    count: u64,
    largest: u64,
}

impl Pattern {
    /// A file was made.
    pub fn create(&mut self, thread: &Thread, time: Time) {
        self.created += 1;
        self.alive += 1;
        self.changed = true;
        let second = time.0 / 1_000_000_000;
        let burst = &mut self.burst;
        if burst.second != second {
            (burst.second, burst.count) = (second, 0);
        }
        burst.count += 1;
        burst.largest = burst.largest.max(burst.count);
        if let Some(work) = self.work(thread) {
            work.created += 1;
        }
    }

    /// A file ended that had lived so long, if it was made while iotrace looked.
    pub fn end(&mut self, thread: &Thread, lifetime_ns: Option<u64>) {
        self.deleted += 1;
        self.changed = true;
        match lifetime_ns {
            Some(lifetime_ns) => {
                self.alive = self.alive.saturating_sub(1);
                self.lifetimes.add(lifetime_ns);
            }
            None => self.older += 1,
        }
        if let Some(work) = self.work(thread) {
            work.deleted += 1;
        }
    }

    /// Bytes were kept from being written.
    pub fn cancel(&mut self, bytes: u64) {
        let sum = self.cancelled_bytes.get_or_insert_default();
        *sum = sum.saturating_add(bytes);
        self.changed = true;
    }

    /// Most files that were made within one second.
    pub fn largest_burst(&self) -> u64 {
        self.burst.largest
    }

    /// The thread that made most of the files.
    pub fn creator(&self) -> Option<&Thread> {
        self.busiest(|work| work.created)
    }

    /// The thread that ended most of them.
    pub fn deleter(&self) -> Option<&Thread> {
        self.busiest(|work| work.deleted)
    }

    /// What part of the files was made by threads of these processes, 0 to 1; of more threads than
    /// are told apart, some stand for all.
    pub fn created_by(&self, is_one: impl Fn(u32) -> bool) -> f64 {
        let sum = |is_one: &dyn Fn(u32) -> bool| -> u64 {
            let threads = self.threads.values();
            let threads = threads.filter(|work| is_one(work.thread.pid));
            threads.map(|work| work.created).sum()
        };
        let all = sum(&|_| true).max(1);
        sum(&is_one) as f64 / all as f64
    }

    fn busiest(&self, files: fn(&Work) -> u64) -> Option<&Thread> {
        let busy = self.threads.values().filter(|work| files(work) > 0);
        // Of several the one with the least number, so that the answer does not change.
        let best = busy.max_by_key(|work| (files(work), std::cmp::Reverse(work.thread.tid)));
        best.map(|work| &work.thread)
    }

    fn work(&mut self, thread: &Thread) -> Option<&mut Work> {
        if self.threads.len() >= THREADS && !self.threads.contains_key(&thread.tid) {
            return None;
        }
        let work = self.threads.entry(thread.tid).or_insert_with(|| Work {
            thread: thread.clone(),
            created: 0,
            deleted: 0,
        });
        Some(work)
    }

    fn merge(&mut self, other: Self) {
        self.created += other.created;
        self.deleted += other.deleted;
        self.older += other.older;
        self.alive += other.alive;
        self.lifetimes.merge(&other.lifetimes);
        self.write_bytes = self.write_bytes.saturating_add(other.write_bytes);
        self.read_bytes = self.read_bytes.saturating_add(other.read_bytes);
        if let Some(bytes) = other.cancelled_bytes {
            self.cancel(bytes);
        }
        self.opens += other.opens;
        // Bursts of the same second are one; of others, only the larger is still known.
        let (mine, others) = (&mut self.burst, other.burst);
        if mine.second == others.second {
            mine.count += others.count;
        } else if others.second > mine.second {
            (mine.second, mine.count) = (others.second, others.count);
        }
        mine.largest = mine.largest.max(others.largest).max(mine.count);
        for work in other.threads.into_values() {
            if let Some(mine) = self.work(&work.thread) {
                mine.created += work.created;
                mine.deleted += work.deleted;
            }
        }
        self.changed = true;
    }
}

/// All patterns. A place stays good when patterns are put together.
#[derive(Debug, Default)]
pub struct Patterns {
    folder: Folder,
    places: HashMap<Vec<u8>, usize>,
    /// `Err` with the place of the pattern that one went into.
    all: Vec<Result<Pattern, usize>>,
}

impl Patterns {
    /// The place of the pattern of a path.
    pub fn of(&mut self, path: &[u8]) -> usize {
        let (name, folds_further) = self.folder.pattern(path);
        if folds_further {
            self.fold_again();
        }
        self.place(name)
    }

    /// The pattern at a place.
    pub fn at(&mut self, mut place: usize) -> &mut Pattern {
        while let Err(into) = self.all[place] {
            place = into;
        }
        match &mut self.all[place] {
            Ok(pattern) => pattern,
            Err(_) => unreachable!("the chain of places ends at a pattern"),
        }
    }

    /// All patterns.
    pub fn iter(&self) -> impl Iterator<Item = &Pattern> {
        self.all.iter().filter_map(|pattern| pattern.as_ref().ok())
    }

    /// All of them have been looked at.
    pub fn shown(&mut self) {
        let patterns = self.all.iter_mut().filter_map(|one| one.as_mut().ok());
        patterns.for_each(|pattern| pattern.changed = false);
    }

    fn place(&mut self, name: Vec<u8>) -> usize {
        if let Some(place) = self.places.get(&name) {
            return *place;
        }
        if self.places.len() >= PATTERNS && name != OTHERS {
            return self.place(OTHERS.to_vec());
        }
        let place = self.all.len();
        self.all.push(Ok(Pattern {
            name: name.clone(),
            ..Pattern::default()
        }));
        self.places.insert(name, place);
        place
    }

    /// Puts patterns together that have become one.
    fn fold_again(&mut self) {
        let names: Vec<Vec<u8>> = self.places.keys().cloned().collect();
        for old in names {
            let new = self.folder.refold(&old);
            if new == old {
                continue;
            }
            let Some(from) = self.places.remove(&old) else {
                continue;
            };
            let into = self.place(new);
            let moved = std::mem::replace(&mut self.all[from], Err(into));
            if let Ok(pattern) = moved {
                self.at(into).merge(pattern);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Comm;

    fn thread(tid: u32) -> Thread {
        Thread {
            pid: 1,
            tid,
            uid: 0,
            comm: Comm::from(b"t"),
        }
    }

    #[test]
    fn names_that_only_the_number_of_siblings_folds_end_in_one_pattern() {
        let mut patterns = Patterns::default();
        let mut places = Vec::new();
        for letter in b'a'..=b'z' {
            let place = patterns.of(&[b"/d/", &[letter; 3][..], b".dat"].concat());
            patterns
                .at(place)
                .create(&thread(u32::from(letter)), Time(5));
            places.push(place);
        }
        for place in places {
            patterns.at(place).end(&thread(9), Some(7));
        }
        let all: Vec<_> = patterns.iter().collect();
        assert_eq!(all.len(), 1);
        let one = all[0];
        assert_eq!(one.name, b"/d/*.dat");
        assert_eq!((one.created, one.deleted, one.alive), (26, 26, 0));
        assert_eq!(one.largest_burst(), 26);
        assert_eq!(one.lifetimes.max(), Some(7));
        assert_eq!(
            one.creator().map(|thread| thread.tid),
            Some(u32::from(b'a'))
        );
        assert_eq!(one.deleter().map(|thread| thread.tid), Some(9));
    }
}
