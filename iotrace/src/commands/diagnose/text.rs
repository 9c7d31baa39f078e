//! The verdict for people.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::verdict::Verdict;
use crate::output::{sanitize, units};

/// The whole of it, in lines of at most `width`.
pub fn render(verdict: &Verdict, width: Option<usize>, out: &mut Vec<u8>) {
    let width = width.unwrap_or(100).clamp(40, 120);
    let mut lines = Lines { width, out };
    let certain = format!(
        "{} (watched {}, confidence {:.0} %)",
        verdict.sentence,
        units::duration(verdict.watched_ns),
        100.0 * verdict.confidence
    );
    lines.section("Verdict", &[certain]);
    lines.section("Evidence", &verdict.evidence);
    let files = verdict.files.iter();
    let files: Vec<_> = files
        .map(|file| sanitize::name(file).into_owned())
        .collect();
    lines.section("Files", &files);
    lines.section("Ruled out", &verdict.ruled_out);
    lines.section("Also seen", &verdict.also);
    lines.section("Next", &verdict.next);
}

struct Lines<'a> {
    width: usize,
    out: &'a mut Vec<u8>,
}

/// Where the text begins, behind the titles.
const INDENT: usize = 11;

impl Lines<'_> {
    fn section(&mut self, title: &str, items: &[String]) {
        let mut title = title;
        for item in items {
            let mut line = format!("{title:<INDENT$}");
            title = "";
            let mut is_empty = true;
            for word in safe(item).split(' ') {
                if !is_empty && line.width() + 1 + word.width() > self.width {
                    self.put(&line);
                    // Further lines of an item stand a little to the right.
                    line = " ".repeat(INDENT + 2);
                } else if !is_empty {
                    line.push(' ');
                }
                is_empty = false;
                self.word(&mut line, word);
            }
            self.put(&line);
        }
        if !items.is_empty() {
            self.out.push(b'\n');
        }
    }

    /// A word, in parts where it is longer than a line.
    fn word(&mut self, line: &mut String, word: &str) {
        let mut used = line.width();
        for character in word.chars() {
            let cells = character.width().unwrap_or(0);
            if used + cells > self.width {
                self.put(line);
                *line = " ".repeat(INDENT + 2);
                used = INDENT + 2;
            }
            line.push(character);
            used += cells;
        }
    }

    fn put(&mut self, line: &str) {
        self.out.extend_from_slice(line.trim_end().as_bytes());
        self.out.push(b'\n');
    }
}

/// Names in it have been escaped already; what has not, such as the words of a catalogue or a
/// recording, is here.
fn safe(item: &str) -> Cow<'_, str> {
    if item.chars().any(sanitize::is_unsafe) {
        sanitize::text(item.as_bytes())
    } else {
        item.into()
    }
}
