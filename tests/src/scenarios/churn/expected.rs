//! What of a life each backend can know.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

use crate::cli::Backend;
use crate::harness::{Context, Life};
use crate::machine;
use crate::work::{Lived, Moment};

/// What the running backend sees, and says that it does not.
pub struct Backends {
    backend: Backend,
}

/// A life as it has to be told.
#[derive(Clone, Debug)]
pub struct Expected {
    /// It was made after the start, and that was seen.
    pub is_young: bool,
    /// When, and by whom.
    pub created: Option<Moment>,
    /// How it ended; nothing if that is not seen.
    pub end: Option<(Moment, String)>,
    /// Its last name, where it had one.
    pub path: Option<PathBuf>,
    /// Written, read, opens; nothing where some may have been missed.
    pub done: Option<[u64; 3]>,
    pub truncates: u64,
    /// Where the file is known.
    pub ino: Option<u64>,
    pub file_type: Option<String>,
    /// Its name may be what a caller said.
    pub may_be_claimed: bool,
}

/// The calendar is adjusted while the kernel's own clock runs on, and iotrace may be interrupted
/// between looking at the one and the other.
fn tolerance_ns() -> u64 {
    if machine::is_emulated() {
        20_000_000
    } else {
        1_000_000
    }
}

impl Backends {
    /// Fails when the header does not name what this backend can not know.
    pub fn new(context: &Context, unseen: &BTreeSet<String>) -> Result<Self> {
        let backend = context.backend();
        for (way, is_gap) in [
            ("changed_files", backend != Backend::Fentry),
            ("ends", backend == Backend::Syscall),
            ("truncations", false),
        ] {
            ensure!(
                unseen.contains(way) == is_gap,
                "the header's gaps are {unseen:?}: {way}?"
            );
        }
        Ok(Self { backend })
    }

    fn knows_files(&self) -> bool {
        self.backend == Backend::Fentry
    }

    fn knows_ends(&self) -> bool {
        self.backend != Backend::Syscall
    }

    /// The lives that a file has to have.
    pub fn expect(&self, lived: &Lived) -> Vec<Expected> {
        let mut whole = Expected {
            is_young: lived.created.is_some(),
            created: lived.created,
            end: lived.ended.clone(),
            path: lived.path.clone(),
            done: Some([lived.write_bytes, lived.read_bytes, lived.opens]),
            truncates: lived.truncates,
            ino: Some(lived.ino),
            file_type: Some(lived.file_type.clone()),
            may_be_claimed: !self.knows_files(),
        };
        if !self.knows_ends() {
            // To lose the last name is all that can be seen.
            whole.end.clone_from(&lived.unnamed);
        }
        if lived.opens == 0 && !self.knows_files() {
            // Nobody opened it, so that the name is all there is.
            whole.ino = None;
        }
        match lived.way.as_str() {
            // Nobody heard of them before they ended.
            "older" | "older_replaced" if lived.created.is_none() => {
                whole.done = None;
                self.if_by_name(&mut whole);
                // Whether another file had the name is not known.
                let is_told = self.knows_files() || lived.way == "older";
                is_told.then_some(whole).into_iter().collect()
            }
            "older_used" => vec![whole],
            // Nobody asked for it, but a name does not tell.
            "older_symlink" if self.knows_files() => Vec::new(),
            "older_symlink" => {
                whole.done = None;
                self.if_by_name(&mut whole);
                vec![whole]
            }
            // The call that makes it is one for sockets.
            "socket" if !self.knows_files() => {
                whole.is_young = false;
                whole.created = None;
                whole.done = None;
                self.if_by_name(&mut whole);
                vec![whole]
            }
            // The name leads to no file that is known, whose end is thus not seen.
            "through_symlink" if !self.knows_ends() => {
                let mut name = whole.clone();
                name.is_young = false;
                name.created = None;
                name.done = None;
                name.path = lived.path.as_ref().map(|path| through_link(path));
                self.if_by_name(&mut name);
                whole.end = None;
                vec![whole, name]
            }
            _ => vec![whole],
        }
    }

    /// Of a life that is known by its name alone.
    fn if_by_name(&self, life: &mut Expected) {
        if !self.knows_files() {
            life.ino = None;
            life.file_type = None;
        }
    }
}

/// `real/a` as `link/a`.
fn through_link(path: &std::path::Path) -> PathBuf {
    let way = path.parent().and_then(std::path::Path::parent);
    way.unwrap_or(path).join("link/a")
}

/// Fails unless a life is told as it was.
pub fn check(expected: &Expected, life: &Life) -> Result<()> {
    let (end, how) = expected.end.as_ref().context("it lives")?;
    ensure!(life.end == *how, "the end");
    ensure!(
        (life.end_pid, life.end_tid) == (end.pid, end.tid),
        "who ended it"
    );
    is_within(life.ended_ns()?, end).context("when it ended")?;
    match (life.created_ns()?, &expected.created) {
        (None, None) => {}
        (Some(told), Some(made)) => {
            is_within(told, made).context("when it was made")?;
            ensure!(
                (life.pid, life.tid) == (Some(made.pid), Some(made.tid)),
                "who made it"
            );
        }
        _ => anyhow::bail!("whether it was made while iotrace looked"),
    }
    let path = life.path().context("no path")?;
    if let Some(expected) = &expected.path {
        ensure!(normal(&path) == *expected, "its name");
    }
    ensure!(!life.path_cut, "its name is whole");
    ensure!(
        !life.path_claimed || expected.may_be_claimed,
        "its name is the kernel's"
    );
    let done = [life.write_bytes, life.read_bytes, life.opens];
    let wanted = expected.done.map(|done| done.map(Some));
    ensure!(done == wanted.unwrap_or_default(), "bytes and opens");
    ensure!(life.truncates == expected.truncates, "truncates");
    ensure!(life.ino == expected.ino, "its inode");
    ensure!(life.file_type == expected.file_type, "its kind");
    Ok(())
}

/// A caller's own words may have detours.
fn normal(path: &std::path::Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path {
        if part == ".." {
            normal.pop();
        } else {
            normal.push(part);
        }
    }
    normal.components().collect()
}

fn is_within(told: u64, moment: &Moment) -> Result<()> {
    let (from, to) = (moment.before_ns, moment.after_ns);
    ensure!(
        (from.saturating_sub(tolerance_ns())..=to + tolerance_ns()).contains(&told),
        "{told} is not within {from} and {to}"
    );
    Ok(())
}
