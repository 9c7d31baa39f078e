//! What lies in the guest: busybox, Python, our release binaries, the command to run.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::ExtraFile;
use super::cpio::Archive;
use super::kernel::Module;
use crate::debian;
use crate::process::{self, read};
use crate::workspace::{self, display, release_binary};

/// The unpacked Debian packages that every guest gets.
pub struct Base {
    dir: PathBuf,
    /// A static program, which runs on the host as well.
    pub busybox: PathBuf,
    python: PathBuf,
}

impl Base {
    /// Finds the packages, or fetches them from the host's own suite: its libraries fit ours.
    pub fn prepare() -> Result<Self> {
        let dir = workspace::target("vm/base");
        if !dir.is_dir() {
            fetch(&dir)?;
        }
        let busybox = ["bin/busybox", "usr/bin/busybox"]
            .iter()
            .map(|path| dir.join(path))
            .find(|path| path.is_file());
        let python = fs::read_dir(dir.join("usr/bin"))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.as_os_str().as_bytes().ends_with(PYTHON_BIN.as_bytes()));
        let damaged = || format!("{0} is damaged; remove it", display(&dir));
        Ok(Self {
            busybox: busybox.with_context(damaged)?,
            python: python.with_context(damaged)?,
            dir,
        })
    }
}
