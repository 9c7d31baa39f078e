//! Names that lead to a file in another way than it was made.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::Result;

use super::ledger::Lived;

/// A file gets another name by the directory that it is in.
pub fn directory_renamed(way: &str, dir: &Path) -> Result<Vec<Lived>> {
    let [old, new] = ["old", "new"].map(|name| dir.join(name));
    fs::create_dir(&old)?;
    let lived = Lived::make_with(way, &old.join("a"), 9)?;
    fs::rename(&old, &new)?;
    let lived = lived.unlink(&new.join("a"))?;
    fs::remove_dir(&new)?;
    Ok(vec![lived])
}

/// The name that is removed is written in another way.
pub fn detour(way: &str, dir: &Path) -> Result<Vec<Lived>> {
    fs::create_dir(dir.join("b"))?;
    let path = dir.join("a");
    let mut lived = Lived::make_with(way, &path, 9)?.unlink(&dir.join("b/..//./a"))?;
    lived.path = Some(path);
    Ok(vec![lived])
}

/// The name that is removed goes through a symbolic link.
pub fn through_symlink(way: &str, dir: &Path) -> Result<Vec<Lived>> {
    let path = dir.join("real/a");
    fs::create_dir(dir.join("real"))?;
    symlink("real", dir.join("link"))?;
    let mut lived = Lived::make_with(way, &path, 9)?.unlink(&dir.join("link/a"))?;
    lived.path = Some(path);
    Ok(vec![lived])
}
