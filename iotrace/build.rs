//! Checks that the committed kernel objects were built from the sources beside them,
//! and tells the program their hashes.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};
use toml::Table;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=bpf");
    let manifest: Table = fs::read_to_string("bpf/manifest.toml")?.parse()?;
    let mut versions = Vec::new();
    for (name, expected) in manifest["objects"].as_table().into_iter().flatten() {
        let found = sha256(&Path::new("bpf").join(name))?;
        if expected.as_str() != Some(&found) {
            let reason = format!("bpf/{name} is not the file that bpf/manifest.toml describes");
            return stale(&reason);
        }
        versions.push(found[..12].to_owned());
    }
    let versions = versions.join(", ");
    println!("cargo::rustc-env=IOTRACE_OBJECTS_SHA256={versions}");

    // In a package of this crate alone there is nothing to compare.
    let workspace = Path::new("..");
    if !workspace.join("iotrace-ebpf").is_dir() {
        return Ok(());
    }
    let sources = manifest["sources"].as_table().cloned().unwrap_or_default();
    for folder in ["iotrace-ebpf", "iotrace-common"] {
        println!("cargo::rerun-if-changed=../{folder}");
        for path in rust_files(&workspace.join(folder).join("src"))? {
            let name = path.strip_prefix(workspace)?.display().to_string();
            if !sources.contains_key(&name) {
                return stale(&format!("{name} is newer than the kernel objects"));
            }
        }
    }
    for (name, hash) in &sources {
        let now = sha256(&workspace.join(name)).unwrap_or_default();
        if hash.as_str() != Some(&now) {
            return stale(&format!(
                "{name} has changed since the kernel objects were built"
            ));
        }
    }
    Ok(())
}

fn stale(reason: &str) -> Result<(), Box<dyn Error>> {
    Err(format!("{reason}: run `cargo xtask build-ebpf`").into())
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

fn sha256(path: &Path) -> Result<String, Box<dyn Error>> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let digest = Sha256::digest(bytes);
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}
