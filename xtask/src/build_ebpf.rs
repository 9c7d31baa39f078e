//! `cargo xtask build-ebpf`: the only writer of `iotrace/bpf/`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::manifest::{self, Manifest};
use crate::process::{self, read, write};
use crate::toolchain::{BPF_LINKER, Toolchain};
use crate::workspace;

/// The objects, each with the features of `iotrace-ebpf` that it is built with.
const OBJECTS: [(&str, &[&str]); 3] = [
    ("iotrace.bpf.o", &[]),
    ("iotrace-loops.bpf.o", &["--features=bpf_loop"]),
    ("iotrace-casts.bpf.o", &["--features=rdonly_cast"]),
];

/// Finished objects by file name, and what was noted about them.
pub struct Built {
    pub objects: BTreeMap<String, Vec<u8>>,
    pub manifest: Manifest,
}

/// Where a committed file lies.
pub fn committed(name: &str) -> PathBuf {
    workspace::root().join("iotrace/bpf").join(name)
}

/// Where the manifest lies.
pub fn manifest_path() -> PathBuf {
    committed("manifest.toml")
}

/// Builds the objects and commits them to `iotrace/bpf`.
pub fn run() -> Result<()> {
    let built = build(&workspace::target("ebpf"))?;
    for (name, object) in &built.objects {
        let path = committed(name);
        write(&path, object)?;
        eprintln!(
            "xtask: wrote {} ({} bytes, sha256 {})",
            workspace::display(&path),
            object.len(),
            built.manifest.objects[name]
        );
    }
    write(&manifest_path(), built.manifest.to_toml()?)
}

/// Builds the objects in `target_dir` and touches nothing else.
pub fn build(target_dir: &Path) -> Result<Built> {
    let toolchain = Toolchain::prepare()?;
    // Taken before the build: an edit during it must leave a manifest that is seen to be stale.
    let sources = manifest::sources()?;
    let mut objects = BTreeMap::new();
    for (name, features) in OBJECTS {
        let object = build_one(&toolchain, target_dir, name, features)?;
        objects.insert(name.to_owned(), object);
    }
    let hashes = objects
        .iter()
        .map(|(name, object)| (name.clone(), manifest::sha256(object)));
    let manifest = Manifest {
        rustc: toolchain.rustc_version,
        bpf_linker: BPF_LINKER.to_owned(),
        objects: hashes.collect(),
        sources,
    };
    Ok(Built { objects, manifest })
}

/// Builds one of them.
fn build_one(
    toolchain: &Toolchain,
    target_dir: &Path,
    name: &str,
    features: &[&str],
) -> Result<Vec<u8>> {
    process::run(
        toolchain
            .cargo()
            // -Z build-std on a stable compiler: the kernel target has no ready-made `core`.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_ENCODED_RUSTFLAGS", rustflags(toolchain)?)
            .args(["build", "--release", "--package", "iotrace-ebpf"])
            .args(features)
            .args(["--target", "bpfel-unknown-none", "-Z", "build-std=core"])
            .arg("--target-dir")
            .arg(target_dir),
    )?;
    let output = target_dir.join("bpfel-unknown-none/release");
    let stripped = output.join(name);
    // DWARF goes, BTF and symbols stay.
    process::run(
        toolchain
            .objcopy()?
            .arg("--strip-debug")
            .arg(output.join("iotrace"))
            .arg(&stripped),
    )?;
    read(&stripped)
}

/// The compiler's flags, in the form of CARGO_ENCODED_RUSTFLAGS.
///
/// BTF holds the names of source files; they are replaced by fixed ones, so that the bytes do
/// not depend on where this workspace, cargo's registry and rustc lie.
fn rustflags(toolchain: &Toolchain) -> Result<OsString> {
    let mut flags: Vec<OsString> = vec![
        r#"--cfg=bpf_target_arch="x86_64""#.into(),
        // Instructions for 32 bits, which the verifiers of all supported kernels know (since 5.1).
        "-Ctarget-cpu=v3".into(),
        "-Cdebuginfo=2".into(),
        concat_os("-Clinker=", &toolchain.bpf_linker),
        "-Clink-arg=--btf".into(),
        // Else 16 bytes are cleared and moved by a call of a function that goes byte by byte.
        "-Clink-arg=--disable-expand-memcpy-in-order".into(),
    ];
    let rust_src = toolchain.sysroot.join("lib/rustlib/src/rust");
    // Of the prefixes that fit, the last one given wins: from general to special.
    let mut remaps = vec![(workspace::root().to_owned(), "/iotrace")];
    // One directory per registry: a mirror's has another name. They are there, because xtask's
    // own dependencies come from them.
    let registries = cargo_home()?.join("registry/src");
    for registry in fs::read_dir(&registries).into_iter().flatten() {
        remaps.push((registry?.path(), "/cargo"));
    }
    // The source may be a link to a place inside the workspace.
    remaps.push((rust_src.canonicalize()?, "/rust-src"));
    remaps.push((rust_src, "/rust-src"));
    for (from, to) in remaps {
        let mut flag = concat_os("--remap-path-prefix=", &from);
        flag.push("=");
        flag.push(to);
        flags.push(flag);
    }
    Ok(flags.join("\x1f".as_ref()))
}

fn concat_os(start: &str, path: &Path) -> OsString {
    let mut whole = OsString::from(start);
    whole.push(path);
    whole
}

fn cargo_home() -> Result<PathBuf> {
    if let Some(home) = std::env::var_os("CARGO_HOME") {
        return Ok(home.into());
    }
    let home = std::env::home_dir().context("there is neither CARGO_HOME nor a home directory")?;
    Ok(home.join(".cargo"))
}
