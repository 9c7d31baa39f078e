//! Filters that need a name. Those by number run in the kernel.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _, path::Path};

use globset::{Glob, GlobMatcher};

use crate::event::{FilePath, Thread};

/// What is let through; the default is everything.
#[derive(Clone, Debug, Default)]
pub struct NameFilter {
    /// Part of the thread's name.
    pub comm: Option<String>,
    /// Pattern of the whole path.
    pub path: Option<GlobMatcher>,
    /// Directory that the file must be in, not below.
    pub directory: Option<Vec<u8>>,
}

impl NameFilter {
    /// Whether threads of this name are let through.
    pub fn admits_comm(&self, comm: &[u8]) -> bool {
        let wanted = self.comm.as_ref();
        wanted.is_none_or(|wanted| contains(comm, wanted.as_bytes()))
    }

    /// Whether this thread and file are let through. A file without a known path
    /// passes no filter of paths.
    pub fn admits(&self, thread: &Thread, path: Option<&FilePath>) -> bool {
        if !self.admits_comm(&thread.comm) {
            return false;
        }
        if self.path.is_none() && self.directory.is_none() {
            return true;
        }
        let Some(path) = path else {
            return false;
        };
        let path = Path::new(OsStr::from_bytes(&path.bytes));
        self.path.as_ref().is_none_or(|glob| glob.is_match(path))
            && self.directory.as_ref().is_none_or(|directory| {
                path.parent()
                    .is_some_and(|parent| parent.as_os_str().as_bytes() == directory)
            })
    }
}

/// Most bytes of a pattern, as of a path (`PATH_MAX`, include/uapi/linux/limits.h).
const LONGEST: usize = 4096;
/// Most lists of alternatives in a pattern.
const ALTERNATIVES: usize = 64;

/// Parses a pattern: `*` and `?` also match `/`, as people expect of a whole path.
pub fn glob(pattern: &str) -> Result<GlobMatcher, String> {
    // How the names of files without a path begin.
    const NAMES: [&str; 4] = ["pipe:", "socket:", "anon_inode:", "memfd:"];
    if !pattern.starts_with(['/', '*', '?', '[', '{'])
        && !NAMES.iter().any(|name| pattern.starts_with(name))
    {
        return Err(format!(
            "'{pattern}' would match no file: a pattern is for the whole path, so begin it with / or *"
        ));
    }
    bounded(pattern)?;
    Glob::new(pattern)
        .map(|glob| glob.compile_matcher())
        .map_err(|error| error.to_string())
}

/// Refuses patterns that are too deep for the stack or for the regular expression behind them,
/// which is made without a way to fail.
pub fn bounded(pattern: &str) -> Result<(), String> {
    if pattern.len() <= LONGEST && pattern.matches('{').count() <= ALTERNATIVES {
        return Ok(());
    }
    Err(format!(
        "a pattern may have up to {LONGEST} bytes and {ALTERNATIVES} times '{{'"
    ))
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    needle.is_empty() || haystack.windows(needle.len()).any(|part| part == needle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Comm;
    use bytes::Bytes;

    fn admits(filter: &NameFilter, path: &'static [u8]) -> bool {
        let thread = Thread {
            pid: 1,
            tid: 1,
            uid: 0,
            comm: Comm::from(b"svc-worker"),
        };
        let path = FilePath {
            bytes: Bytes::from_static(path),
            ..FilePath::default()
        };
        filter.admits(&thread, Some(&path))
    }

    #[test]
    fn globs_match_the_whole_path_and_any_bytes() {
        let filter = NameFilter {
            path: Some(glob("/tmp/*.txt").expect("a pattern")),
            ..NameFilter::default()
        };
        assert!(admits(&filter, b"/tmp/2ec5/594.txt"));
        assert!(admits(&filter, b"/tmp/\xff\n.txt"));
        assert!(!admits(&filter, b"/var/tmp/594.txt"));
    }

    #[test]
    fn a_pattern_that_matches_nothing_is_refused() {
        for pattern in ["", "tmp/*", "./x", "a{b"] {
            assert!(glob(pattern).is_err(), "{pattern}");
        }
        for pattern in ["*.txt", "/tmp/**", "pipe:*", "{/a,/b}/*"] {
            assert!(glob(pattern).is_ok(), "{pattern}");
        }
    }

    #[test]
    fn a_directory_is_the_direct_parent() {
        let filter = NameFilter {
            directory: Some(b"/tmp".to_vec()),
            ..NameFilter::default()
        };
        assert!(admits(&filter, b"/tmp/a"));
        assert!(!admits(&filter, b"/tmp/a/b"));
    }

    #[test]
    fn a_comm_is_a_part_of_the_name() {
        let comm = |comm: &str| NameFilter {
            comm: Some(comm.to_owned()),
            ..NameFilter::default()
        };
        assert!(admits(&comm("work"), b"/"));
        assert!(!admits(&comm("python"), b"/"));
    }
}
