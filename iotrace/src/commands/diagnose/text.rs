//! The verdict for people.

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
    lines.section("Files", &verdict.files);
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
            let mut used = 0;
            for word in sanitize::text(item.as_bytes()).split(' ') {
                let length = word.chars().count();
                if used > 0 && INDENT + used + 1 + length > self.width {
                    self.put(&line);
                    // Further lines of an item stand a little to the right.
                    line = " ".repeat(INDENT + 2);
                    used = 2;
                } else if used > 0 {
                    line.push(' ');
                    used += 1;
                }
                line.push_str(word);
                used += length;
            }
            self.put(&line);
        }
        if !items.is_empty() {
            self.out.push(b'\n');
        }
    }

    fn put(&mut self, line: &str) {
        self.out.extend_from_slice(line.trim_end().as_bytes());
        self.out.push(b'\n');
    }
}
