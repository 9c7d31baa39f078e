//! `cargo xtask check-ebpf`: is the committed object what the sources give?

use anyhow::{Result, bail};

use crate::build_ebpf::{self, manifest_path, object_path};
use crate::manifest::{self, Manifest};
use crate::process::read;
use crate::workspace;

/// Rebuilds in a scratch directory and compares; `iotrace/bpf` is not touched.
pub fn run() -> Result<()> {
    let object = read(&object_path())?;
    let committed = Manifest::load(&manifest_path())?;
    let built = build_ebpf::build(&workspace::target("check-ebpf"))?;

    let mut problems = differences(&committed, &built.manifest);
    let hash = manifest::sha256(&object);
    if hash != committed.object_sha256 {
        problems.push(format!(
            "the manifest's object_sha256 is {}, but the committed object has {hash}",
            committed.object_sha256
        ));
    }
    if object != built.object {
        let offset = object
            .iter()
            .zip(&built.object)
            .take_while(|(a, b)| a == b)
            .count();
        problems.push(format!(
            "the committed object has {} bytes, the rebuilt one {}; they differ from byte {offset} on \
             (rebuilt: sha256 {})",
            object.len(),
            built.object.len(),
            built.manifest.object_sha256
        ));
    }
    if !problems.is_empty() {
        bail!(
            "iotrace/bpf does not fit the sources:\n  {}\nrun `cargo xtask build-ebpf` and commit what it writes",
            problems.join("\n  ")
        );
    }
    eprintln!("xtask: iotrace/bpf fits the sources (sha256 {hash})");
    Ok(())
}

/// What in the committed manifest is not as it would be written now; the object is compared by its bytes.
fn differences(committed: &Manifest, now: &Manifest) -> Vec<String> {
    let mut problems = Vec::new();
    for (what, old, new) in [
        ("rustc", &committed.rustc, &now.rustc),
        ("bpf_linker", &committed.bpf_linker, &now.bpf_linker),
    ] {
        if old != new {
            problems.push(format!(
                "{what}: the manifest says {old:?}, here is {new:?}"
            ));
        }
    }
    for (path, hash) in &now.sources {
        match committed.sources.get(path) {
            None => problems.push(format!("{path}: not in the manifest")),
            Some(old) if old != hash => problems.push(format!("{path}: changed since")),
            Some(_) => {}
        }
    }
    for path in committed.sources.keys() {
        if !now.sources.contains_key(path) {
            problems.push(format!("{path}: in the manifest, but gone"));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(rustc: &str, sources: &[(&str, &str)]) -> Manifest {
        Manifest {
            rustc: rustc.into(),
            bpf_linker: "1".into(),
            object_sha256: String::new(),
            sources: sources
                .iter()
                .map(|(path, hash)| ((*path).into(), (*hash).into()))
                .collect(),
        }
    }

    #[test]
    fn every_kind_of_difference_is_named() {
        let committed = manifest("1", &[("same", "a"), ("changed", "a"), ("gone", "a")]);
        let now = manifest("2", &[("same", "a"), ("changed", "b"), ("new", "a")]);
        assert_eq!(
            differences(&committed, &now),
            [
                r#"rustc: the manifest says "1", here is "2""#,
                "changed: changed since",
                "new: not in the manifest",
                "gone: in the manifest, but gone",
            ]
        );
        assert!(differences(&now, &now).is_empty());
    }
}
