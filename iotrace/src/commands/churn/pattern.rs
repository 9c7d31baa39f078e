//! Patterns of paths: names with their variable parts folded to `*`.
//!
//! A program that writes ten thousand short-lived files does so in few places,
//! and people want to see the places. Two rules find them. [`super::word`]
//! looks at one name alone and folds what looks like a number, a hash or a
//! random name. [`Folder`] looks at what a directory holds: more than
//! [`SIBLINGS`] names with one ending are one family, whatever they look like.
//!
//! Paths are bytes and stay bytes. A `*` that really stands in a name stays as
//! it is: patterns are for people to read and are never matched against files.

use std::collections::BTreeMap;
use std::mem;

use super::word::{ending, fold_part, parts};

/// So many different names with one ending a directory may hold before they
/// fold.
pub const SIBLINGS: usize = 16;

/// So many directory patterns are remembered; in others only names that look
/// variable fold.
pub const DIRECTORIES: usize = 4096;

/// So many names of files are remembered, in all directories together.
pub const FILES: usize = DIRECTORIES * SIBLINGS;

/// Directories deeper than this are not remembered: merging two directories
/// recurses, and the stack must hold that.
pub const DEPTH: usize = 128;

/// Folds whole paths and remembers what it has seen in each directory.
#[derive(Debug, Default)]
pub struct Folder {
    absolute: Node,
    /// Paths whose beginning is not known must not mix with those from `/`.
    cut: Node,
    used: Used,
}

impl Folder {
    /// Gives the pattern of a path, and whether names have folded because of
    /// this path: patterns given before may then fold further, which
    /// [`Folder::refold`] does.
    ///
    /// A path that ends in `/` is a directory, and its pattern ends so too.
    pub fn pattern(&mut self, path: &[u8]) -> (Vec<u8>, bool) {
        let mut pattern = Vec::with_capacity(path.len());
        let mut passed = false;
        let mut node = Some(match path {
            [b'/', ..] => &mut self.absolute,
            _ => &mut self.cut,
        });
        for (depth, part) in parts(path).enumerate() {
            let mut part = fold_part(part);
            if part != b"/"
                && let Some(parent) = node.take()
                && (parent.knows(&part) || (depth < DEPTH && self.used.take(&part)))
            {
                let (group, now) = parent.add(&part, &mut self.used);
                passed |= now;
                part = group.current(&part);
                node = group.names.get_mut(&part);
            }
            pattern.extend(part);
        }
        (pattern, passed)
    }

    /// Gives what a pattern from [`Folder::pattern`] has become since: the
    /// pattern that its path has now.
    pub fn refold(&self, pattern: &[u8]) -> Vec<u8> {
        let mut now = Vec::with_capacity(pattern.len());
        let mut node = Some(match pattern {
            [b'/', ..] => &self.absolute,
            _ => &self.cut,
        });
        for part in parts(pattern) {
            let mut part = part.to_vec();
            if part != b"/"
                && let Some(parent) = node.take()
                && let Some(group) = parent.groups.get(ending(&part))
            {
                part = group.current(&part);
                node = group.names.get(&part);
            }
            now.extend(part);
        }
        now
    }
}

/// How many directories and files are remembered.
#[derive(Debug, Default)]
struct Used {
    directories: usize,
    files: usize,
}

impl Used {
    fn of(&mut self, part: &[u8]) -> (&mut usize, usize) {
        match part {
            [.., b'/'] => (&mut self.directories, DIRECTORIES),
            _ => (&mut self.files, FILES),
        }
    }

    /// Counts one more, if there is room.
    fn take(&mut self, part: &[u8]) -> bool {
        let (used, most) = self.of(part);
        let room = *used < most;
        *used += usize::from(room);
        room
    }

    /// Counts one less: two have become one.
    fn give_back(&mut self, part: &[u8]) {
        *self.of(part).0 -= 1;
    }
}

/// What is known of one directory pattern, by ending. A file is an empty one.
#[derive(Debug, Default)]
struct Node {
    groups: BTreeMap<Vec<u8>, Group>,
}

impl Node {
    /// Whether a name needs no room.
    fn knows(&self, part: &[u8]) -> bool {
        let group = self.groups.get(ending(part));
        group.is_some_and(|group| group.folded || group.names.contains_key(part))
    }

    /// Adds a name; gives its group and whether that has folded by it.
    fn add(&mut self, part: &[u8], used: &mut Used) -> (&mut Group, bool) {
        let group = self.groups.entry(ending(part).to_vec()).or_default();
        let before = group.folded;
        if !before {
            group.names.entry(part.to_vec()).or_default();
            group.fold_if_full(ending(part), used);
        }
        let now = group.folded && !before;
        (group, now)
    }

    fn merge(&mut self, other: Node, used: &mut Used) {
        for (ending, group) in other.groups {
            match self.groups.get_mut(&ending) {
                Some(own) => own.merge(group, &ending, used),
                None => _ = self.groups.insert(ending, group),
            }
        }
    }
}

/// The names in a directory that have one ending; only `*` with that ending
/// once they are folded.
#[derive(Debug, Default)]
struct Group {
    folded: bool,
    names: BTreeMap<Vec<u8>, Node>,
}

impl Group {
    /// What a name of this group is called now.
    fn current(&self, part: &[u8]) -> Vec<u8> {
        if self.folded {
            return [b"*", ending(part)].concat();
        }
        part.to_vec()
    }

    fn merge(&mut self, other: Group, ending: &[u8], used: &mut Used) {
        self.folded |= other.folded;
        for (name, node) in other.names {
            self.insert(name, node, used);
        }
        self.fold_if_full(ending, used);
    }

    /// Directories that get the same name become one, and what they hold may
    /// thereby pass the limit in turn.
    fn insert(&mut self, name: Vec<u8>, node: Node, used: &mut Used) {
        match self.names.get_mut(&name) {
            Some(own) => {
                used.give_back(&name);
                own.merge(node, used);
            }
            None => _ = self.names.insert(name, node),
        }
    }

    fn fold_if_full(&mut self, ending: &[u8], used: &mut Used) {
        self.folded |= self.names.len() > SIBLINGS;
        if self.folded {
            for node in mem::take(&mut self.names).into_values() {
                self.insert([b"*", ending].concat(), node, used);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeSet, HashMap, HashSet};

    /// SplitMix64: small, and the same on every machine.
    struct Random(u64);

    impl Random {
        fn below(&mut self, end: usize) -> usize {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((word ^ (word >> 31)) % end as u64) as usize
        }

        fn bytes(&mut self, from: &[u8], most: usize) -> Vec<u8> {
            let count = self.below(most + 1);
            (0..count).map(|_| from[self.below(from.len())]).collect()
        }

        /// Most paths go down one way, whose directories are full before their
        /// siblings are; others fill when these merge.
        fn path(&mut self, files: usize) -> Vec<u8> {
            let ends: [&[u8]; 6] = [b"", b"", b"", b"", b".x1", b".12"];
            let mut path = self.bytes(b"//////a", 1);
            for _ in 0..[0, 1, 1, 2][self.below(4)] {
                path.extend(b"j/");
            }
            for left in (0..=self.below(3)).rev() {
                let plain = b'a' + self.below(if left > 0 { 20 } else { files }) as u8;
                match self.below(8) {
                    0 => path.extend(self.bytes(b"*.*.-_:19aftmp\x80\xff\n /", 8)),
                    _ => path.extend([&[plain], ends[self.below(6)]].concat()),
                }
                path.push(b'/');
            }
            path.truncate(path.len() - usize::from(self.below(6) > 0));
            path
        }
    }

    /// The rule without memory or order: fold what is too much until stable.
    fn reference(paths: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut full = HashSet::new();
        loop {
            let mut seen: HashMap<_, BTreeSet<_>> = HashMap::new();
            let mut patterns = Vec::new();
            for path in paths {
                let mut pattern = Vec::new();
                let mut place = vec![path.starts_with(b"/").to_string().into_bytes()];
                for part in parts(path) {
                    let mut part = fold_part(part);
                    if part != b"/" {
                        let family = (place.clone(), ending(&part).to_vec());
                        seen.entry(family.clone()).or_default().insert(part.clone());
                        if full.contains(&family) {
                            part = [b"*", family.1.as_slice()].concat();
                        }
                        place.push(part.clone());
                    }
                    pattern.extend(part);
                }
                patterns.push(pattern);
            }
            seen.retain(|family, names| names.len() > SIBLINGS && !full.contains(family));
            if seen.is_empty() {
                return patterns;
            }
            full.extend(seen.into_keys());
        }
    }

    /// Counts what a tree remembers, to compare with the room it has taken.
    fn remembered(node: &Node) -> [usize; 2] {
        let mut sum = [0; 2];
        for (ending, group) in &node.groups {
            assert!(!group.names.is_empty());
            assert!(group.names.len() <= if group.folded { 1 } else { SIBLINGS });
            sum[usize::from(!ending.ends_with(b"/"))] += group.names.len();
            for below in group.names.values().map(remembered) {
                sum = [sum[0] + below[0], sum[1] + below[1]];
            }
        }
        sum
    }

    fn check(seed: u64, files: usize, used: [usize; 2]) -> usize {
        let mut random = Random(seed);
        let mut folder = Folder::default();
        [folder.used.directories, folder.used.files] = used;
        let paths: Vec<_> = (0..500).map(|_| random.path(files)).collect();
        let mut given: Vec<[Vec<u8>; 2]> = Vec::new();
        let mut folds = 0;
        for path in &paths {
            let (pattern, passed) = folder.pattern(path);
            assert_eq!(folder.refold(&pattern), pattern);
            folds += usize::from(passed);
            let step = if passed { 1 } else { 1 + random.below(20) };
            for [first, latest] in given.iter_mut().step_by(step) {
                let now = folder.refold(first);
                assert_eq!(folder.refold(latest), now);
                assert!(passed || now == *latest);
                *latest = now;
            }
            given.push([pattern.clone(), pattern]);
        }
        let trees = [&folder.absolute, &folder.cut].map(remembered);
        let sum = [0, 1].map(|kind| used[kind] + trees[0][kind] + trees[1][kind]);
        assert_eq!(sum, [folder.used.directories, folder.used.files]);
        if used == [0, 0] {
            let latest: Vec<_> = given.iter().map(|given| given[1].clone()).collect();
            assert_eq!(latest, reference(&paths));
        }
        for (path, [first, _]) in paths.iter().zip(&given) {
            let now = folder.pattern(path).0;
            assert_eq!(folder.refold(first), now, "{}", path.escape_ascii());
        }
        folds
    }

    #[test]
    fn patterns_given_earlier_refold_to_those_given_now() {
        let mut folds = 0;
        for seed in 0..5 {
            folds += check(seed, 18, [0, 0]);
            folds += check(seed, 60, [0, 0]);
            folds += check(seed, 20, [DIRECTORIES - 40, FILES - 150]);
        }
        assert!(folds > 30, "{folds}");
    }

    #[test]
    fn merged_directories_fold_in_turn() {
        let mut folder = Folder::default();
        let word = |at| char::from(b'a' + at as u8);
        for at in 0..SIBLINGS {
            let path = format!("/w/{}/{}.c", word(at), word(at));
            assert_eq!(
                folder.pattern(path.as_bytes()),
                (path.clone().into(), false)
            );
        }
        let last = folder.pattern(b"/w/z/z.c");
        assert_eq!(last, (b"/w/*/*.c".to_vec(), true));
        assert_eq!(folder.refold(b"/w/a/a.c"), b"/w/*/*.c");
        assert_eq!(folder.pattern(b"/w/new/x"), (b"/w/*/x".to_vec(), false));
        assert_eq!(folder.pattern(b"/w/file").0, b"/w/file");
        assert_eq!(folder.pattern(b"w/a/").0, b"w/a/");
    }

    #[test]
    fn memory_and_depth_are_bounded() {
        let mut folder = Folder::default();
        for at in 0..=SIBLINGS as u8 {
            let deep = [&[b'/', b'a' + at][..], &b"/x".repeat(5000)].concat();
            folder.pattern(&deep);
        }
        assert_eq!(folder.used.directories, DEPTH - 1);
    }
}
