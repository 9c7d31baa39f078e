//! Where things lie in the workspace, and the cargo that builds it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace's root: the parent of this crate, whatever directory the caller stands in.
pub fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// A path below `target/`, where everything fetched or built by xtask lies.
pub fn target(path: impl AsRef<Path>) -> PathBuf {
    root().join("target").join(path)
}

/// `path` as messages show it: relative to the root where that is possible.
pub fn display(path: &Path) -> std::path::Display<'_> {
    path.strip_prefix(root()).unwrap_or(path).display()
}

/// The cargo that started us, standing in the workspace's root.
///
/// The target directory is fixed, because we look for binaries in it afterwards.
pub fn cargo() -> Command {
    let mut command = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    command
        .current_dir(root())
        .env("CARGO_TARGET_DIR", target(""));
    command
}
