//! What filters are tested on: two processes with two threads each, in two
//! directories, with sums that differ in every thread, directory and file.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::harness::{Context, Workload};
use crate::machine;
use crate::work::{MIXED_DIRECTORIES, MixedReport, Touched};

/// A user that nobody is.
pub const OTHER_USER: u32 = 54_321;

/// The two processes, ready to go.
pub struct Mix {
    /// Who they are.
    pub who: Who,
    first: Workload,
    second: Workload,
}

/// What a filter can be given.
pub struct Who {
    /// Where the directories `one` and `two` are.
    pub dir: PathBuf,
    /// The first process.
    pub pid: u32,
    /// Its first thread.
    pub tid: u32,
    /// The second process, of the other user if this one is root.
    pub second: u32,
}

impl Mix {
    /// Starts both, each waiting for its go.
    pub fn start(context: &Context) -> Result<Self> {
        let dir = context.make_dir("mix")?;
        for name in MIXED_DIRECTORIES {
            let path = context.make_dir(&format!("mix/{name}"))?;
            fs::set_permissions(path, Permissions::from_mode(0o777))?;
        }
        let path = dir.to_str().context("the directory has a plain name")?;
        let uid = OTHER_USER.to_string();
        let arguments = ["mixed", "--dir", path];
        let as_other = [&arguments[..], &["--uid", &uid]].concat();
        let first = Workload::start(context, &arguments)?;
        let second = if machine::is_root() {
            Workload::start(context, &as_other)?
        } else {
            Workload::start(context, &arguments)?
        };
        let who = Who {
            pid: first.pid(),
            tid: first.tid(),
            second: second.pid(),
            dir,
        };
        Ok(Self { who, first, second })
    }

    /// Lets both work; returns what they did, file by file.
    pub fn work(mut self) -> Result<(Vec<Touched>, Who)> {
        self.first.go()?;
        self.second.go()?;
        let mut done = self.first.finish::<MixedReport>()?.touched;
        done.extend(self.second.finish::<MixedReport>()?.touched);
        Ok((done, self.who))
    }
}

/// Owned words of a command line.
pub fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
