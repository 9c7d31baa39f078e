//! Names are bytes that anyone can choose. None of them may drive a terminal.

use std::{borrow::Cow, fmt::Write as _};

use crate::event::FilePath;

/// Text that is safe to print: control characters, bytes that are not UTF-8 and
/// characters that change how their neighbours are shown become `\xNN` or
/// `\u{NNNN}`, and a backslash `\\`, so that no name looks like another.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    let plain = |byte: &u8| (0x20..0x7f).contains(byte) && *byte != b'\\';
    if bytes.iter().all(plain) {
        // ASCII is UTF-8, so nothing is replaced here.
        return String::from_utf8_lossy(bytes);
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

/// Appends a path as people see it.
pub fn path(path: &FilePath, cell: &mut String) {
    if path.cut && !path.bytes.starts_with(b"/") {
        cell.push_str("…/");
    }
    cell.push_str(&text(&path.bytes));
    if path.deleted {
        cell.push_str(" (deleted)");
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

/// C1 controls, and characters without a shape that reorder, hide or split text:
/// bidirectional controls, zero-width ones, line separators, tags, variation
/// selectors and the like.
fn is_deceptive(character: char) -> bool {
    matches!(
        u32::from(character),
        0x80..=0x9f
            | 0xad
            | 0x34f
            | 0x61c
            | 0x115f..=0x1160
            | 0x17b4..=0x17b5
            | 0x180b..=0x180f
            | 0x200b..=0x200f
            | 0x2028..=0x202e
            | 0x2060..=0x206f
            | 0x3164
            | 0xfe00..=0xfe0f
            | 0xfeff
            | 0xffa0
            | 0xfff0..=0xfffb
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
