//! The report for people: aligned, wrapped, readable without colour.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::{check::Check, report::Report};
use crate::output::sanitize;

/// Width of a line where nobody tells how wide the screen is, and at most.
const WIDTH: usize = 100;
/// Less than that is not readable anyway.
const NARROWEST: usize = 50;
/// Cells of the names.
const NAME: usize = 20;
/// Cells before the text: two spaces, the mark, a space, the name, a space.
const INDENT: usize = 2 + 2 + 1 + NAME + 1;

/// Titles of groups for people.
const TITLES: [(&str, &str); 9] = [
    ("kernel", "kernel"),
    ("types", "type information of the kernel (BTF)"),
    ("privileges", "privileges of this process"),
    ("container", "container"),
    ("programs", "types of programs, tried"),
    ("maps", "types of maps, tried"),
    ("hooks", "functions and tracepoints of the kernel"),
    ("features", "what iotrace can tell on this kernel"),
    ("backends", "backends, tried; best first"),
];

/// Writes the report, for a screen of that width.
pub fn write(report: &Report, width: Option<usize>, out: &mut Vec<u8>) {
    let width = width.unwrap_or(WIDTH).clamp(NARROWEST, WIDTH);
    let mut text = String::new();
    let mut group = "";
    let mut given: Vec<&str> = Vec::new();
    for check in &report.checks {
        if check.group != group {
            if !group.is_empty() {
                text.push('\n');
            }
            group = check.group;
            text.push_str(title(group));
            text.push('\n');
        }
        line(&mut text, check, width);
        for advice in &check.advice {
            // Once is enough.
            if !given.contains(&advice.as_str()) {
                given.push(advice);
                for part in advice.lines() {
                    put(&mut text, &" ".repeat(INDENT), "-> ", part, width);
                }
            }
        }
    }
    text.push('\n');
    put(&mut text, "", "", &report.verdict.sentence, width);
    out.extend_from_slice(text.as_bytes());
}

fn title(group: &'static str) -> &'static str {
    let mut titles = TITLES.iter();
    titles
        .find(|(name, _)| *name == group)
        .map_or("what the commands will use", |(_, title)| title)
}

fn line(text: &mut String, check: &Check, width: usize) {
    let head = format!("  {} {:NAME$} ", check.state.mark(), check.name);
    let parts = [check.found.as_deref(), check.means.as_deref()];
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    put(text, &head, "", &parts.join(" - "), width);
}

/// Appends `first`, and what follows wrapped below its end; `bullet` is before it,
/// and further lines stand below what is behind the bullet.
fn put(text: &mut String, first: &str, bullet: &str, words: &str, width: usize) {
    let indent = first.width() + bullet.width();
    let safe = sanitize::text(words.as_bytes());
    let mut before = format!("{first}{bullet}");
    for line in wrap(&safe, width.saturating_sub(indent).max(1)) {
        text.push_str(format!("{before}{line}").trim_end());
        text.push('\n');
        before = " ".repeat(indent);
    }
}

/// Lines of at most `width` cells; words that are longer are cut where they must.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_whitespace() {
        let space = usize::from(used > 0);
        if used > 0 && used + space + word.width() > width {
            lines.push(String::new());
            used = 0;
        }
        let mut line = lines.pop().unwrap_or_default();
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        for character in word.chars() {
            let cells = character.width().unwrap_or(0);
            if used + cells > width {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(character);
            used += cells;
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_kept_whole_where_they_fit() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(
            wrap("/a/very/long/path x", 8),
            ["/a/very/", "long/pat", "h x"]
        );
        assert_eq!(wrap("", 8), [""]);
    }

    proptest! {
        #[test]
        fn no_line_is_too_long(text: String, width in 2usize..40) {
            for line in wrap(&text, width) {
                prop_assert!(line.width() <= width, "{line:?}");
            }
        }
    }
}
