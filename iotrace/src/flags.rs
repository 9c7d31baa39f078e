//! The flags of open(2) by name.

use std::fmt;

/// A flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    name: &'static str,
    bits: u64,
}

const fn flag(name: &'static str, bits: i32) -> Flag {
    Flag {
        name,
        bits: bits as u64,
    }
}

/// The kernel adds it to every open of a 64-bit program; libc has 0 for it, as
/// nobody has to ask for it (include/uapi/asm-generic/fcntl.h, arch/arm64).
#[cfg(target_arch = "aarch64")]
const O_LARGEFILE: i32 = 0o400_000;
#[cfg(not(target_arch = "aarch64"))]
const O_LARGEFILE: i32 = 0o100_000;

/// The low two bits are a number, not flags.
const ACCESS: [Flag; 3] = [
    flag("O_RDONLY", libc::O_RDONLY),
    flag("O_WRONLY", libc::O_WRONLY),
    flag("O_RDWR", libc::O_RDWR),
];

/// Those that contain others stand first.
const FLAGS: [Flag; 16] = [
    flag("O_TMPFILE", libc::O_TMPFILE),
    flag("O_SYNC", libc::O_SYNC),
    flag("O_CREAT", libc::O_CREAT),
    flag("O_EXCL", libc::O_EXCL),
    flag("O_NOCTTY", libc::O_NOCTTY),
    flag("O_TRUNC", libc::O_TRUNC),
    flag("O_APPEND", libc::O_APPEND),
    flag("O_NONBLOCK", libc::O_NONBLOCK),
    flag("O_DSYNC", libc::O_DSYNC),
    flag("O_ASYNC", libc::O_ASYNC),
    flag("O_DIRECT", libc::O_DIRECT),
    flag("O_DIRECTORY", libc::O_DIRECTORY),
    flag("O_NOFOLLOW", libc::O_NOFOLLOW),
    flag("O_NOATIME", libc::O_NOATIME),
    flag("O_CLOEXEC", libc::O_CLOEXEC),
    flag("O_PATH", libc::O_PATH),
];

const ACCESS_MASK: u64 = libc::O_ACCMODE as u64;

impl Flag {
    /// Whether it is among `flags`.
    pub fn is_in(self, flags: u64) -> bool {
        if self.bits & !ACCESS_MASK == 0 {
            return flags & ACCESS_MASK == self.bits;
        }
        flags & self.bits == self.bits
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Whether an unnamed temporary file is asked for.
pub fn is_tmpfile(flags: u64) -> bool {
    const O_TMPFILE: u64 = libc::O_TMPFILE as u64;
    flags & O_TMPFILE == O_TMPFILE
}

/// Names of all flags, the kind of access first.
pub fn names(flags: u64) -> impl Iterator<Item = &'static str> {
    let access = ACCESS.iter().filter(move |flag| flag.is_in(flags));
    let mut rest = flags & !ACCESS_MASK;
    let others = FLAGS.iter().filter(move |flag| {
        let present = flag.is_in(rest);
        if present {
            rest &= !flag.bits;
        }
        present
    });
    access.chain(others).map(|flag| flag.name)
}

/// The flags of [`names`]. Fails with one that is not known.
pub fn from_names<'n>(names: impl Iterator<Item = &'n str>) -> Result<u64, String> {
    let mut flags = 0;
    for name in names {
        let known = ACCESS.iter().chain(&FLAGS).find(|flag| flag.name == name);
        flags |= known.ok_or_else(|| format!("flag {name:?}"))?.bits;
    }
    Ok(flags)
}

/// The flags as numbers, without what every 64-bit program has.
pub fn number(flags: u64) -> u64 {
    flags & !(O_LARGEFILE as u64)
}

/// Parses a flag's name, with or without `O_`.
pub fn parse(text: &str) -> Result<Flag, String> {
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("O_").unwrap_or(&upper);
    ACCESS
        .iter()
        .chain(&FLAGS)
        .find(|flag| &flag.name[2..] == name)
        .copied()
        .ok_or_else(|| {
            let known: Vec<&str> = ACCESS.iter().chain(&FLAGS).map(|flag| flag.name).collect();
            format!("no such flag; known are {}", known.join(", "))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compound_flags_are_told_once() {
        let all = |flags: i32| names(flags as u64).collect::<Vec<_>>();
        assert_eq!(all(0), ["O_RDONLY"]);
        assert_eq!(
            all(libc::O_RDWR | libc::O_TMPFILE | libc::O_SYNC),
            ["O_RDWR", "O_TMPFILE", "O_SYNC"]
        );
        assert_eq!(all(libc::O_DIRECTORY), ["O_RDONLY", "O_DIRECTORY"]);
        assert_eq!(
            all(libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC | O_LARGEFILE),
            ["O_WRONLY", "O_CREAT", "O_TRUNC"]
        );
    }

    #[test]
    fn read_only_can_be_asked_for_although_it_is_zero() {
        let read = parse("o_rdonly").expect("a flag");
        assert!(read.is_in(libc::O_CREAT as u64));
        assert!(!read.is_in(libc::O_RDWR as u64));
        assert!(parse("O_NOPE").is_err());
    }
}
