//! Opens of every kind, with what came of each.

use std::ffi::CString;
use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use io_uring::types::{Fd, OpenHow};
use io_uring::{IoUring, opcode, squeue};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use serde::{Deserialize, Serialize};

use super::ledger::Untried;
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

/// One open that did not fail.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Opened {
    /// How.
    pub way: String,
    /// By which process.
    pub pid: u32,
    /// And thread.
    pub tid: u32,
    /// The file; of one without a name the directory.
    pub path: PathBuf,
    /// The descriptor, if there is one.
    pub fd: Option<i32>,
    /// Whether it made the file; not known of what has no descriptor.
    pub created: Option<bool>,
    /// How it was opened, if not by a call that names a path.
    pub via: Option<String>,
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
    fn add(&mut self, way: &str, path: &Path, fd: &impl AsRawFd, created: bool, via: Option<&str>) {
        self.opened.push(Opened {
            way: way.to_owned(),
            pid: std::process::id(),
            tid: this_tid(),
            path: path.to_owned(),
            fd: Some(fd.as_raw_fd()),
            created: Some(created),
            via: via.map(str::to_owned),
        });
    }

    fn untried(&mut self, way: &str, why: String) {
        self.untried.push(Untried {
            way: way.to_owned(),
            why,
        });
    }
}

const READ: OFlag = OFlag::O_RDONLY;

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
        Err(error) => report.untried("tmpfile", error.to_string()),
    }
    Ok(())
}

/// `struct file_handle`, with room.
#[repr(C)]
struct Handle {
    length: u32,
    kind: i32,
    bytes: [u8; 128],
}

fn by_handle(tree: &Path, report: &mut Report) -> Result<()> {
    let path = tree.join("branch/leaf");
    let name = CString::new(path.as_os_str().as_bytes())?;
    let mut handle = Handle {
        length: 128,
        kind: 0,
        bytes: [0; 128],
    };
    let mut mount = 0_i32;
    // SAFETY: the name ends with a zero byte, the handle says how long it is.
    let told = unsafe {
        let number = libc::SYS_name_to_handle_at;
        libc::syscall(
            number,
            libc::AT_FDCWD,
            name.as_ptr(),
            &raw mut handle,
            &raw mut mount,
            0,
        )
    };
    if let Err(error) = Errno::result(told) {
        report.untried("handle", format!("name_to_handle_at: {error}"));
        return Ok(());
    }
    let directory = nix::fcntl::open(tree, READ | OFlag::O_DIRECTORY, Mode::empty())?;
    report.add("openat", tree, &directory, false, None);
    // SAFETY: the handle is whole.
    let fd = unsafe {
        let number = libc::SYS_open_by_handle_at;
        libc::syscall(
            number,
            directory.as_raw_fd(),
            &raw const handle,
            libc::O_RDONLY,
        )
    };
    match Errno::result(fd) {
        Ok(fd) => {
            // SAFETY: the kernel has just made this descriptor for us alone.
            let fd = unsafe { OwnedFd::from_raw_fd(i32::try_from(fd)?) };
            report.add("handle", &path, &fd, false, Some("handle"));
        }
        Err(error) => report.untried("handle", format!("open_by_handle_at: {error}")),
    }
    Ok(())
}

fn by_ring(tree: &Path, report: &mut Report) -> Result<()> {
    const VIA: Option<&str> = Some("io_uring");
    let mut ring = match IoUring::new(4) {
        Ok(ring) => ring,
        Err(error) => {
            report.untried("io_uring", format!("no ring: {error}"));
            return Ok(());
        }
    };
    let directory = File::open(tree)?;
    report.add("openat", tree, &directory, false, None);
    let at = Fd(directory.as_fd().as_raw_fd());
    let make = libc::O_RDWR | libc::O_CREAT;
    for (name, flags, created) in [
        (c"leaf", 0, false),
        (c"ring", make, true),
        (c"ring", make, false),
    ] {
        for worker in [false, true] {
            // The second time it is there already.
            let created = created && !worker;
            let open = opcode::OpenAt::new(at, name.as_ptr())
                .flags(flags)
                .mode(0o600);
            let fd = completed(&mut ring, &open.build(), worker)?;
            report.add("io_uring", &tree.join(name.to_str()?), &fd, created, VIA);
        }
    }
    for (flags, created) in [(make, true), (make, false)] {
        let how = OpenHow::new()
            .flags(u64::from(flags.unsigned_abs()))
            .mode(0o600);
        let open = opcode::OpenAt2::new(at, c"branch/ring".as_ptr(), &raw const how);
        let fd = completed(&mut ring, &open.build(), false)?;
        report.add("io_uring", &tree.join("branch/ring"), &fd, created, VIA);
    }
    // A failure must not look like a success.
    let absent = opcode::OpenAt::new(at, c"absent".as_ptr()).build();
    ensure!(
        completed(&mut ring, &absent, false).is_err(),
        "there is no such file"
    );
    Ok(())
}

/// Does one open, and waits for it.
fn completed(ring: &mut IoUring, entry: &squeue::Entry, worker: bool) -> Result<OwnedFd> {
    let mut entry = entry.clone();
    if worker {
        entry = entry.flags(squeue::Flags::ASYNC);
    }
    // SAFETY: what it points to lives in the caller until it is completed below.
    unsafe { ring.submission().push(&entry) }.context("the queue is full")?;
    ring.submit_and_wait(1)?;
    let completion = ring.completion().next().context("not completed")?;
    let result = completion.result();
    ensure!(result >= 0, Errno::from_raw(-result));
    // SAFETY: the kernel has just made this descriptor for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(result) })
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
            path: place.own(name),
            fd: None,
            created: None,
            via: Some("exec".to_owned()),
        });
    }
    Ok(())
}
