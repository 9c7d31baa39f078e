//! Opens of every kind, with what came of each.

use std::ffi::CString;
use std::fs;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, execv, fork};
use serde::{Deserialize, Serialize};

use super::ledger::Untried;
use super::opens_unnamed::{by_handle, by_ring};
use super::place::Place;
use super::programs;
use crate::work::protocol::{ready, say, this_tid};

/// Options of the opens.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where it all happens.
    #[arg(long)]
    dir: PathBuf,
}

/// One open.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Opened {
    /// How.
    pub way: String,
    /// By which process.
    pub pid: u32,
    /// And thread.
    pub tid: u32,
    /// The file; of one without a name the directory; of a failed one what was asked for, if that
    /// can be told.
    pub path: Option<PathBuf>,
    /// The descriptor, if there is one.
    pub fd: Option<i32>,
    /// Whether it made the file; not known of what has no descriptor.
    pub created: Option<bool>,
    /// How it was opened, if not by a call that names a path.
    pub via: Option<String>,
    /// Why it failed.
    pub errno: Option<i32>,
}

/// All of them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// In order.
    pub opened: Vec<Opened>,
    /// What could not be done.
    pub untried: Vec<Untried>,
}

impl Report {
    /// Of the calling thread.
    pub fn add(
        &mut self,
        way: &str,
        path: &Path,
        fd: &impl AsRawFd,
        created: bool,
        via: Option<&str>,
    ) {
        self.opened.push(Opened {
            way: way.to_owned(),
            pid: std::process::id(),
            tid: this_tid(),
            path: Some(path.to_owned()),
            fd: Some(fd.as_raw_fd()),
            created: Some(created),
            via: via.map(str::to_owned),
            errno: None,
        });
    }

    /// A failure of the calling thread, of which no path is told.
    pub fn failed(&mut self, way: &str, via: &str, errno: Errno) {
        self.opened.push(Opened {
            way: way.to_owned(),
            pid: std::process::id(),
            tid: this_tid(),
            path: None,
            fd: None,
            created: None,
            via: Some(via.to_owned()),
            errno: Some(errno as i32),
        });
    }

    /// What can not be done here, if the error says that.
    pub fn refused(&mut self, way: &str, what: &str, error: Errno) -> Result<()> {
        self.untried
            .push(Untried::because(way, what, &error.into())?);
        Ok(())
    }
}

/// To look at.
pub const READ: OFlag = OFlag::O_RDONLY;

/// Opens everything.
pub fn run(options: &Options) -> Result<()> {
    let tree = options.dir.join("tree");
    fs::create_dir_all(tree.join("branch"))?;
    for file in ["leaf", "branch/leaf"] {
        fs::write(tree.join(file), "leaf")?;
    }
    let programs = Place {
        dir: options.dir.join("programs"),
        device: None,
        round: 1,
        thread: 0,
    };
    programs::make(&programs)?;
    ready()?;
    let mut report = Report::default();
    walk(&tree, &mut report)?;
    makes(&options.dir, &mut report)?;
    by_handle(&tree, &mut report)?;
    by_ring(&tree, &mut report)?;
    execute(&programs, &mut report)?;
    execute_in_vain(&options.dir, &mut report)?;
    say(&report)
}

/// Directories by their parents' descriptors, files by their directories'.
fn walk(tree: &Path, report: &mut Report) -> Result<()> {
    let root = nix::fcntl::open(tree, READ | OFlag::O_DIRECTORY, Mode::empty())?;
    report.add("openat", tree, &root, false, None);
    let branch = openat(&root, "branch", READ | OFlag::O_DIRECTORY, Mode::empty())?;
    report.add("openat", &tree.join("branch"), &branch, false, None);
    for (at, dir) in [(&root, tree.to_owned()), (&branch, tree.join("branch"))] {
        let leaf = openat(at, "leaf", READ, Mode::empty())?;
        report.add("openat", &dir.join("leaf"), &leaf, false, None);
        let new = openat(at, "new", OFlag::O_WRONLY | OFlag::O_CREAT, Mode::S_IRWXU)?;
        report.add("openat", &dir.join("new"), &new, true, None);
    }
    let up = openat(&branch, "../leaf", READ, Mode::empty())?;
    report.add("openat", &tree.join("leaf"), &up, false, None);
    Ok(())
}

/// creat, twice, and a file that never has a name.
fn makes(dir: &Path, report: &mut Report) -> Result<()> {
    let path = dir.join("made");
    let name = CString::new(path.as_os_str().as_bytes())?;
    for created in [true, false] {
        // SAFETY: the name ends with a zero byte.
        let fd = Errno::result(unsafe { libc::creat(name.as_ptr(), 0o600) })?;
        // SAFETY: the kernel has just made this descriptor for us alone.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        report.add("creat", &path, &fd, created, None);
    }
    let flags = OFlag::O_TMPFILE | OFlag::O_RDWR;
    match nix::fcntl::open(dir, flags, Mode::S_IRWXU) {
        Ok(fd) => report.add("tmpfile", dir, &fd, true, None),
        Err(error) => report.refused("tmpfile", "O_TMPFILE", error)?,
    }
    Ok(())
}

/// The script, the program that reads it, and the loader of that.
fn execute(place: &Place, report: &mut Report) -> Result<()> {
    let mut child = Command::new(place.own(programs::SCRIPT)).spawn()?;
    let pid = child.id();
    let status = child.wait()?;
    ensure!(status.success(), "the program ended with {status}");
    for (way, name) in [
        ("exec_script", programs::SCRIPT),
        ("exec", programs::PROGRAM),
        ("exec_loader", programs::LOADER),
    ] {
        report.opened.push(Opened {
            way: way.to_owned(),
            pid,
            tid: pid,
            path: Some(place.own(name)),
            fd: None,
            created: None,
            via: Some("exec".to_owned()),
            errno: None,
        });
    }
    Ok(())
}

/// A program that is not there, and one below what is no directory.
fn execute_in_vain(dir: &Path, report: &mut Report) -> Result<()> {
    let plain = dir.join("tree/leaf");
    for (path, errno) in [
        (dir.join("absent"), Errno::ENOENT),
        (plain.join("below"), Errno::ENOTDIR),
    ] {
        let name = CString::new(path.as_os_str().as_bytes())?;
        // SAFETY: this process has one thread, so the child may do whatever the parent may.
        let child = match unsafe { fork() }? {
            ForkResult::Parent { child } => child,
            ForkResult::Child => {
                let Err(error) = execv(&name, &[&name]);
                // SAFETY: leaves without the parent's buffers and handlers.
                unsafe { libc::_exit(i32::from(error != errno)) };
            }
        };
        let status = waitpid(child, None)?;
        ensure!(
            matches!(status, WaitStatus::Exited(_, 0)),
            "not {errno}: {status:?}"
        );
        let pid = child.as_raw().unsigned_abs();
        report.opened.push(Opened {
            way: "exec_failed".to_owned(),
            pid,
            tid: pid,
            path: Some(path),
            fd: None,
            created: None,
            via: Some("exec".to_owned()),
            errno: Some(errno as i32),
        });
    }
    Ok(())
}
