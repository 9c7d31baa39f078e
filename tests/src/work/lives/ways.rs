//! The ways in which regular files begin, go on and end.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, symlink};
use std::path::Path;
use std::thread;

use anyhow::{Result, anyhow, ensure};
use nix::errno::Errno;

use super::calls::{link_by_fd, link_by_proc, mknod, rename, unlink_in_child};
use super::detours;
use super::ledger::{Lived, timed};

/// A way: does it in its own directory, and tells what became of each file.
pub type Way = fn(&str, &Path) -> Result<Vec<Lived>>;

/// All of them.
pub const WAYS: &[(&str, Way)] = &[
    ("plain", plain),
    ("temporary", temporary),
    ("tmpfile_linked_by_proc", |way, dir| {
        tmpfile(way, dir, link_by_proc)
    }),
    ("tmpfile_linked_by_fd", |way, dir| {
        tmpfile(way, dir, link_by_fd)
    }),
    ("tmpfile_closed", tmpfile_closed),
    ("replaced", replaced),
    ("replaced_open", replaced_open),
    ("exchanged", exchanged),
    ("not_replaced", not_replaced),
    ("linked", linked),
    ("unlinked_open", unlinked_open),
    ("cut", cut),
    ("mknod", made_by_mknod),
    ("fails", fails),
    ("other_thread", other_thread),
    ("other_process", other_process),
    ("directory_renamed", detours::directory_renamed),
    ("detour", detours::detour),
    ("through_symlink", detours::through_symlink),
    ("other_kinds", other_kinds),
];

fn plain(way: &str, dir: &Path) -> Result<Vec<Lived>> {
    let path = dir.join("a");
    Ok(vec![Lived::make_with(way, &path, 5000)?.unlink(&path)?])
}

/// As `mkstemp` does.
fn temporary(way: &str, dir: &Path) -> Result<Vec<Lived>> {
    let path = dir.join("tmp.Xq3Zp8");
    let (mut lived, mut file) = Lived::make(way, &path)?;
    lived.write(&mut file, 300)?;
    lived.read(&mut file)?;
    drop(file);
    Ok(vec![lived.unlink(&path)?])
}

/// A file without a name.
fn nameless(way: &str, dir: &Path) -> Result<(Lived, File)> {
    let (file, moment) = timed(|| {
        let mut options = File::options();
        let options = options.read(true).write(true);
        Ok(options.custom_flags(libc::O_TMPFILE).open(dir)?)
    })?;
    Ok((
        Lived::made(way, file.metadata()?.ino(), Some(moment), 1),
        file,
    ))
}

fn tmpfile(way: &str, dir: &Path, link: fn(&File, &Path) -> Result<()>) -> Result<Vec<Lived>> {
    let path = dir.join("named");
    let (mut lived, mut file) = nameless(way, dir)?;
    lived.write(&mut file, 100)?;
    link(&file, &path)?;
    drop(file);
    Ok(vec![lived.unlink(&path)?])
}

fn tmpfile_closed(way: &str, dir: &Path) -> Result<Vec<Lived>> {
    let (mut lived, mut file) = nameless(way, dir)?;
    lived.write(&mut file, 100)?;
    lived.read(&mut file)?;
    Ok(vec![lived.close(file)?])
}

/// A new file is renamed to the name of another, and goes on with it.
fn replaced(way: &str, dir: &Path) -> Result<Vec<Lived>> {
    let [old, new] = ["kept", "kept.tmp"].map(|name| dir.join(name));
    let first = Lived::make_with(way, &old, 10)?;
    let second = Lived::make_with(way, &new, 20)?;
    let first = first.end("replaced", || Ok(fs::rename(&new, &old)?))?;
    Ok(vec![first, second.unlink(&old)?])
}

fn replaced_open(way: &str, dir: &Path) -> Result<Vec<Lived>> {
    let [old, new] = ["kept", "kept.tmp"].map(|name| dir.join(name));
    let (mut first, mut file) = Lived::make(way, &old)?;
    first.write(&mut file, 1)?;
    let second = Lived::make_with(way, &new, 20)?;
    let mut first = first.end("replaced", || Ok(fs::rename(&new, &old)?))?;
    first.write(&mut file, 2)?;
    Ok(vec![first.close(file)?, second.unlink(&old)?])
}

fn exchanged(way: &str, dir: &Path) -> Result<Vec<Lived>> {
    let [a, b] = ["a", "b"].map(|name| dir.join(name));
    let first = Lived::make_with(way, &a, 1)?;
    let second = Lived::make_with(way, &b, 2)?;
    rename(&a, &b, libc::RENAME_EXCHANGE)?;
    Ok(vec![second.unlink(&a)?, first.unlink(&b)?])
}

fn not_replaced(way: &str, dir: &Path) -> Result<Vec<Lived>> {
    let [a, b] = ["a", "b"].map(|name| dir.join(name));
    let first = Lived::make_with(way, &a, 1)?;
    let second = Lived::make_with(way, &b, 2)?;
    refused(rename(&a, &b, libc::RENAME_NOREPLACE), Errno::EEXIST)?;
    Ok(vec![first.unlink(&a)?, second.unlink(&b)?])
}

/// It ends with its second name.
fn linked(way: &str, dir: &Path) -> Result<Vec<Lived>> {
    let [a, b] = ["a", "b"].map(|name| dir.join(name));
    let mut lived = Lived::make_with(way, &a, 1)?;
    fs::hard_link(&a, &b)?;
    fs::remove_file(&a)?;
    let mut file = lived.open(&b)?;
    lived.write(&mut file, 7)?;
    drop(file);
    Ok(vec![lived.unlink(&b)?])
}

fn unlinked_open(way: &str, dir: &Path) -> Result<Vec<Lived>> {
    let path = dir.join("a");
    let (lived, mut file) = Lived::make(way, &path)?;
    let mut lived = lived.unlink(&path)?;
    lived.write(&mut file, 50)?;
    lived.read(&mut file)?;
    Ok(vec![lived.close(file)?])
}

/// By an open, by its descriptor, by its name; that to a length other than 0 does not count.
fn cut(way: &str, dir: &Path) -> Result<Vec<Lived>> {
    let path = dir.join("a");
    let mut lived = Lived::make_with(way, &path, 100)?;
    let mut file = File::options().write(true).truncate(true).open(&path)?;
    lived.opens += 1;
    lived.write(&mut file, 30)?;
    file.set_len(0)?;
    lived.write(&mut file, 20)?;
    file.set_len(10)?;
    nix::unistd::truncate(&path, 0)?;
    lived.truncates = 3;
    drop(file);
    Ok(vec![lived.unlink(&path)?])
}

fn made_by_mknod(way: &str, dir: &Path) -> Result<Vec<Lived>> {
    let path = dir.join("a");
    let ((), moment) = timed(|| mknod(&path, libc::S_IFREG | 0o600))?;
    let mut lived = Lived::made(way, fs::metadata(&path)?.ino(), Some(moment), 0);
    let mut file = lived.open(&path)?;
    lived.write(&mut file, 5)?;
    drop(file);
    Ok(vec![lived.unlink(&path)?])
}

/// Nothing of this changes anything but the one file that is there.
fn fails(way: &str, dir: &Path) -> Result<Vec<Lived>> {
    let [file, missing, full] = ["file", "missing", "full"].map(|name| dir.join(name));
    fs::create_dir(&full)?;
    let lived = Lived::make_with(way, &file, 1)?;
    fs::create_dir(full.join("inner"))?;
    refused(nix::unistd::unlink(&missing), Errno::ENOENT)?;
    refused(nix::unistd::unlink(&full), Errno::EISDIR)?;
    refused(rename(&missing, &file, 0), Errno::ENOENT)?;
    refused(rename(&file, &full, 0), Errno::EISDIR)?;
    refused(rename(&full, &file, 0), Errno::ENOTDIR)?;
    ensure!(fs::hard_link(&file, &file).is_err(), "a second link");
    ensure!(File::create_new(&file).is_err(), "a second file");
    ensure!(fs::remove_dir(&full).is_err(), "removed what was not empty");
    // A rename between two names of one file does nothing.
    fs::rename(&file, &file)?;
    Ok(vec![lived.unlink(&file)?])
}

fn other_thread(way: &str, dir: &Path) -> Result<Vec<Lived>> {
    let path = dir.join("a");
    let lived = Lived::make_with(way, &path, 1)?;
    let lived = thread::scope(|scope| scope.spawn(|| lived.unlink(&path)).join());
    Ok(vec![
        lived.map_err(|_panic| anyhow!("the thread panicked"))??,
    ])
}

fn other_process(way: &str, dir: &Path) -> Result<Vec<Lived>> {
    let path = dir.join("a");
    let lived = Lived::make_with(way, &path, 1)?;
    let (child, mut moment) = timed(|| unlink_in_child(&path))?;
    (moment.pid, moment.tid) = (child, child);
    Ok(vec![lived.ended(moment, "unlink")])
}

/// Files that nobody asked for.
fn other_kinds(_: &str, dir: &Path) -> Result<Vec<Lived>> {
    let [link, moved, fifo] = ["link", "moved", "fifo"].map(|name| dir.join(name));
    symlink("nowhere", &link)?;
    fs::rename(&link, &moved)?;
    fs::remove_file(&moved)?;
    mknod(&fifo, libc::S_IFIFO | 0o600)?;
    fs::remove_file(&fifo)?;
    Ok(Vec::new())
}

fn refused(done: Result<(), Errno>, expected: Errno) -> Result<()> {
    ensure!(done == Err(expected), "{done:?}, not {expected}");
    Ok(())
}
