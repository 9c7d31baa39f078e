//! What one scenario has: the binary under test, a directory, and everything
//! that its processes said.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::cli::{Apps, Backend};

/// Something that can tell what it has seen.
pub trait Seen {
    /// All of it, as text.
    fn seen(&self) -> String;
}

impl Seen for super::Capture {
    fn seen(&self) -> String {
        self.text()
    }
}

/// Whether a terminal that gets this does more than show a character: control
/// characters move the cursor or worse, and some marks turn the text round.
pub fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The surroundings of one scenario; its files go when it is dropped.
pub struct Context {
    iotrace: PathBuf,
    backend: Backend,
    apps: Apps,
    dir: TempDir,
    seen: RefCell<Vec<(String, Arc<dyn Seen>)>>,
}

impl Context {
    /// Makes the scenario's own directory under `parent`.
    pub fn new(iotrace: &Path, backend: Backend, parent: &Path) -> Result<Self> {
        Self::with_apps(iotrace, backend, parent, &Apps::default())
    }

    /// The same, and tells where programs are that others wrote.
    pub fn with_apps(iotrace: &Path, backend: Backend, parent: &Path, apps: &Apps) -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("iotrace-tests-")
            .tempdir_in(parent)
            .with_context(|| format!("cannot make a directory in {}", parent.display()))?;
        // Some workloads run as another user and must reach their files.
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755))?;
        Ok(Self {
            iotrace: iotrace.to_owned(),
            backend,
            apps: apps.clone(),
            dir,
            seen: RefCell::default(),
        })
    }

    /// The scenario's own directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A new directory in it.
    pub fn make_dir(&self, name: &str) -> Result<PathBuf> {
        let path = self.dir().join(name);
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(path)
    }

    /// The backend under test.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// About the programs of the scenarios `apps_*`.
    pub fn apps(&self) -> &Apps {
        &self.apps
    }

    /// The binary under test.
    pub fn binary(&self) -> &Path {
        &self.iotrace
    }

    /// `iotrace SUBCOMMAND --backend B ARGS…`
    pub fn iotrace<S: AsRef<str>>(&self, subcommand: &str, args: &[S]) -> Command {
        let mut command = Command::new(&self.iotrace);
        command.args([subcommand, "--backend", self.backend.name()]);
        command.args(args.iter().map(AsRef::as_ref));
        command
    }

    /// Keeps what a process says, to be printed if the scenario fails.
    pub fn remember(&self, label: String, seen: Arc<dyn Seen>) {
        self.seen.borrow_mut().push((label, seen));
    }

    /// Everything that was seen, with a title each, and fit for a terminal:
    /// what failed may be just what keeps hostile names from it.
    pub fn everything_seen(&self) -> String {
        let mut text = String::new();
        for (label, seen) in self.seen.borrow().iter() {
            let said = seen.seen();
            text += &format!("--- {label}\n{}\n", said.trim_end());
        }
        text.replace(|c| c != '\n' && is_harmful(c), "\u{fffd}")
    }
}

/// The error of a scenario that can not run on this machine.
#[derive(Debug)]
pub struct Skip(String);

impl Skip {
    /// Ends the scenario because of `reason`; the runner adds the kernel.
    pub fn because<T>(reason: impl Into<String>) -> Result<T> {
        Err(Self(reason.into()).into())
    }

    /// Ends the scenario when this process is not root.
    pub fn unless_root(why: &str) -> Result<()> {
        if crate::machine::is_root() {
            return Ok(());
        }
        Self::because(format!("not root: {why}"))
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Skip {}
