//! `cargo xtask build-ebpf`: the only writer of `iotrace/bpf/`.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::manifest::{self, Manifest};
use crate::process::{self, read, write};
use crate::toolchain::{BPF_LINKER, Toolchain};
use crate::workspace;

/// A finished object and what was noted about it.
pub struct Built {
    pub object: Vec<u8>,
    pub manifest: Manifest,
}

/// Where the committed object lies.
pub fn object_path() -> PathBuf {
    workspace::root().join("iotrace/bpf/iotrace.bpf.o")
}

/// Where its manifest lies.
pub fn manifest_path() -> PathBuf {
    workspace::root().join("iotrace/bpf/manifest.toml")
}

/// Builds the object and commits it to `iotrace/bpf`.
pub fn run() -> Result<()> {
    let built = build(&workspace::target("ebpf"))?;
    write(&object_path(), &built.object)?;
    write(&manifest_path(), built.manifest.to_toml()?)?;
    eprintln!(
        "xtask: wrote {} ({} bytes, sha256 {})",
        workspace::display(&object_path()),
        built.object.len(),
        built.manifest.object_sha256
    );
    Ok(())
}

/// Builds the object in `target_dir` and touches nothing else.
pub fn build(target_dir: &Path) -> Result<Built> {
    let toolchain = Toolchain::prepare()?;
    // Taken before the build: an edit during it must leave a manifest that is seen to be stale.
    let sources = manifest::sources()?;
    process::run(
        toolchain
            .cargo()
            // -Z build-std on a stable compiler: the kernel target has no ready-made `core`.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_ENCODED_RUSTFLAGS", rustflags(&toolchain)?)
            .args(["build", "--release", "--package", "iotrace-ebpf"])
            .args(["--target", "bpfel-unknown-none", "-Z", "build-std=core"])
            .arg("--target-dir")
            .arg(target_dir),
    )?;
    let output = target_dir.join("bpfel-unknown-none/release");
    let stripped = output.join("iotrace.bpf.o");
    // DWARF goes, BTF and symbols stay.
    process::run(
        toolchain
            .objcopy()?
            .arg("--strip-debug")
            .arg(output.join("iotrace"))
            .arg(&stripped),
    )?;
    let object = read(&stripped)?;
    let manifest = Manifest {
        rustc: toolchain.rustc_version,
        bpf_linker: BPF_LINKER.to_owned(),
        object_sha256: manifest::sha256(&object),
        sources,
    };
    Ok(Built { object, manifest })
}

/// The compiler's flags, in the form of CARGO_ENCODED_RUSTFLAGS.
///
/// BTF holds the names of source files; they are replaced by fixed ones, so that the bytes do
/// not depend on where this workspace, cargo's registry and rustc lie.
fn rustflags(toolchain: &Toolchain) -> Result<OsString> {
    let mut flags: Vec<OsString> = vec![
        r#"--cfg=bpf_target_arch="x86_64""#.into(),
        "-Cdebuginfo=2".into(),
        concat_os("-Clinker=", &toolchain.bpf_linker),
        "-Clink-arg=--btf".into(),
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
