//! `/proc`, `/sys` and `/dev` of systems that are not at hand.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

pub(super) struct Tree(TempDir);

impl Tree {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    pub fn root(&self) -> &Path {
        self.0.path()
    }

    pub fn proc(&self) -> PathBuf {
        self.root().join("proc")
    }

    pub fn sys(&self) -> PathBuf {
        self.root().join("sys")
    }

    pub fn dev(&self) -> PathBuf {
        self.root().join("dev")
    }

    /// Writes a file and the directories that it needs.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.made(path);
        fs::write(path, text).expect("a file");
    }

    pub fn link(&self, path: &str, target: &str) {
        symlink(target, self.made(path)).expect("a link");
    }

    pub fn remove(&self, path: &str) {
        let path = self.root().join(path);
        if path.is_dir() {
            fs::remove_dir_all(path).expect("a directory");
        } else {
            fs::remove_file(path).expect("a file or link");
        }
    }

    /// A whole device, as the kernel lays it out: its directory lies elsewhere.
    pub fn disk(&self, name: &str, sectors: u64) {
        self.write(
            &format!("sys/devices/x/{name}/size"),
            format!("{sectors}\n"),
        );
        self.link(
            &format!("sys/class/block/{name}"),
            &format!("../../devices/x/{name}"),
        );
        self.link(
            &format!("sys/block/{name}"),
            &format!("../devices/x/{name}"),
        );
    }

    /// Partition `number` of a device.
    pub fn partition(&self, disk: &str, name: &str, number: u32) {
        let dir = format!("sys/devices/x/{disk}/{name}");
        self.write(&format!("{dir}/partition"), format!("{number}\n"));
        self.write(&format!("{dir}/size"), "2048\n");
        self.link(
            &format!("sys/class/block/{name}"),
            &format!("../../devices/x/{disk}/{name}"),
        );
    }

    /// What a device lies on.
    pub fn slave(&self, name: &str, below: &str) {
        self.link(
            &format!("sys/devices/x/{name}/slaves/{below}"),
            &format!("../../{below}"),
        );
    }

    fn made(&self, path: &str) -> PathBuf {
        let path = self.root().join(path);
        let parent = path.parent().expect("a file has a directory");
        fs::create_dir_all(parent).expect("a directory");
        path
    }
}
