//! Files with names made to break terminals and parsers, in places made to
//! break the walk from a file to its path.

use std::ffi::{CStr, OsStr};
use std::fmt;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::protocol::{on_threads, say, this_tid};
use super::tally::Tally;

/// The names of the two threads that share the files: one with an escape
/// sequence, one that is not UTF-8.
pub const THREADS: [&CStr; 2] = [c"\x1b[2Jx\n", c"not\xffutf8"];

/// Levels of the deepest directory.
const LEVELS: usize = 40;

/// Where the scenario mounts a tmpfs.
pub const TMPFS: &str = "tmpfs";

/// Where the scenario mounts the directory `BOUND` a second time.
pub const BIND: &str = "bind";

/// What is mounted there.
pub const BOUND: &str = "bound";

/// Options of the names.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where they are made.
    #[arg(long)]
    dir: PathBuf,
    /// The mounts are there.
    #[arg(long)]
    mounts: bool,
}

/// A file and what is done with it.
#[derive(Debug)]
pub struct Case {
    /// What is special about it.
    pub what: &'static str,
    /// Its path.
    pub path: PathBuf,
    /// Its length, by which its row is known too.
    pub length: u64,
    /// Unlinked before it is written.
    pub deleted: bool,
    /// The index of the thread that touches it.
    pub thread: usize,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the file that is {} ({:?})", self.what, self.path)
    }
}

/// All cases, the same for the workload and for its scenario.
pub fn cases(dir: &Path, mounts: bool) -> Vec<Case> {
    let names: [(&str, &[u8]); 9] = [
        ("named by a terminal title", b"\x1b]0;x\x07"),
        ("named by a colour", b"\x1b[31mred"),
        ("named with a newline", b"two\nlines"),
        ("named with a tab", b"a\ttab"),
        ("named with a delete", b"a\x7fdelete"),
        ("not named in UTF-8", b"\xff\xfelatin\xe9"),
        ("named with turned text", "cod\u{202e}exe.txt".as_bytes()),
        ("named with a C1 escape", "c1\u{9b}31m".as_bytes()),
        ("named by 255 bytes", &[b'n'; 255]),
    ];
    let mut places: Vec<(&'static str, PathBuf, bool)> = names
        .iter()
        .map(|(what, name)| (*what, dir.join(OsStr::from_bytes(name)), false))
        .collect();
    let deep = (0..LEVELS).fold(dir.to_owned(), |path, level| {
        path.join(format!("level{level}"))
    });
    places.push(("40 levels deep", deep.join("deep.txt"), false));
    places.push(("deleted", dir.join("deleted.txt"), true));
    if mounts {
        places.push((
            "on another mount",
            dir.join(TMPFS).join("mounted.txt"),
            false,
        ));
        places.push((
            "through a bind mount",
            dir.join(BIND).join("bound.txt"),
            false,
        ));
    }
    (1_u64..)
        .zip(places)
        .map(|(number, (what, path, deleted))| Case {
            what,
            path,
            length: 100 + number,
            deleted,
            thread: usize::from(number % 2 == 0),
        })
        .collect()
}

/// Touches all files.
pub fn run(options: &Options) -> Result<()> {
    let cases = cases(&options.dir, options.mounts);
    for case in &cases {
        let directory = case.path.parent().context("a file has a directory")?;
        fs::create_dir_all(directory)?;
    }
    let tids = on_threads(&THREADS, |thread| {
        for case in cases.iter().filter(|case| case.thread == thread) {
            touch(case).with_context(|| format!("{case}"))?;
        }
        Ok(this_tid())
    })?;
    say(&tids)
}

/// Makes the file and writes it once.
fn touch(case: &Case) -> Result<()> {
    let mut file = File::create(&case.path)?;
    if case.deleted {
        fs::remove_file(&case.path)?;
    }
    let data = vec![b'x'; usize::try_from(case.length)?];
    Tally::default().write(&mut file, &data)
}
