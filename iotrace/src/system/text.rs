//! Small text files of `/proc` and `/sys`. What is not there, or not as it should be, is `None`.

use std::{fs, path::Path};

/// A file. Bytes that are not UTF-8 (the name of a file behind a loop may have some) are replaced.
pub(super) fn read(path: impl AsRef<Path>) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// A file of one line, without its end; `None` also when it is empty.
pub(super) fn line(path: impl AsRef<Path>) -> Option<String> {
    let mut text = read(path)?;
    if text.ends_with('\n') {
        text.pop();
    }
    Some(text).filter(|text| !text.is_empty())
}

/// The number in `column` of the line that begins with the word `key`, as in `pswpin 12`.
pub(super) fn number(text: &str, key: &str, column: usize) -> Option<u64> {
    let mut lines = text.lines().map(str::split_ascii_whitespace);
    let mut words = lines.find_map(|mut words| (words.next()? == key).then_some(words))?;
    words.nth(column.checked_sub(1)?)?.parse().ok()
}

/// Names in a directory, sorted; none when there is no such directory.
pub(super) fn names(dir: impl AsRef<Path>) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect::<Vec<_>>();
    names.sort_unstable();
    names
}
