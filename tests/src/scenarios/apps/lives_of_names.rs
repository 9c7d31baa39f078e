//! Which files live and end, by the calls that strace saw: what `churn` has to come to, too.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::strace_line::{Call, each_call};

/// Calls by which files get and lose names.
pub const CALLS: &str =
    "trace=open,openat,creat,unlink,unlinkat,rename,renameat,renameat2,link,linkat,mknod,mknodat";

/// The names of files, as calls made and took them.
#[derive(Default)]
pub struct Names {
    /// The file that has a name.
    pub files: BTreeMap<PathBuf, usize>,
    /// Of each file that was made: names that it has.
    made: Vec<u32>,
    /// Last name, how it ended, by which thread.
    pub ended: Vec<(PathBuf, String, u32)>,
}

impl Names {
    fn make(&mut self, name: PathBuf) {
        if !self.files.contains_key(&name) {
            self.files.insert(name, self.made.len());
            self.made.push(1);
        }
    }

    fn link(&mut self, from: &Path, to: PathBuf) {
        if let Some(file) = self.files.get(from).copied() {
            self.files.insert(to, file);
            self.made[file] += 1;
        }
    }

    fn remove(&mut self, name: &Path, how: &str, thread: u32) {
        // Others are symbolic links.
        if let Some(file) = self.files.remove(name) {
            self.made[file] -= 1;
            if self.made[file] == 0 {
                let ended = (name.to_owned(), how.to_owned(), thread);
                self.ended.push(ended);
            }
        }
    }

    fn rename(&mut self, from: &Path, to: PathBuf, thread: u32) {
        if let Some(file) = self.files.get(from).copied() {
            if self.files.get(&to) == Some(&file) {
                return;
            }
            self.remove(&to, "replaced", thread);
            self.files.remove(from);
            self.files.insert(to, file);
            return;
        }
        // A directory: all below it.
        let below = self.files.keys().filter(|name| name.starts_with(from));
        for name in below.cloned().collect::<Vec<_>>() {
            if let (Ok(rest), Some(file)) = (name.strip_prefix(from), self.files.remove(&name)) {
                self.files.insert(to.join(rest), file);
            }
        }
    }

    fn call(&mut self, thread: u32, call: &Call, cwd: &Path) -> Result<()> {
        if call.returned.is_none_or(|value| value < 0) {
            return Ok(());
        }
        let plain = |at: usize| -> Result<PathBuf> {
            let name = call.named(at).context("no name")?;
            Ok(whole(&cwd.join(name)))
        };
        let at = |directory: usize| -> Result<PathBuf> {
            let name = call.named(directory + 1).context("no name")?;
            let directory = call.path(directory).unwrap_or_else(|| cwd.to_owned());
            Ok(whole(&directory.join(name)))
        };
        let has = |word: &str| call.arguments.iter().any(|flags| flags.contains(word));
        match call.name {
            "open" if has("O_CREAT") => self.make(plain(0)?),
            "openat" if has("O_CREAT") => self.make(at(0)?),
            "creat" => self.make(plain(0)?),
            "open" | "openat" if !has("O_TMPFILE") => {}
            "unlink" => self.remove(&plain(0)?, "unlink", thread),
            "unlinkat" if has("AT_REMOVEDIR") => {}
            "unlinkat" => self.remove(&at(0)?, "unlink", thread),
            "rename" => self.rename(&plain(0)?, plain(1)?, thread),
            "renameat" => self.rename(&at(0)?, at(2)?, thread),
            "renameat2" if !has("RENAME_EXCHANGE") => self.rename(&at(0)?, at(2)?, thread),
            "link" => self.link(&plain(0)?, plain(1)?),
            "linkat" => self.link(&at(0)?, at(2)?),
            name => bail!("{name} is not expected"),
        }
        Ok(())
    }

    /// Reads the file that `strace -f -y -o FILE` has written.
    pub fn parse(text: &str, cwd: &Path) -> Result<Self> {
        let mut names = Self::default();
        each_call(text, |thread, call| names.call(thread, call, cwd))?;
        Ok(names)
    }
}

/// Without detours.
fn whole(path: &Path) -> PathBuf {
    let mut whole = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => _ = whole.pop(),
            part => whole.push(part),
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Names;

    const TEXT: &str = r#"7 openat(AT_FDCWD</d>, "a", O_WRONLY|O_CREAT, 0666) = 3</d/a>
7 link("a", "./b") = 0
7 unlink("a") = 0
8 open("/d/sub/x", O_RDWR|O_CREAT, 0666 <unfinished ...>
7 unlink("link") = 0
8 <... open resumed>) = 4</d/sub/x>
7 rename("sub", "other") = 0
7 unlinkat(5</d/other>, "x", 0) = 0
7 open("c", O_RDWR|O_CREAT, 0666) = 3</d/c>
7 open("c", O_RDWR|O_CREAT, 0666) = 3</d/c>
8 renameat2(AT_FDCWD</d>, "c", AT_FDCWD</d>, "b", 0) = 0
7 unlink("b") = -1 EPERM (Operation not permitted)
"#;

    #[test]
    fn a_file_ends_with_its_last_name() -> anyhow::Result<()> {
        let names = Names::parse(TEXT, Path::new("/d"))?;
        let ended = |name: &str, how: &str, thread| (name.into(), how.to_owned(), thread);
        let all = [
            ended("/d/other/x", "unlink", 7),
            ended("/d/b", "replaced", 8),
        ];
        assert_eq!(names.ended, all);
        assert_eq!(names.files.len(), 1);
        assert_eq!(names.made, [0, 0, 1]);
        Ok(())
    }
}
