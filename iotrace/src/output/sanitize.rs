//! Names are bytes that anyone can choose. None of them may drive a terminal.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
};

use crate::event::FilePath;

/// Text that is safe to print: control characters, bytes that are not UTF-8 and
/// characters that change how their neighbours are shown become `\xNN` or
/// `\u{NNNN}`, and a backslash `\\`, so that no name looks like another.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    if let Some(text) = plain(bytes) {
        return text.into();
    }
    let mut safe = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            push(&mut safe, character);
        }
        for byte in chunk.invalid() {
            escape_byte(&mut safe, *byte);
        }
    }
    Cow::Owned(safe)
}

/// A text that is ASCII which every output shows as it is: most names are.
pub fn plain(bytes: &[u8]) -> Option<&str> {
    // Blocks of this size are looked at with a few instructions.
    const BLOCK: usize = 16;
    let (blocks, rest) = bytes.as_chunks();
    let mut last = [b' '; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    let is_plain = |byte: u8| (0x20..0x7f).contains(&byte) && byte != b'\\' && byte != b'"';
    // Not `all`, which ends early, and so looks at each.
    let are_plain =
        |block: &[u8; BLOCK]| block.iter().fold(true, |all, byte| all & is_plain(*byte));
    if !are_plain(&last) || !blocks.iter().all(are_plain) {
        return None;
    }
    // SAFETY: all of it is ASCII, which is UTF-8.
    Some(unsafe { std::str::from_utf8_unchecked(bytes) })
}

/// A name that stands by itself: [`text`] whose spaces at either end show as
/// `\x20`, for beside a column's padding or the end of a line nobody sees them.
pub fn name(bytes: &[u8]) -> Cow<'_, str> {
    const SPACE: &str = "\\x20";
    if !bytes.starts_with(b" ") && !bytes.ends_with(b" ") {
        return plain(bytes).map_or_else(|| text(bytes), Cow::Borrowed);
    }
    let is_space = |byte: &&u8| **byte == b' ';
    let before = bytes.iter().take_while(is_space).count();
    let rest = &bytes[before..];
    let after = rest.iter().rev().take_while(is_space).count();
    let inner = text(&rest[..rest.len() - after]);
    [&SPACE.repeat(before), &*inner, &SPACE.repeat(after)]
        .concat()
        .into()
}

/// Appends a path as people see it.
pub fn path(path: &FilePath, cell: &mut impl fmt::Write) {
    // Writing to memory does not fail.
    let mut put = |text: &str| _ = cell.write_str(text);
    if path.cut && !path.bytes.starts_with(b"/") {
        put("…/");
    }
    // A file may be called so without being it.
    match path.bytes.strip_suffix(b" (deleted)") {
        Some(stem) => {
            put(&name(stem));
            put("\\x20(deleted)");
        }
        None => put(&name(&path.bytes)),
    }
    if path.deleted {
        put(" (deleted)");
    }
}

fn push(safe: &mut String, character: char) {
    match character {
        '\0'..='\x1f' | '\x7f' => escape_byte(safe, character as u8),
        '\\' => safe.push_str("\\\\"),
        _ if is_deceptive(character) => {
            // Writing to a string does not fail.
            let _ = write!(safe, "\\u{{{:04x}}}", u32::from(character));
        }
        _ => safe.push(character),
    }
}

fn escape_byte(safe: &mut String, byte: u8) {
    let _ = write!(safe, "\\x{byte:02x}");
}

/// Whether a character may drive a terminal or deceive who reads it.
pub fn is_unsafe(character: char) -> bool {
    character.is_control() || is_deceptive(character)
}

/// C1 controls, and characters without a shape of their own, which reorder, hide,
/// split or imitate text: bidirectional controls, zero-width ones, line separators,
/// tags, variation selectors, every space but the plain one (general category Zs),
/// what is drawn as blank, and noncharacters.
fn is_deceptive(character: char) -> bool {
    let code = u32::from(character);
    let nothing = code & 0xfffe == 0xfffe;
    nothing
        || matches!(
            code,
            0x80..=0xa0
                | 0xad
                | 0x34f
                | 0x61c
                | 0x115f..=0x1160
                | 0x1680
                | 0x17b4..=0x17b5
                | 0x180b..=0x180f
                | 0x2000..=0x200f
                | 0x2028..=0x202f
                | 0x205f..=0x206f
                | 0x2800
                | 0x3000
                | 0x3164
                | 0xfdd0..=0xfdef
                | 0xfe00..=0xfe0f
                | 0xfeff
                | 0xffa0
                | 0xfff0..=0xfffb
                | 0x13430..=0x1343f
                | 0x16fe4
                | 0x1bca0..=0x1bca3
                | 0x1d159
                | 0x1d173..=0x1d17a
                | 0xe0000..=0xe0fff
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_text_is_itself() {
        assert_eq!(text(b"/tmp/a b'c\"d$"), "/tmp/a b'c\"d$");
        assert_eq!(text("/srv/café/日本".as_bytes()), "/srv/café/日本");
    }

    #[test]
    fn escapes_are_readable() {
        assert_eq!(text(b"a\x1b[31mb\n"), "a\\x1b[31mb\\x0a");
        assert_eq!(text(b"caf\xe9"), "caf\\xe9");
        assert_eq!(text(b"caf\\xe9"), "caf\\\\xe9");
        assert_eq!(
            text("a\u{202e}b\u{9b}c".as_bytes()),
            "a\\u{202e}b\\u{009b}c"
        );
    }

    #[test]
    fn what_looks_like_nothing_or_like_a_space_shows() {
        let blanks = "\u{a0}\u{1680}\u{2000}\u{2003}\u{200a}\u{202f}\u{205f}\u{3000}\u{2800}\
                      \u{3164}\u{ffa0}\u{115f}\u{1160}\u{ad}\u{1d159}\u{ffff}\u{10fffe}";
        for blank in blanks.chars() {
            let shown = format!("a\\u{{{:04x}}}b", u32::from(blank));
            assert_eq!(text(format!("a{blank}b").as_bytes()), shown);
        }
        // These have a shape.
        for shape in "\u{fffc}\u{fffd}\u{600}\u{2801}\u{3001}\u{1100}\u{e000}".chars() {
            assert_eq!(text(shape.to_string().as_bytes()), shape.to_string());
        }
    }

    #[test]
    fn spaces_at_the_ends_of_a_name_show() {
        assert_eq!(name(b"tokio worker"), "tokio worker");
        assert_eq!(name(b"  a b "), "\\x20\\x20a b\\x20");
        assert_eq!(name(b"  "), "\\x20\\x20");
        assert_eq!(name(b""), "");
        assert_eq!(name(b" \xff "), "\\x20\\xff\\x20");
    }

    #[test]
    fn no_name_passes_for_a_deleted_file() {
        let shown = |bytes: &'static [u8], deleted| {
            let mut cell = String::new();
            let bytes = bytes::Bytes::from_static(bytes);
            path(
                &FilePath {
                    bytes,
                    deleted,
                    ..FilePath::default()
                },
                &mut cell,
            );
            cell
        };
        assert_eq!(shown(b"/a", true), "/a (deleted)");
        assert_eq!(shown(b"/a ", true), "/a\\x20 (deleted)");
        assert_eq!(shown(b"/a (deleted)", false), "/a\\x20(deleted)");
        assert_eq!(shown(b"/a (deleted)", true), "/a\\x20(deleted) (deleted)");
        assert_eq!(shown(b"/a (deleted) b", false), "/a (deleted) b");
    }

    proptest! {
        #[test]
        fn nothing_that_drives_a_terminal_passes(bytes: Vec<u8>) {
            let safe = text(&bytes);
            prop_assert!(!safe.contains(is_unsafe));
        }

        #[test]
        fn each_dangerous_character_is_escaped_anywhere(
            before in "[a-z]{0,4}", code in 0u32..0x110000, after in "[a-z]{0,4}",
        ) {
            if let Some(character) = char::from_u32(code) {
                let name = format!("{before}{character}{after}");
                let safe = text(name.as_bytes());
                if character == '\\' {
                    prop_assert_eq!(safe, format!("{before}\\\\{after}"));
                } else if is_unsafe(character) {
                    prop_assert!(!safe.contains(character));
                } else {
                    prop_assert_eq!(safe, name.as_str());
                }
            }
        }
    }
}
