//! Checks that the committed kernel object was built from the sources beside it,
//! and tells the program the object's hash.

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
    let expected = manifest["object_sha256"].as_str().unwrap_or_default();
    let found = sha256(Path::new("bpf/iotrace.bpf.o"))?;
    if expected != found {
        return stale("bpf/iotrace.bpf.o is not the file that bpf/manifest.toml describes");
    }
    println!("cargo::rustc-env=IOTRACE_OBJECT_SHA256={}", &found[..12]);

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
                return stale(&format!("{name} is newer than the kernel object"));
            }
        }
    }
    for (name, hash) in &sources {
        let now = sha256(&workspace.join(name)).unwrap_or_default();
        if hash.as_str() != Some(&now) {
            return stale(&format!(
                "{name} has changed since the kernel object was built"
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
