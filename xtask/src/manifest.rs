//! `iotrace/bpf/manifest.toml`: what the committed kernel objects were made of and with.
//!
//! `iotrace/build.rs` repeats [`sources`] on the user's machine, so the rule is kept trivial:
//! `Cargo.toml` and `src/**/*.rs` of two crates, as paths relative to the workspace's root.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::process::read;
use crate::workspace;

/// The crates that the kernel objects are made of.
const CRATES: [&str; 2] = ["iotrace-common", "iotrace-ebpf"];

/// The file's content, in its order.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// What `rustc --version` printed.
    pub rustc: String,
    /// The version of bpf-linker.
    pub bpf_linker: String,
    /// File name of an object -> hash.
    pub objects: BTreeMap<String, String>,
    /// Path relative to the workspace's root -> hash.
    pub sources: BTreeMap<String, String>,
}

impl Manifest {
    /// Reads a manifest that was committed.
    pub fn load(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", workspace::display(path)))?;
        toml::from_str(&text).with_context(|| format!("{} is damaged", workspace::display(path)))
    }

    /// The text of the file.
    pub fn to_toml(&self) -> Result<String> {
        let body = toml::to_string(self).context("cannot write the manifest as TOML")?;
        Ok(format!("# Written by `cargo xtask build-ebpf`.\n{body}"))
    }
}

/// The hash of every source file of the kernel objects, as it is now.
pub fn sources() -> Result<BTreeMap<String, String>> {
    let root = workspace::root();
    let mut sources = BTreeMap::new();
    for name in CRATES {
        add(root, &root.join(name).join("Cargo.toml"), &mut sources)?;
        walk(root, &root.join(name).join("src"), &mut sources)?;
    }
    Ok(sources)
}

/// The lower-case hexadecimal SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn walk(root: &Path, dir: &Path, sources: &mut BTreeMap<String, String>) -> Result<()> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            walk(root, &path, sources)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            add(root, &path, sources)?;
        }
    }
    Ok(())
}

fn add(root: &Path, path: &Path, sources: &mut BTreeMap<String, String>) -> Result<()> {
    let relative = path.strip_prefix(root)?;
    let name = relative
        .to_str()
        .with_context(|| format!("the name of {} is not UTF-8", relative.display()))?;
    sources.insert(name.to_owned(), sha256(&read(path)?));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_survives_writing_and_reading() -> Result<()> {
        let manifest = Manifest {
            rustc: "rustc 1.95.0".into(),
            bpf_linker: "0.10.4".into(),
            objects: BTreeMap::from([("a.bpf.o".into(), sha256(b"object"))]),
            sources: BTreeMap::from([("a/src/b.rs".into(), sha256(b""))]),
        };
        let text = manifest.to_toml()?;
        assert_eq!(toml::from_str::<Manifest>(&text)?, manifest);
        Ok(())
    }

    #[test]
    fn sha256_is_the_usual_hexadecimal() {
        assert_eq!(
            sha256(b""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn both_crates_are_listed() -> Result<()> {
        let sources = sources()?;
        for name in ["iotrace-common/src/lib.rs", "iotrace-ebpf/Cargo.toml"] {
            assert!(sources.contains_key(name), "{name} is missing");
        }
        Ok(())
    }
}
