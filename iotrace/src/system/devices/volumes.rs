//! Names of the volumes of ZFS pools.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

/// More than datasets can be nested (`zfs_max_dataset_nesting`, 50).
const DEPTH: usize = 64;

/// Finds volumes by the links that udev makes for them in `/dev/zvol` (OpenZFS,
/// udev/rules.d/60-zvol.rules), such as `rpool/data/vm-100-disk-0 -> ../../../zd16`: the kernel
/// gives their names nowhere else.
#[derive(Debug)]
pub(super) struct Volumes {
    root: PathBuf,
}

impl Volumes {
    pub fn new(dev: &Path) -> Self {
        Self {
            root: dev.join("zvol"),
        }
    }

    /// Volumes by the name of their device.
    pub fn read(&self) -> HashMap<String, String> {
        let mut found = HashMap::new();
        walk(&self.root, "", DEPTH, &mut found);
        found
    }
}

fn walk(dir: &Path, name: &str, depth: usize, found: &mut HashMap<String, String>) {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    for entry in entries {
        let path = entry.path();
        let own = entry.file_name();
        let own = own.to_string_lossy();
        let name = match name {
            "" => own.into_owned(),
            name => format!("{name}/{own}"),
        };
        // Of the entry itself, so that no link leads out of here or around.
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth > 0 => walk(&path, &name, depth - 1, found),
            Ok(kind) if kind.is_symlink() => {
                let target = fs::read_link(&path).ok();
                let device = target.as_deref().and_then(Path::file_name);
                if let Some(device) = device.and_then(|device| device.to_str()) {
                    found.insert(device.to_owned(), name);
                }
            }
            _ => {}
        }
    }
}
