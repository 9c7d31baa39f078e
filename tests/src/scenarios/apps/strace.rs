//! What strace saw: sums of return values by thread and path, and which names were one file's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::names::Names;
use super::strace_line::{Call, each_call};
use crate::counts::Counts;

/// The calls that are counted, and those that give a file another name.
pub const CALLS: &str = "trace=read,write,pread64,pwrite64,readv,writev,preadv,pwritev,preadv2,\
    pwritev2,sendfile,splice,copy_file_range,rename,renameat,renameat2,link,linkat";

/// All that it wrote.
#[derive(Debug, Default)]
pub struct Log {
    /// By thread and by the path at the time of the call.
    pub done: BTreeMap<(u32, PathBuf), Counts>,
    pub names: Names,
}

impl Log {
    /// Reads the file that `strace -f -y -s 0 -o FILE` has written.
    pub fn parse(text: &str) -> Result<Self> {
        let mut log = Self::default();
        each_call(text, |thread, call| {
            log.call(thread, call).context("a call of another form")
        })?;
        ensure!(!log.done.is_empty(), "strace saw no call at all");
        Ok(log)
    }

    /// Takes in a call; nothing when it is not as it must be.
    fn call(&mut self, thread: u32, call: &Call) -> Option<()> {
        let Some(bytes) = call.returned.and_then(|value| u64::try_from(value).ok()) else {
            return Some(());
        };
        match call.name {
            "read" | "pread64" | "readv" | "preadv" | "preadv2" => {
                self.read(thread, call, 0, bytes)
            }
            "write" | "pwrite64" | "writev" | "pwritev" | "pwritev2" => {
                self.write(thread, call, 0, bytes);
            }
            "sendfile" => {
                self.read(thread, call, 1, bytes);
                self.write(thread, call, 0, bytes);
            }
            "splice" | "copy_file_range" => {
                self.read(thread, call, 0, bytes);
                self.write(thread, call, 2, bytes);
            }
            "rename" | "link" => self.names.same(&call.named(0)?, &call.named(1)?),
            "renameat" | "renameat2" | "linkat" => {
                let from = call.path(0).unwrap_or_default().join(call.named(1)?);
                let to = call.path(2).unwrap_or_default().join(call.named(3)?);
                self.names.same(&from, &to);
            }
            _ => return None,
        }
        Some(())
    }

    fn read(&mut self, thread: u32, call: &Call, argument: usize, read_bytes: u64) {
        self.add(
            thread,
            call.path(argument),
            Counts {
                reads: 1,
                read_bytes,
                ..Counts::ZERO
            },
        );
    }

    fn write(&mut self, thread: u32, call: &Call, argument: usize, write_bytes: u64) {
        self.add(
            thread,
            call.path(argument),
            Counts {
                writes: 1,
                write_bytes,
                ..Counts::ZERO
            },
        );
    }

    fn add(&mut self, thread: u32, path: Option<PathBuf>, counts: Counts) {
        // Without a path it is a pipe or the like.
        if let Some(path) = path {
            *self.done.entry((thread, path)).or_insert(Counts::ZERO) += counts;
        }
    }

    /// What was done below a directory.
    pub fn below(&self, dir: &Path) -> BTreeMap<(u32, PathBuf), Counts> {
        let below = |((_, path), _): &(&(u32, PathBuf), &Counts)| path.starts_with(dir);
        let done = self.done.iter().filter(below);
        done.map(|(key, counts)| (key.clone(), *counts)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Log;
    use crate::counts::Counts;

    const TEXT: &str = r#"7 copy_file_range(3</d/a>, NULL, 1</d/b>, NULL, 9, 0) = 6
7 read(3</d/a>,  <unfinished ...>
8 write(1<pipe:[2]>, ""..., 18) = 18
7 <... read resumed>""..., 4096)    = 4
8 write(1</d/c>, ""..., 2)          = -1 ENOSPC (No space left on device)
8 --- SIGCHLD {si_signo=SIGCHLD} ---
8 renameat2(AT_FDCWD</d>, "b", AT_FDCWD</d>, "x", RENAME_NOREPLACE) = 0
8 sendfile(4</d/x>, 3</d/a>, NULL, 9) = 3
9 +++ exited with 0 +++
"#;

    #[test]
    fn both_sides_of_a_call_and_calls_in_two_pieces() -> anyhow::Result<()> {
        let log = Log::parse(TEXT)?;
        let done = |thread, path: &str| log.done.get(&(thread, path.into())).copied();
        let counts = |reads, read_bytes, writes, write_bytes| {
            Some(Counts {
                reads,
                writes,
                read_bytes,
                write_bytes,
            })
        };
        assert_eq!(done(7, "/d/a"), counts(2, 10, 0, 0));
        assert_eq!(done(7, "/d/b"), counts(0, 0, 1, 6));
        assert_eq!(done(8, "/d/x"), counts(0, 0, 1, 3));
        assert_eq!(done(8, "/d/c"), None);
        assert_eq!(log.done.len(), 4);
        assert_eq!(
            log.names.of(Path::new("/d/x")),
            log.names.of(Path::new("/d/b"))
        );
        Ok(())
    }

    #[test]
    fn nothing_is_passed_over() {
        for wrong in ["", "7 read(3</d/a>, 5", "7 <... read resumed>) = 5", "x"] {
            assert!(Log::parse(wrong).is_err(), "{wrong}");
        }
    }
}
