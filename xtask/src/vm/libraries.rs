//! The shared libraries that a program needs, as the host's own loader finds them.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

/// What the loader would do for one library.
#[derive(Debug, PartialEq, Eq)]
pub enum Library {
    Found(String),
    Missing(String),
}

/// The libraries of `program`, the loader among them.
pub fn libraries(program: &Path) -> Result<Vec<Library>> {
    libraries_with(program, None)
}

/// The same when libraries in a directory come before those of the system.
pub fn libraries_with(program: &Path, dir: Option<&Path>) -> Result<Vec<Library>> {
    let mut ldd = Command::new("ldd");
    if let Some(dir) = dir {
        ldd.env("LD_LIBRARY_PATH", dir);
    }
    let output = ldd
        .env("LC_ALL", "C")
        .arg(program)
        .output()
        .context("cannot start ldd")?;
    // ldd fails on a static program, which needs nothing.
    Ok(parse_ldd(&String::from_utf8_lossy(&output.stdout)))
}

/// `NAME => PATH (ADDRESS)`, `NAME => not found`, or `PATH (ADDRESS)` for the loader; what has no
/// path (the vDSO, "statically linked") is no file.
fn parse_ldd(text: &str) -> Vec<Library> {
    let parse = |line: &str| {
        let (name, place) = line.split_once(" => ").unwrap_or(("", line));
        let place = place.trim();
        if place == "not found" {
            return Some(Library::Missing(name.trim().to_owned()));
        }
        let path = place.split(" (").next()?;
        path.starts_with('/')
            .then(|| Library::Found(path.to_owned()))
    };
    text.lines().filter_map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ldd_output() {
        let text = "\tlinux-vdso.so.1 (0x00007fff)\n\
            \tlibc.so.6 => /lib/libc.so.6 (0x00007f01)\n\
            \tlibz.so.1 => not found\n\
            \t/lib64/ld-linux-x86-64.so.2 (0x00007f02)\n";
        assert_eq!(
            parse_ldd(text),
            [
                Library::Found("/lib/libc.so.6".into()),
                Library::Missing("libz.so.1".into()),
                Library::Found("/lib64/ld-linux-x86-64.so.2".into()),
            ]
        );
        assert!(parse_ldd("\tstatically linked\n").is_empty());
    }
}
