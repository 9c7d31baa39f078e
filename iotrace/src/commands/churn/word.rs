//! Names with their variable parts folded to `*`, from the name alone.

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
fn fold_component(name: &[u8]) -> Vec<u8> {
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
pub fn ending(part: &[u8]) -> &[u8] {
    let stem = split_ending(part.strip_suffix(b"/").unwrap_or(part)).0;
    part.strip_prefix(stem).unwrap_or(part)
}

/// Splits a path after each `/`. A part that is only that has no name; nothing
/// is remembered of it.
pub fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split_inclusive(|&byte| byte == b'/')
}

pub fn fold_part(part: &[u8]) -> Vec<u8> {
    match part {
        [name @ .., b'/'] => [fold_component(name).as_slice(), b"/"].concat(),
        name => fold_component(name),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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

    proptest! {
        #[test]
        fn folding_keeps_the_ending(
            name in prop::collection::vec(prop::sample::select(b"ab19.-_*tmp\xc3:".to_vec()), 0..15),
        ) {
            let folded = fold_component(&name);
            prop_assert_eq!(split_ending(&folded).1, split_ending(&name).1);
            prop_assert_eq!(fold_component(&folded), folded);
        }
    }
}
