//! The file that a catalogue is written in. What is wrong with it is told with its line.

use std::{fmt, path::Path};

use serde::Deserialize;
use toml::Spanned;

use super::entry::{Carrier, Entry, Io};
use crate::output::one_line;

/// They say that nothing, or nothing special, is the matter.
const RESERVED: [&str; 3] = ["none", "unclear", "process"];

/// What a file holds.
#[derive(Debug, Default)]
pub struct File {
    /// Work that can be recognised.
    pub entries: Vec<Entry>,
    /// Threads of the kernel that do the I/O of others.
    pub carriers: Vec<Carrier>,
}

/// The same, with places.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    entry: Vec<Spanned<Entry>>,
    #[serde(default)]
    carrier: Vec<Spanned<Carrier>>,
}

impl File {
    /// Reads the text of a file; its path is for what is said of it.
    pub fn parse(text: &str, path: &Path) -> Result<Self, String> {
        let wrong = |at: usize, what: &dyn fmt::Display| {
            let before = text.get(..at).unwrap_or(text);
            format!(
                "cannot use the catalogue {}, line {}: {}. Mend it, or run without --catalogue",
                one_line(path),
                before.matches('\n').count() + 1,
                one_line(what.to_string()),
            )
        };
        let raw: Raw = toml::from_str(text).map_err(|error| {
            let span = error.span().unwrap_or_default();
            wrong(span.start, &error.message())
        })?;
        for entry in &raw.entry {
            let (at, entry) = (entry.span().start, entry.get_ref());
            if !entry.is_recognisable() {
                let what = "has none of exe, command, comm, kernel_thread, unit, work and lock";
                return Err(wrong(at, &format!("'{}' {what}", entry.name)));
            }
            if entry.io == Io::Other && !entry.has_others() {
                let what = "has io = \"other\", but no through that says whose";
                return Err(wrong(at, &format!("'{}' {what}", entry.name)));
            }
            if RESERVED.contains(&entry.cause.as_str()) {
                let what = "is a cause that verdicts have without a catalogue";
                return Err(wrong(at, &format!("'{}' {what}", entry.cause)));
            }
            if entry.title.trim().is_empty() || entry.look.trim().is_empty() {
                let what = "has an empty title or look";
                return Err(wrong(at, &format!("'{}' {what}", entry.name)));
            }
            if entry.exe.is_empty() && !entry.arguments.is_empty() {
                let what = "has arguments, but no exe that they are for";
                return Err(wrong(at, &format!("'{}' {what}", entry.name)));
            }
        }
        let entries = raw.entry.iter();
        let entries = entries.map(|one| (one.span().start, &one.get_ref().name));
        let carriers = raw.carrier.iter();
        let carriers = carriers.map(|one| (one.span().start, &one.get_ref().name));
        for names in [entries.collect::<Vec<_>>(), carriers.collect()] {
            for (n, (at, name)) in names.iter().enumerate() {
                if names[..n].iter().any(|(_, earlier)| earlier == name) {
                    return Err(wrong(*at, &format!("'{name}' is there twice")));
                }
            }
        }
        Ok(Self {
            entries: raw.entry.into_iter().map(Spanned::into_inner).collect(),
            carriers: raw.carrier.into_iter().map(Spanned::into_inner).collect(),
        })
    }
}
