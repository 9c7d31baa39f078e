//! Patterns of paths: names with their variable parts folded to `*`.
//!
//! A program that writes ten thousand short-lived files does so in few places,
//! and people want to see the places. Two rules find them. [`fold_component`]
//! looks at one name alone and folds what looks like a number, a hash or a
//! random name. [`Folder`] looks at what a directory holds: more than
//! [`SIBLINGS`] names with one ending are one family, whatever they look like.
//!
//! Paths are bytes and stay bytes. A `*` that really stands in a name stays as
//! it is: patterns are for people to read and are never matched against files.

use std::collections::BTreeMap;
use std::mem;

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

/// The longest ending (without its dot) that is taken for a kind of file.
const ENDING: usize = 5;

/// So many characters of `0-9a-f` with a digit among them are taken for a hash.
const HASH: usize = 8;

/// So many random characters `mktemp` puts after `tmp.`.
const MKTEMP: usize = 10;

/// Characters of a UUID, dashes included.
const UUID: usize = 36;

/// Folds the parts of one name that look variable, from the name alone.
///
/// UUIDs become `*`, and so do words with a digit, of which leading letters
/// stay if only digits follow (`f17` is `f*`). What follows `tmp` or `temp`
/// goes even without a digit. Neighbouring `*` become one. An ending such as
/// `.txt` or `.mp4` stays as it is.
pub fn fold_component(name: &[u8]) -> Vec<u8> {
    let (stem, ending) = split_ending(name);
    let mut folded = join_stars(&fold_words(&fold_uuids(stem)));
    folded.extend_from_slice(ending);
    folded
}

/// Splits a name before the dot of its ending, which is empty if the name has
/// none: up to five ASCII letters and digits, a letter first. Folding never
/// changes what this finds, so that a pattern has the ending of its names.
fn split_ending(name: &[u8]) -> (&[u8], &[u8]) {
    let dot = name.iter().rposition(|&byte| byte == b'.').unwrap_or(0);
    let (stem, ending) = name.split_at(dot);
    match ending {
        [b'.', first, rest @ ..]
            if !stem.is_empty()
                && first.is_ascii_alphabetic()
                && rest.len() < ENDING
                && rest.iter().all(u8::is_ascii_alphanumeric) =>
        {
            (stem, ending)
        }
        _ => (name, b""),
    }
}

fn fold_uuids(mut text: &[u8]) -> Vec<u8> {
    let mut folded = Vec::with_capacity(text.len());
    while let Some((&byte, after)) = text.split_first() {
        if let Some((head, tail)) = text.split_at_checked(UUID)
            && is_uuid(head)
        {
            folded.push(b'*');
            text = tail;
        } else {
            folded.push(byte);
            text = after;
        }
    }
    folded
}

fn is_uuid(text: &[u8]) -> bool {
    text.iter().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}

fn fold_words(mut text: &[u8]) -> Vec<u8> {
    let mut folded = Vec::with_capacity(text.len());
    while let Some((&byte, after)) = text.split_first() {
        let (word, tail) = span(text, in_word);
        if word.is_empty() {
            folded.push(byte);
            text = after;
        } else if let Some((temporary, tail)) = fold_temporary(word, tail) {
            folded.extend(temporary);
            text = tail;
        } else {
            folded.extend(fold_word(word));
            text = tail;
        }
    }
    folded
}

/// Folds `tmp…` and `temp…`, and `tmp_…` and `tmp.…` if the next word has a
/// digit or is as long as those of `mktemp`; gives also what follows. Python's
/// random names may hold `_`, so all that is joined by `_` belongs to them.
fn fold_temporary<'a>(word: &[u8], tail: &'a [u8]) -> Option<(Vec<u8>, &'a [u8])> {
    let start: &[u8] = match word {
        [b't', b'm', b'p', ..] => b"tmp",
        [b't', b'e', b'm', b'p', ..] => b"temp",
        _ => return None,
    };
    let joined = |byte| in_word(byte) || byte == b'_';
    if word.len() > start.len() {
        return Some(([start, b"*"].concat(), span(tail, joined).1));
    }
    let (&joint, next) = tail.split_first()?;
    let (random, after) = span(next, in_word);
    let variable = match joint {
        b'_' => has_digit(random),
        b'.' => has_digit(random) || random.len() == MKTEMP,
        _ => false,
    };
    variable.then(|| ([start, &[joint, b'*']].concat(), span(after, joined).1))
}

fn fold_word(word: &[u8]) -> Vec<u8> {
    if !has_digit(word) {
        return word.to_vec();
    }
    let hash = word.len() >= HASH && word.iter().all(u8::is_ascii_hexdigit);
    let (letters, rest) = span(word, |byte| !byte.is_ascii_digit());
    if hash || !rest.iter().all(u8::is_ascii_digit) {
        return b"*".to_vec();
    }
    [letters, b"*"].concat()
}

/// Makes one `*` of several with at most one separator between each two.
fn join_stars(text: &[u8]) -> Vec<u8> {
    let mut joined: Vec<u8> = Vec::with_capacity(text.len());
    for &byte in text {
        if byte == b'*' {
            if let [.., b'*', b'-' | b'_' | b'.' | b':'] = joined.as_slice() {
                joined.pop();
            }
            if joined.last() == Some(&b'*') {
                continue;
            }
        }
        joined.push(byte);
    }
    joined
}

/// Splits where the bytes that are `wanted` end.
fn span(text: &[u8], wanted: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = text.iter().position(|&byte| !wanted(byte));
    text.split_at(end.unwrap_or(text.len()))
}

/// Bytes beyond ASCII count as letters: a character must not be torn apart.
fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

fn has_digit(word: &[u8]) -> bool {
    word.iter().any(u8::is_ascii_digit)
}

/// The ending of a part of a path, with the `/` that makes it a directory: what
/// has the same may fold together, so files never fold with directories.
fn ending(part: &[u8]) -> &[u8] {
    let stem = split_ending(part.strip_suffix(b"/").unwrap_or(part)).0;
    part.strip_prefix(stem).unwrap_or(part)
}

/// Splits a path after each `/`. A part that is only that has no name; nothing
/// is remembered of it.
fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split_inclusive(|&byte| byte == b'/')
}

fn fold_part(part: &[u8]) -> Vec<u8> {
    match part {
        [name @ .., b'/'] => [fold_component(name).as_slice(), b"/"].concat(),
        name => fold_component(name),
    }
}

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
    fn names_fold_by_their_looks() {
        let uuid = "2ec58410-9d1f-4B52-8a3e-7f0c6f6b2a11";
        let examples = "U=* aU-7.mp4=a*.mp4 tmpx_U=tmp* 657.txt=*.txt f17.h5=f*.h5
            req-lx12ycgo=req-* abcdef12=* abcde12=abcde* deadbeef=deadbeef
            \u{e9}7=\u{e9}* \u{e9}7x=* tmp=tmp tmpx8k_3j2a=tmp* tempab__c-d.json=temp*-d.json tmp_ab3_c=tmp_*
            tmp_report=tmp_report tmp.AbCdEfGhIj=tmp.* 1-2_3:4.5=* 1--2=*--* v1.2.3=v*
            lib.so.6=lib.so.* *=* a**b=a*b .txt=.txt .f17=.f* a.=a. a.abcdef=a.abcdef =";
        for example in examples.split_whitespace() {
            let (name, pattern) = example.split_once("=").expect("a pair");
            let folded = fold_component(name.replace('U', uuid).as_bytes());
            assert_eq!(String::from_utf8(folded).expect("UTF-8"), pattern, "{name}");
        }
    }

    #[test]
    fn folding_keeps_the_ending() {
        let mut random = Random(1);
        for _ in 0..50_000 {
            let name = random.bytes(b"ab19..-_*tmp\xc3:", 14);
            let folded = fold_component(&name);
            assert_eq!(split_ending(&folded).1, split_ending(&name).1);
            assert_eq!(fold_component(&folded), folded);
        }
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
