//! Parts of documents that commands write: they stand between two markers.

use std::fs;

use anyhow::{Context, Result};

use crate::process::write;
use crate::workspace;

const END: &str = "<!-- to here -->\n";

fn begin(command: &str) -> String {
    format!("<!-- written by `{command}` from here -->\n")
}

/// Puts what `command` found between its two markers in a file.
pub fn put(file: &str, command: &str, content: &str) -> Result<()> {
    let path = workspace::root().join(file);
    let old = fs::read_to_string(&path).with_context(|| format!("cannot read {file}"))?;
    let new = replace(&old, command, content).with_context(|| no_markers(file, command))?;
    if new != old {
        eprintln!("xtask: writing the results to {file}");
        write(&path, new)?;
    }
    Ok(())
}

/// What `command` put there.
pub fn get(file: &str, command: &str) -> Result<String> {
    let path = workspace::root().join(file);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {file}"))?;
    let content = split(&text, command).map(|(_, content, _)| content.to_owned());
    content.with_context(|| no_markers(file, command))
}

fn no_markers(file: &str, command: &str) -> String {
    format!("{file} has not the two markers of `{command}`")
}

/// What stands before the content, the content, and what stands behind it.
fn split<'a>(text: &'a str, command: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let (before, rest) = text.split_once(&begin(command))?;
    let (content, after) = rest.split_once(END)?;
    Some((before, content, after))
}

/// The text with other content; nothing when it has not the markers.
pub fn replace(text: &str, command: &str, content: &str) -> Option<String> {
    let (before, _, after) = split(text, command)?;
    let begin = begin(command);
    Some(format!("{before}{begin}\n{content}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_commands_own_part_is_replaced() {
        let (one, two) = (begin("x"), begin("x --more"));
        let text = format!("a\n{one}old\n{END}b\n{two}old\n{END}c\n");
        let new = format!("a\n{one}old\n{END}b\n{two}\nnew\n\n{END}c\n");
        assert_eq!(replace(&text, "x --more", "new\n").as_ref(), Some(&new));
        assert_eq!(replace(&new, "x --more", "new\n").as_ref(), Some(&new));
        assert_eq!(replace(&text, "y", "new"), None);
        assert_eq!(replace(&one, "x", "new"), None);
    }
}
