//! The release binaries that the live scenarios need, for this machine and for others.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::arch::Arch;
use crate::toolchain::Toolchain;
use crate::workspace;
use crate::{packages, process};

/// What is built: iotrace itself, and the scenarios with their workloads.
pub const NAMES: [&str; 2] = ["iotrace", "iotrace-tests"];

/// Where a binary lies once it was built.
pub fn path(arch: Arch, name: &str) -> PathBuf {
    let target = if arch == Arch::HOST {
        ""
    } else {
        arch.target()
    };
    workspace::target(target).join("release").join(name)
}

/// Builds them: as usual for this machine, static for a foreign one, so that no libraries of it
/// are needed.
pub fn build(arch: Arch) -> Result<()> {
    if arch == Arch::HOST {
        return process::run(&mut command(workspace::cargo()));
    }
    let (linker, package) = cross_linker(arch);
    packages::ensure(linker, package)?;
    let (libc, package) = cross_libc(arch);
    packages::ensure_file(libc, package)?;

    let mut cargo = if has_std(arch)? {
        command(workspace::cargo())
    } else {
        // As for the kernel object: the library is built from its source.
        let mut cargo = command(Toolchain::prepare()?.cargo());
        cargo
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_DIR", workspace::target(""))
            .args(["-Z", "build-std=std,panic_abort"]);
        cargo
    };
    let variable = arch.target().to_uppercase().replace('-', "_");
    process::run(
        cargo
            .args(["--target", arch.target()])
            .env(format!("CARGO_TARGET_{variable}_LINKER"), linker)
            // Stronger than any RUSTFLAGS, which are meant for this machine.
            .env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=+crt-static"),
    )
    .with_context(|| format!("cannot build iotrace for {arch}"))
}

fn command(mut cargo: Command) -> Command {
    cargo.args(["build", "--quiet", "--release"]);
    cargo.args(NAMES.map(|name| format!("--package={name}")));
    cargo
}

/// Whether rustc has the standard library of `arch`, after asking rustup for it.
fn has_std(arch: Arch) -> Result<bool> {
    let mut rustc = Command::new("rustc");
    rustc.current_dir(workspace::root());
    let sysroot = process::output(rustc.args(["--print", "sysroot"]))?;
    let library = PathBuf::from(sysroot.trim_end())
        .join("lib/rustlib")
        .join(arch.target())
        .join("lib");
    if library.is_dir() {
        return Ok(true);
    }
    eprintln!("xtask: fetching Rust's library for {arch} with rustup");
    let added = Command::new("rustup")
        .current_dir(workspace::root())
        .args(["target", "add", arch.target()])
        .status();
    // rustup may also have been content with a toolchain that is not ours.
    let there = added.is_ok_and(|status| status.success()) && library.is_dir();
    if !there {
        eprintln!("xtask: rustup could not do it; building the library from its source");
    }
    Ok(there)
}

/// The linker for a foreign architecture, and its package.
fn cross_linker(arch: Arch) -> (&'static str, &'static str) {
    match arch {
        Arch::X86_64 => ("x86_64-linux-gnu-gcc", "gcc-x86-64-linux-gnu"),
        Arch::Aarch64 => ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
    }
}

/// The static libc for a foreign architecture, and its package.
fn cross_libc(arch: Arch) -> (&'static str, &'static str) {
    match arch {
        Arch::X86_64 => ("/usr/x86_64-linux-gnu/lib/libc.a", "libc6-dev-amd64-cross"),
        Arch::Aarch64 => ("/usr/aarch64-linux-gnu/lib/libc.a", "libc6-dev-arm64-cross"),
    }
}
