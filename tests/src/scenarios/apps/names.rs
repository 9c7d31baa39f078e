//! Files that had more names than one.
//!
//! A row has one name a file, and a file that is renamed between two writes may have any of its
//! names there. So names that one file had, one after the other or at once, count as one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Which names are the same.
#[derive(Debug, Default)]
pub struct Names {
    renamed: Vec<(PathBuf, PathBuf)>,
}

impl Names {
    /// Takes in that a file got another name. Names may be relative to a directory not known.
    pub fn same(&mut self, from: &Path, to: &Path) {
        self.renamed.push((from.to_owned(), to.to_owned()));
    }

    /// The one name for all of its names.
    pub fn of(&self, path: &Path) -> PathBuf {
        let mut all = vec![path.to_owned()];
        let mut next = 0;
        while let Some(known) = all.get(next).cloned() {
            next += 1;
            for (a, b) in &self.renamed {
                for (from, to) in [(a, b), (b, a)] {
                    if let Some(other) = replace(&known, from, to)
                        && !all.contains(&other)
                    {
                        all.push(other);
                    }
                }
            }
        }
        all.into_iter().min().unwrap_or_default()
    }

    /// Sums with all names of a file in one.
    pub fn sum<V: Copy + std::ops::AddAssign>(
        &self,
        sums: BTreeMap<(u32, PathBuf), V>,
    ) -> BTreeMap<(u32, PathBuf), V> {
        let mut merged: BTreeMap<(u32, PathBuf), V> = BTreeMap::new();
        for ((thread, path), value) in sums {
            merged
                .entry((thread, self.of(&path)))
                .and_modify(|sum| *sum += value)
                .or_insert(value);
        }
        merged
    }
}

/// `path` with `to` in the place of `from`, which may be all of it, its end, or a directory above.
fn replace(path: &Path, from: &Path, to: &Path) -> Option<PathBuf> {
    if from.is_absolute() {
        let rest = path.strip_prefix(from).ok()?;
        return Some(if rest == Path::new("") {
            to.to_owned()
        } else {
            to.join(rest)
        });
    }
    let mut above = path;
    for _ in from.components() {
        above = above.parent()?;
    }
    path.ends_with(from).then(|| above.join(to))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::Names;

    #[test]
    fn a_file_keeps_its_name_through_renames() {
        let mut names = Names::default();
        names.same(Path::new("/d/config.lock"), Path::new("/d/config"));
        names.same(Path::new("wal/tmp"), Path::new("wal/1"));
        names.same(Path::new("/d/new"), Path::new("/d/old"));
        let of = |path: &str| names.of(Path::new(path));
        assert_eq!(of("/d/config"), of("/d/config.lock"));
        assert_eq!(of("/pg/wal/1"), PathBuf::from("/pg/wal/1"));
        assert_eq!(of("/pg/wal/tmp"), PathBuf::from("/pg/wal/1"));
        assert_eq!(of("/d/old/x"), of("/d/new/x"));
        assert_eq!(of("/d/other"), PathBuf::from("/d/other"));
        assert_ne!(of("/pg/xwal/tmp"), of("/pg/xwal/1"));
    }
}
