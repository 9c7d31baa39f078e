//! The catalogue of what systems do on their own account: backups, scrubs, resyncs, replication,
//! indexing, updates. It is looked at before any application is suspected.

mod entry;
mod file;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, io, path::Path, path::PathBuf};

use globset::{Candidate, Error, GlobSet};

use entry::Pattern;
pub use entry::{Carrier, Entry, Io};
use file::File;

use super::program::{self, Program};
use super::read_small;
use crate::{
    event::{Facts, Work},
    output::one_line,
};

/// What iotrace knows by itself.
const EMBEDDED: &str = include_str!("catalogue.toml");

/// The names of files as people write them have none of these.
const SPECIAL: [char; 5] = ['*', '?', '[', '{', '\\'];
/// The kernel may have cut a name of this length (`TASK_COMM_LEN`, include/linux/sched.h).
const LONGEST_COMM: usize = 15;

/// Knows system work by its looks.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    entries: Vec<Entry>,
    carriers: Vec<Carrier>,
    command: Index,
    exe: Index,
    kernel_thread: Index,
    /// Also of programs, whose first thread has their name.
    comm: Index,
    unit: Index,
    carrier: Index,
}

/// How a process was recognised, the most specific way first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// By its whole command line, or the title that it gave itself.
    Command,
    /// By its program and what that was told.
    Arguments,
    /// By its program.
    Program,
    /// By the name of a thread of the kernel.
    KernelThread,
    /// By the name of its first thread, as nothing else is known of it.
    Comm,
    /// By the unit it belongs to.
    Unit,
}

/// A process that does some work.
#[derive(Clone, Copy, Debug)]
pub struct Match<'a> {
    /// The work.
    pub entry: &'a Entry,
    /// How it was recognised.
    pub by: By,
}

impl Catalogue {
    /// What iotrace knows by itself.
    pub fn embedded() -> Self {
        // That neither can fail is tested.
        let file = File::parse(EMBEDDED, Path::new("catalogue.toml")).unwrap_or_default();
        Self::new(file).unwrap_or_default()
    }

    /// The same and what a file adds; what has the same name, the file replaces. The error says
    /// what to do.
    pub fn with_file(path: &Path) -> Result<Self, String> {
        let shown = one_line(path);
        let text = read_small(path).and_then(|text| {
            String::from_utf8(text).map_err(|_| io::Error::other("it is not UTF-8"))
        });
        let text = text.map_err(|error| {
            format!(
                "cannot read the catalogue {shown}: {error}. Give a TOML file that you may read"
            )
        })?;
        let mut file = File::parse(&text, path)?;
        let Self {
            entries, carriers, ..
        } = Self::embedded();
        // The file's own come first: of two that are as specific, they win.
        for entry in entries {
            if file.entries.iter().all(|own| own.name != entry.name) {
                file.entries.push(entry);
            }
        }
        for carrier in carriers {
            if file.carriers.iter().all(|own| own.name != carrier.name) {
                file.carriers.push(carrier);
            }
        }
        Self::new(file).map_err(|error| {
            format!("cannot use the catalogue {shown}: {error}. Make its patterns simpler")
        })
    }

    fn new(file: File) -> Result<Self, Error> {
        let File { entries, carriers } = file;
        let index = |patterns: fn(&Entry) -> &Vec<Pattern>| {
            Index::new(entries.iter().map(|entry| patterns(entry).as_slice()))
        };
        let comm = entries.iter().map(|entry| {
            let exe = match entry.arguments.is_empty() {
                true => &entry.exe[..],
                false => &[],
            };
            let whole = exe.iter().filter(|pattern| {
                let name = pattern.0.glob();
                !name.contains(SPECIAL) && name.len() < LONGEST_COMM
            });
            whole.chain(&entry.comm).cloned().collect::<Vec<_>>()
        });
        Ok(Self {
            command: index(|entry| &entry.command)?,
            exe: index(|entry| &entry.exe)?,
            kernel_thread: index(|entry| &entry.kernel_thread)?,
            comm: Index::new(comm)?,
            unit: index(|entry| &entry.unit)?,
            carrier: Index::new(carriers.iter().map(|carrier| &carrier.comm[..]))?,
            entries,
            carriers,
        })
    }

    /// The work that a process does, the most specific first. Of one that runs an interpreter, the
    /// script counts; words that a program was told, only where an entry asks for them.
    pub fn of_process(&self, facts: &Facts) -> Vec<Match<'_>> {
        let mut found: BTreeMap<usize, By> = BTreeMap::new();
        let mut add = |by: By, numbers: Vec<usize>| {
            for number in numbers {
                let best = found.entry(number).or_insert(by);
                *best = by.min(*best);
            }
        };
        if facts.kernel {
            add(By::KernelThread, self.kernel_thread.find(&facts.comm));
        } else {
            let program = Program::of(facts);
            let command = program::command(facts);
            if let Some(command) = command {
                add(By::Command, self.command.find(command));
            }
            for name in &program.names {
                for number in self.exe.find(name) {
                    let told = &self.entries[number].arguments;
                    if told.is_empty() {
                        add(By::Program, vec![number]);
                    } else if told.is_match(program.arguments) {
                        add(By::Arguments, vec![number]);
                    }
                }
            }
            // Any program may call its threads as it likes: this is for what nothing is known of.
            if program.names.is_empty() {
                add(By::Comm, self.comm.find(&facts.comm));
            }
            if let Some(unit) = &facts.unit {
                add(By::Unit, self.unit.find(unit.as_bytes()));
            }
        }
        let matches = found.into_iter();
        let mut matches: Vec<Match<'_>> = matches
            .map(|(number, by)| Match {
                entry: &self.entries[number],
                by,
            })
            .collect();
        matches.sort_by(|a, b| {
            let weights = b.entry.weight.total_cmp(&a.entry.weight);
            a.by.cmp(&b.by).then(weights)
        });
        matches
    }

    /// The work that a state of the system tells of.
    pub fn of_work(&self, work: &Work) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.is(work))
    }

    /// Whose I/O a thread of the kernel with this name does, if it does that of others.
    pub fn carrier(&self, comm: &[u8]) -> Option<&Carrier> {
        let first = self.carrier.find(comm).into_iter().min()?;
        self.carriers.get(first)
    }

    /// Files whose locks tell that some work is being done. Only a lock that is held does.
    pub fn lock_files(&self) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> = Vec::new();
        for lock in self.entries.iter().flat_map(|entry| &entry.lock) {
            if paths.iter().all(|path| path != Path::new(lock)) {
                paths.push(lock.into());
            }
        }
        paths
    }

    /// All that is looked for and can be ruled out, each once.
    pub fn causes(&self) -> Vec<&str> {
        let mut causes: Vec<&str> = Vec::new();
        for entry in self.entries.iter().filter(|entry| !entry.application) {
            if !causes.contains(&entry.cause.as_str()) {
                causes.push(&entry.cause);
            }
        }
        causes
    }

    /// All entries.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

/// Patterns of many entries in one automaton.
#[derive(Clone, Debug, Default)]
struct Index {
    set: GlobSet,
    /// The number of the entry that a pattern belongs to.
    owners: Vec<usize>,
}

impl Index {
    fn new<P: AsRef<[Pattern]>>(patterns: impl Iterator<Item = P>) -> Result<Self, Error> {
        let mut owners = Vec::new();
        let mut globs = Vec::new();
        for (number, patterns) in patterns.enumerate() {
            for pattern in patterns.as_ref() {
                owners.push(number);
                globs.push(pattern.0.clone());
            }
        }
        Ok(Self {
            set: GlobSet::new(globs)?,
            owners,
        })
    }

    /// Numbers of the entries that have a pattern for this text.
    fn find(&self, text: &[u8]) -> Vec<usize> {
        let matches = self.set.matches_candidate(&Candidate::from_bytes(text));
        matches
            .into_iter()
            .filter_map(|at| self.owners.get(at).copied())
            .collect()
    }
}
