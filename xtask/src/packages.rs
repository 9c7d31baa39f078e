//! Programs that the tests need and a plain system has not.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::process;

/// The programs that the scenarios `apps_*` trace, but for PostgreSQL, whose package starts a
/// server.
const APPS: [(&str, &str); 10] = [
    ("fio", "fio"),
    ("git", "git"),
    ("jq", "jq"),
    ("python3", "python3"),
    ("qemu-img", "qemu-utils"),
    ("rsync", "rsync"),
    ("setpriv", "util-linux"),
    ("sqlite3", "sqlite3"),
    ("strace", "strace"),
    ("updatedb.plocate", "plocate"),
];

/// Installs those of them that are not there.
pub fn ensure_apps() -> Result<()> {
    for (program, package) in APPS {
        ensure(program, package)?;
    }
    Ok(())
}

/// Installs the Debian package that `program` is in, unless the program is there.
pub fn ensure(program: &str, package: &str) -> Result<()> {
    if process::on_path(program) {
        return Ok(());
    }
    install(program, package)
}

/// The same for a file that is no program.
pub fn ensure_file(path: &str, package: &str) -> Result<()> {
    if Path::new(path).exists() {
        return Ok(());
    }
    install(path, package)
}

fn install(what: &str, package: &str) -> Result<()> {
    if !process::is_root() || !process::on_path("apt-get") {
        bail!("{what} is not installed; Debian has it in the package {package}");
    }
    eprintln!("xtask: installing the package {package} into the system");
    process::run(Command::new("apt-get").args(["--quiet=2", "update"]))?;
    process::run(
        Command::new("apt-get")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["--quiet=2", "install", "--yes", "--no-install-recommends"])
            .arg(package),
    )
}
