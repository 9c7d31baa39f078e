//! Files that are not regular ones: each is born and ends.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use anyhow::Result;

use super::calls::mknod;
use super::ledger::{Lived, timed};
use super::ways::Way;

/// All of them.
pub const WAYS: &[(&str, Way)] = &[
    ("directory", |way, dir| {
        let path = dir.join("a");
        let lived = born(way, "directory", &path, || Ok(fs::create_dir(&path)?))?;
        Ok(vec![lived.end("unlink", || Ok(fs::remove_dir(&path)?))?])
    }),
    ("symlink", |way, dir| {
        let path = dir.join("a");
        let lived = born(way, "symlink", &path, || Ok(symlink("nowhere", &path)?))?;
        Ok(vec![lived.unlink(&path)?])
    }),
    ("fifo", |way, dir| {
        let path = dir.join("a");
        let lived = born(way, "fifo", &path, || mknod(&path, libc::S_IFIFO | 0o600))?;
        Ok(vec![lived.unlink(&path)?])
    }),
    ("device", |way, dir| {
        // A character device 0:0, as overlays mark what they hide: made without privileges.
        let path = dir.join("a");
        let lived = born(way, "char", &path, || mknod(&path, libc::S_IFCHR | 0o600))?;
        Ok(vec![lived.unlink(&path)?])
    }),
    ("socket", |way, dir| {
        let path = dir.join("a");
        let mut listener = None;
        let lived = born(way, "socket", &path, || {
            listener = Some(UnixListener::bind(&path)?);
            Ok(())
        })?;
        drop(listener);
        Ok(vec![lived.unlink(&path)?])
    }),
    ("regular", |way, dir| {
        let path = dir.join("a");
        Ok(vec![Lived::make_with(way, &path, 3)?.unlink(&path)?])
    }),
];

/// A file that is made without being opened.
fn born(
    way: &str,
    file_type: &str,
    path: &Path,
    make: impl FnOnce() -> Result<()>,
) -> Result<Lived> {
    let ((), moment) = timed(make)?;
    let ino = fs::symlink_metadata(path)?.ino();
    let mut lived = Lived::made(way, ino, Some(moment), 0);
    file_type.clone_into(&mut lived.file_type);
    lived.path = Some(path.to_owned());
    Ok(lived)
}
