//! Opens that fail, each in another way, and one that does not.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::{Uid, setfsuid};
use serde::{Deserialize, Serialize};

use super::protocol::{ready, say};

/// A user without rights.
const NOBODY: u32 = 65534;

/// Options of the failures.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where it all happens.
    #[arg(long)]
    dir: PathBuf,
    /// This process is root and can give that up.
    #[arg(long)]
    root: bool,
}

/// One open that failed.
#[derive(Debug, Serialize, Deserialize)]
pub struct Failure {
    /// The absolute path of what was asked for.
    pub path: PathBuf,
    /// What the caller got.
    pub errno: i32,
    /// The name of that error.
    pub error: String,
}

/// Fails in every way.
pub fn run(options: &Options) -> Result<()> {
    let dir = &options.dir;
    let cwd = dir.join("cwd");
    let other = dir.join("other");
    fs::create_dir(&cwd)?;
    fs::create_dir(&other)?;
    std::env::set_current_dir(&cwd)?;
    let plain = dir.join("plain");
    fs::write(&plain, "")?;
    let link = dir.join("link");
    symlink(&plain, &link)?;
    let secret = dir.join("secret");
    fs::write(&secret, "")?;
    fs::set_permissions(&secret, Permissions::from_mode(0o0))?;
    let directory = File::open(&other)?;
    ready()?;

    let mut failures = vec![
        expect(&dir.join("absolute"), Errno::ENOENT, |path| {
            open(path, OFlag::O_RDONLY)
        })?,
        expect(&cwd.join("relative"), Errno::ENOENT, |_| {
            open(Path::new("relative"), OFlag::O_RDONLY)
        })?,
        expect(&other.join("sub/file"), Errno::ENOENT, |_| {
            openat(&directory, "sub/file", OFlag::O_RDONLY, Mode::empty()).map(drop)
        })?,
        expect(&plain.join("below"), Errno::ENOTDIR, |path| {
            open(path, OFlag::O_RDONLY)
        })?,
        expect(&link, Errno::ELOOP, |path| open(path, OFlag::O_NOFOLLOW))?,
        expect(&plain, Errno::EEXIST, |path| {
            open(path, OFlag::O_CREAT | OFlag::O_EXCL)
        })?,
        expect(dir, Errno::EISDIR, |path| open(path, OFlag::O_WRONLY))?,
    ];
    open(&plain, OFlag::O_RDONLY)?;
    if options.root {
        // Of this thread and for files alone: what the kernel takes as uid stays.
        setfsuid(Uid::from_raw(NOBODY));
        failures.push(expect(&secret, Errno::EACCES, |path| {
            open(path, OFlag::O_RDONLY)
        })?);
        setfsuid(Uid::from_raw(0));
    }
    say(&failures)
}

fn open(path: &Path, flags: OFlag) -> nix::Result<()> {
    nix::fcntl::open(path, flags, Mode::empty()).map(drop)
}

fn expect(
    path: &Path,
    error: Errno,
    open: impl FnOnce(&Path) -> nix::Result<()>,
) -> Result<Failure> {
    let got = open(path);
    ensure!(
        got == Err(error),
        "{}: {got:?}, not {error}",
        path.display()
    );
    Ok(Failure {
        path: path.to_owned(),
        errno: error as i32,
        error: format!("{error:?}"),
    })
}
