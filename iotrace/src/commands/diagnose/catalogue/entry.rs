//! What a catalogue is made of.

use globset::{Candidate, Glob, GlobSet};
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::{
    commands::diagnose::program::{self, Program},
    event::{Facts, Work, WorkKind},
    filter,
};

/// Work that is not an application's, or an application whose I/O is that of others.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Names it; does not change.
    #[serde(deserialize_with = "word")]
    pub name: String,
    /// What it is, for people: `backup by restic`.
    pub title: String,
    /// What kind of work it is, for scripts: `backup`. Does not change.
    #[serde(deserialize_with = "word")]
    pub cause: String,
    /// Who does its I/O.
    pub io: Io,
    /// How much it tells that it is there, 0 to 1: little of what is always there, or does other
    /// things too.
    #[serde(default = "usual_weight", deserialize_with = "share")]
    pub weight: f64,
    /// It is an application, which does what others ask for. Not among what can be ruled out.
    #[serde(default)]
    pub application: bool,
    /// It reads, and writes next to nothing, so that it does not explain what is written.
    #[serde(default)]
    pub reads_only: bool,
    /// What to look at next: a command line, or a sentence.
    pub look: String,

    /// File names of the program.
    #[serde(default)]
    pub(super) exe: Vec<Pattern>,
    /// What `exe` must have been told, if not empty.
    #[serde(default)]
    pub(super) arguments: Globs,
    /// Whole command lines and titles.
    #[serde(default)]
    pub(super) command: Vec<Pattern>,
    #[serde(default)]
    pub(super) comm: Vec<Pattern>,
    #[serde(default)]
    pub(super) kernel_thread: Vec<Pattern>,
    #[serde(default)]
    pub(super) unit: Vec<Pattern>,
    #[serde(default)]
    pub(super) work: Vec<States>,
    /// Lock files that are held while it runs.
    #[serde(default, deserialize_with = "absolute")]
    pub(super) lock: Vec<String>,
    /// File names or command lines of the programs, other than those that it starts, that do its
    /// I/O.
    #[serde(default)]
    pub(super) through: Globs,
}

impl Entry {
    /// Whether a process with these facts runs a program that does the I/O of this work.
    pub fn goes_through(&self, facts: &Facts) -> bool {
        let mut names = Program::of(facts).names.into_iter();
        names.any(|name| self.through.is_match(name))
            || program::command(facts).is_some_and(|command| self.through.is_match(command))
    }

    /// Whether there are such programs.
    pub(super) fn has_others(&self) -> bool {
        !self.through.is_empty()
    }

    /// Whether this is the work that a state of the system tells of.
    pub(super) fn is(&self, work: &Work) -> bool {
        match work.kind {
            WorkKind::Lock => self.lock.iter().any(|lock| run(lock) == run(&work.name)),
            kind => self
                .work
                .iter()
                .any(|states| states.kind == kind && states.states.contains(&work.state)),
        }
    }

    /// Whether there is any way to recognise it.
    pub(super) fn is_recognisable(&self) -> bool {
        let patterns = [
            &self.exe,
            &self.command,
            &self.comm,
            &self.kernel_thread,
            &self.unit,
        ];
        let lists = patterns.map(Vec::is_empty);
        lists.contains(&false) || !self.work.is_empty() || !self.lock.is_empty()
    }
}

/// The same file by its usual name: the old directory is a link to the new one.
fn run(path: &str) -> &str {
    if path.starts_with("/var/run/") {
        &path["/var".len()..]
    } else {
        path
    }
}

/// Who does the I/O of some work.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Io {
    /// The process itself.
    Itself,
    /// Threads of the kernel.
    Kernel,
    /// Another process; see [`Entry::goes_through`].
    Other,
}

/// A thread of the kernel that does the I/O of others.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carrier {
    /// Names it; does not change.
    #[serde(deserialize_with = "word")]
    pub name: String,
    /// Whose I/O it does.
    pub behind: String,
    /// What to look at next: a command line, or a sentence.
    pub look: String,
    pub(super) comm: Vec<Pattern>,
}

/// States of one kind of [`Work`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct States {
    #[serde(deserialize_with = "kind")]
    kind: WorkKind,
    states: Vec<String>,
}

/// A pattern that is known to be one.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Pattern(pub Glob);

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(pattern: String) -> Result<Self, String> {
        if pattern.is_empty() {
            return Err("an empty pattern matches nothing".to_owned());
        }
        filter::bounded(&pattern)?;
        let glob = Glob::new(&pattern).map_err(|error| error.to_string())?;
        Ok(Self(glob))
    }
}

/// Patterns of one entry that are looked at together.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "Vec<Pattern>")]
pub(super) struct Globs(GlobSet);

impl TryFrom<Vec<Pattern>> for Globs {
    type Error = String;

    fn try_from(patterns: Vec<Pattern>) -> Result<Self, String> {
        let set = GlobSet::new(patterns.into_iter().map(|pattern| pattern.0));
        set.map(Self).map_err(|error| error.to_string())
    }
}

impl Globs {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn is_match(&self, text: &[u8]) -> bool {
        self.0.is_match_candidate(&Candidate::from_bytes(text))
    }
}

fn usual_weight() -> f64 {
    0.9
}

fn word<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let word = String::deserialize(from)?;
    let plain = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    if word.is_empty() || !word.bytes().all(plain) {
        return Err(D::Error::custom(format!(
            "'{word}' is no word of small letters, digits, '_' and '-'"
        )));
    }
    Ok(word)
}

fn share<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    let share = f64::deserialize(from)?;
    if (0.0..=1.0).contains(&share) {
        return Ok(share);
    }
    Err(D::Error::custom(format!("{share} is not from 0 to 1")))
}

fn absolute<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let paths = Vec::<String>::deserialize(from)?;
    match paths.iter().find(|path| !path.starts_with('/')) {
        Some(path) => Err(D::Error::custom(format!("'{path}' is no absolute path"))),
        None => Ok(paths),
    }
}

fn kind<'de, D: Deserializer<'de>>(from: D) -> Result<WorkKind, D::Error> {
    let name = String::deserialize(from)?;
    match WorkKind::from_name(&name) {
        Some(WorkKind::Lock) => Err(D::Error::custom("lock files stand in 'lock'")),
        Some(kind) => Ok(kind),
        None => Err(D::Error::custom(format!(
            "there is no kind of work '{name}'"
        ))),
    }
}
