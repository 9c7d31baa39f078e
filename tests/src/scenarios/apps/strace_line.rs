//! One system call in strace's words.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow};

/// Hands out the calls of a file that `strace -f -o FILE` has written, those that others
/// interrupted as one, with the thread that made each.
pub fn each_call(text: &str, mut take: impl FnMut(u32, &Call) -> Result<()>) -> Result<()> {
    // The beginnings of calls that others interrupted.
    let mut begun: BTreeMap<u32, &str> = BTreeMap::new();
    for line in text.lines() {
        let not_understood = || anyhow!("strace wrote a line not understood: {line}");
        let (thread, rest) = line.split_once(' ').ok_or_else(not_understood)?;
        let thread = thread.parse().map_err(|_| not_understood())?;
        let rest = rest.trim_start();
        if rest.starts_with("+++") || rest.starts_with("---") {
            continue;
        }
        if let Some(begin) = rest.strip_suffix("<unfinished ...>") {
            begun.insert(thread, begin);
            continue;
        }
        let whole = match rest.strip_prefix("<... ") {
            None => rest.to_owned(),
            Some(resumed) => {
                let (_, end) = resumed.split_once(" resumed>").ok_or_else(not_understood)?;
                let begin = begun.remove(&thread).ok_or_else(not_understood)?;
                format!("{begin}{end}")
            }
        };
        let call = Call::parse(&whole).ok_or_else(not_understood)?;
        take(thread, &call).with_context(not_understood)?;
    }
    Ok(())
}

/// A call that has returned.
#[derive(Debug, PartialEq, Eq)]
pub struct Call<'line> {
    pub name: &'line str,
    /// As they stand there.
    pub arguments: Vec<&'line str>,
    /// Nothing when strace knows no number.
    pub returned: Option<i64>,
}

impl<'line> Call<'line> {
    /// Reads `NAME(ARGUMENT, …) = NUMBER…`, whatever is in paths and strings.
    pub fn parse(line: &'line str) -> Option<Self> {
        let (name, rest) = line.split_once('(')?;
        let mut arguments = Vec::new();
        let mut start = 0;
        let mut depth = 0_usize;
        let mut until = None;
        let mut escaped = false;
        for (at, c) in rest.char_indices() {
            if let Some(end) = until {
                // Inside of a path or a string, which have what ends them only escaped.
                if c == end && !escaped {
                    until = None;
                }
                escaped = c == '\\' && !escaped;
                continue;
            }
            match c {
                '<' => until = Some('>'),
                '"' => until = Some('"'),
                '(' | '[' | '{' => depth += 1,
                ')' if depth == 0 => {
                    arguments.push(rest[start..at].trim());
                    return Some(Self {
                        name,
                        arguments,
                        returned: returned(&rest[at + 1..])?,
                    });
                }
                ')' | ']' | '}' => depth = depth.checked_sub(1)?,
                ',' if depth == 0 => {
                    arguments.push(rest[start..at].trim());
                    start = at + 1;
                }
                _ => {}
            }
        }
        None
    }

    /// The path that strace gives for a descriptor: `3</a/b>`, `3</a/b>(deleted)`.
    pub fn path(&self, argument: usize) -> Option<PathBuf> {
        let (_fd, rest) = self.arguments.get(argument)?.split_once('<')?;
        let (path, _) = rest.rsplit_once('>')?;
        path.starts_with('/').then(|| unescape(path))
    }

    /// A path that the caller named, as a string.
    pub fn named(&self, argument: usize) -> Option<PathBuf> {
        let text = self.arguments.get(argument)?.strip_prefix('"')?;
        Some(unescape(text.strip_suffix('"')?))
    }
}

/// ` = 5`, ` = 5</a>`, ` = -1 ENOENT (…)`, ` = ?`: a number, or that there is none.
fn returned(rest: &str) -> Option<Option<i64>> {
    let value = rest.trim_start().strip_prefix('=')?.trim_start();
    let value = value.split([' ', '<']).next()?;
    if value == "?" {
        return Some(None);
    }
    Some(Some(value.parse().ok()?))
}

/// The bytes behind `\74` and the like.
fn unescape(text: &str) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let digits = rest.iter().take(3);
        let digits = digits.take_while(|byte| (b'0'..=b'7').contains(*byte));
        let count = digits.count();
        if count > 0 {
            let value = rest[..count]
                .iter()
                .fold(0_u32, |value, digit| value * 8 + u32::from(digit - b'0'));
            bytes.push(value.to_le_bytes()[0]);
            rest = &rest[count..];
        } else if let [letter, after @ ..] = rest {
            rest = after;
            bytes.push(match letter {
                b'n' => b'\n',
                b't' => b'\t',
                b'r' => b'\r',
                b'v' => 0x0b,
                b'f' => 0x0c,
                other => *other,
            });
        }
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::Call;

    #[test]
    fn arguments_paths_and_numbers() {
        let line =
            r#"splice(3</a, \74(b>(deleted), [0] => [5], 4<pipe:[1]>, NULL, {x=")", y=1}) = 5"#;
        let call = Call::parse(line);
        let path = |at| call.as_ref().and_then(|call| call.path(at));
        assert_eq!(path(0), Some(PathBuf::from("/a, <(b")));
        assert_eq!(path(2), None, "a pipe");
        assert_eq!(call.as_ref().map(|call| call.arguments.len()), Some(5));
        assert_eq!(call.and_then(|call| call.returned), Some(5));
    }

    #[test]
    fn what_did_not_return_a_number() {
        let returned = |line| Call::parse(line).map(|call| call.returned);
        let failed = r#"read(3</a>, 0x1, 5) = -1 EAGAIN (try)"#;
        assert_eq!(returned(failed), Some(Some(-1)));
        let restarted = "read(3</a>, 0x1, 5)      = ? ERESTARTSYS (To be restarted)";
        assert_eq!(returned(restarted), Some(None));
        assert_eq!(returned("read(3</a>, 0x1"), None);
        assert_eq!(returned("+++ exited with 0 +++"), None);
    }

    #[test]
    fn names_have_their_bytes() {
        let call = Call::parse(r#"rename("a\"\303\274\n", "\\b") = 0"#);
        let named = |at| call.as_ref().and_then(|call| call.named(at));
        assert_eq!(named(0), Some(PathBuf::from("a\"ü\n")));
        assert_eq!(named(1), Some(PathBuf::from("\\b")));
    }
}
