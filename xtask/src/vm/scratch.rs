//! The files of one run of a virtual machine.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

use crate::process::{self, fresh_dir};
use crate::workspace;

const DISK_BYTES: u64 = 1 << 30;

/// A directory for one run, so that runs can go on side by side; gone at the end.
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new directory, after removing those of runs that were killed.
    pub fn new() -> Result<Self> {
        let vm = workspace::target("vm");
        for entry in fs::read_dir(&vm).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let owner = name.to_str().and_then(owner);
            if owner.is_some_and(|pid| !PathBuf::from("/proc").join(pid).exists()) {
                // Another run may be doing the same.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        static RUNS: AtomicU32 = AtomicU32::new(0);
        let number = RUNS.fetch_add(1, Ordering::Relaxed);
        let dir = vm.join(format!("run-{}-{number}", std::process::id()));
        fresh_dir(&dir)?;
        Ok(Self(dir))
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The same inside an option of QEMU.
    pub fn option(&self, name: &str) -> String {
        option(&self.file(name))
    }

    /// Makes an empty disk with a file system; it takes space only as it fills.
    pub fn make_disk(&self, name: &str) -> Result<()> {
        let path = self.file(name);
        let disk =
            File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        disk.set_len(DISK_BYTES)?;
        mkfs(&path, None)
    }
}

/// A path inside an option of QEMU, where a comma has to be doubled.
pub fn option(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

/// Makes a file system in a file, with what is below `content` in it.
pub fn mkfs(disk: &Path, content: Option<&Path>) -> Result<()> {
    // The tools of e2fsprogs are often on root's PATH only.
    let search = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let mut mkfs = Command::new("mkfs.ext4");
    mkfs.env("PATH", search).args(["-q", "-F"]);
    if let Some(content) = content {
        mkfs.arg("-d").arg(content);
    }
    process::run(mkfs.arg(disk))
        .context("cannot make the guest's disk (mkfs.ext4 is in the package e2fsprogs)")
}

/// The process that made a directory of this name.
fn owner(name: &str) -> Option<&str> {
    let (pid, _number) = name.strip_prefix("run-")?.split_once('-')?;
    Some(pid)
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nobody can be told, and it lies below target/.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_tells_the_owner() {
        assert_eq!(owner("run-12-0"), Some("12"));
        assert_eq!(owner("x86_64"), None);
    }
}
