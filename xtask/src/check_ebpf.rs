//! `cargo xtask check-ebpf`: are the committed objects what the sources give?

use anyhow::{Result, bail};

use crate::build_ebpf::{self, committed, manifest_path};
use crate::manifest::{self, Manifest};
use crate::process::read;
use crate::workspace;

/// Rebuilds in a scratch directory and compares; `iotrace/bpf` is not touched.
pub fn run() -> Result<()> {
    let manifest = Manifest::load(&manifest_path())?;
    let built = build_ebpf::build(&workspace::target("check-ebpf"))?;

    let mut problems = differences(&manifest, &built.manifest);
    for (name, rebuilt) in &built.objects {
        let object = read(&committed(name))?;
        let hash = manifest::sha256(&object);
        if manifest.objects.get(name) != Some(&hash) {
            problems.push(format!(
                "the manifest has another hash of {name}, whose is {hash}"
            ));
        }
        if object != *rebuilt {
            let pairs = object.iter().zip(rebuilt);
            let offset = pairs.take_while(|(a, b)| a == b).count();
            problems.push(format!(
                "the committed {name} has {} bytes, the rebuilt one {}; they differ from byte {offset} on \
                 (rebuilt: sha256 {})",
                object.len(),
                rebuilt.len(),
                built.manifest.objects[name]
            ));
        }
    }
    if !problems.is_empty() {
        bail!(
            "iotrace/bpf does not fit the sources:\n  {}\nrun `cargo xtask build-ebpf` and commit what it writes",
            problems.join("\n  ")
        );
    }
    eprintln!("xtask: iotrace/bpf fits the sources");
    Ok(())
}

/// What in the committed manifest is not as it would be written now; the objects are compared by their bytes.
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
    use std::collections::BTreeMap;

    use super::*;

    fn manifest(rustc: &str, sources: &[(&str, &str)]) -> Manifest {
        Manifest {
            rustc: rustc.into(),
            bpf_linker: "1".into(),
            objects: BTreeMap::new(),
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
