//! The pinned tools for the kernel object. Its bytes depend on them, so versions are exact.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::arch::Arch;
use crate::debian::Archive;
use crate::process;
use crate::workspace::{self, display};

/// The rustc (and its LLVM) that compiles the kernel object.
const RUST: &str = "1.95.0";
/// The linker; the last release whose LLVM can be the one inside rustc.
pub const BPF_LINKER: &str = "0.10.4";

/// Everything that is needed to build the kernel object, known to be there.
pub struct Toolchain {
    /// What stands before `cargo` and `rustc`: empty, or `rustup run VERSION`.
    prefix: &'static [&'static str],
    /// What `rustc --version` prints.
    pub rustc_version: String,
    /// Where rustc and the standard library's source lie.
    pub sysroot: PathBuf,
    /// The program bpf-linker.
    pub bpf_linker: PathBuf,
}

impl Toolchain {
    /// Finds the tools, and fetches what is missing.
    pub fn prepare() -> Result<Self> {
        let prefix = pinned_rust()?;
        let rustc = |argument: &[&str]| -> Result<String> {
            let text = process::output(tool(prefix, "rustc").args(argument))?;
            Ok(text.trim_end().to_owned())
        };
        let rustc_version = rustc(&["--version"])?;
        let sysroot = PathBuf::from(rustc(&["--print", "sysroot"])?);
        rust_src(prefix, &sysroot)?;
        let bpf_linker = bpf_linker(prefix)?;
        Ok(Self {
            prefix,
            rustc_version,
            sysroot,
            bpf_linker,
        })
    }

    /// The pinned cargo, standing in the workspace's root.
    pub fn cargo(&self) -> Command {
        tool(self.prefix, "cargo")
    }

    /// The `llvm-objcopy` that rustc itself brings along and uses for `-C strip`.
    pub fn objcopy(&self) -> Result<Command> {
        let rustlib = self.sysroot.join("lib/rustlib");
        let path = fs::read_dir(&rustlib)
            .with_context(|| format!("cannot list {}", rustlib.display()))?
            .filter_map(|entry| Some(entry.ok()?.path().join("bin/rust-objcopy")))
            .find(|path| path.is_file())
            .with_context(|| {
                let sysroot = self.sysroot.display();
                format!("there is no rust-objcopy in {sysroot}; rustup's Rust {RUST} has it")
            })?;
        let mut command = Command::new(path);
        // It needs rustc's libLLVM, and is only meant to be started by rustc, which sets this.
        command.env("LD_LIBRARY_PATH", self.sysroot.join("lib"));
        Ok(command)
    }
}

fn tool(prefix: &[&str], name: &str) -> Command {
    let mut words = prefix.iter().copied().chain([name]);
    let mut command = Command::new(words.next().unwrap_or(name));
    command.args(words).current_dir(workspace::root());
    command
}

/// How to start the pinned Rust: as it is, or through rustup.
fn pinned_rust() -> Result<&'static [&'static str]> {
    let wanted = format!("rustc {RUST} ");
    let found = process::output(tool(&[], "rustc").arg("--version"))?;
    if found.starts_with(&wanted) {
        return Ok(&[]);
    }
    if !process::on_path("rustup") {
        bail!(
            "the kernel object is built with Rust {RUST} exactly, but `rustc --version` says \
             {found:?} and there is no rustup to fetch it with"
        );
    }
    let prefix = &["rustup", "run", RUST];
    let installed = tool(prefix, "rustc").arg("--version").output();
    if !installed.is_ok_and(|output| output.status.success()) {
        eprintln!("xtask: fetching Rust {RUST} with rustup into its own directory");
        process::run(Command::new("rustup").args([
            "toolchain",
            "install",
            RUST,
            "--profile",
            "minimal",
        ]))?;
    }
    Ok(prefix)
}

/// Makes sure that the standard library's source is in the sysroot, for `-Z build-std`.
fn rust_src(prefix: &[&str], sysroot: &Path) -> Result<()> {
    let link = sysroot.join("lib/rustlib/src/rust");
    let present = || link.join("library/core/src/lib.rs").is_file();
    if present() {
        return Ok(());
    }
    eprintln!(
        "xtask: fetching rust-src with rustup into {}",
        link.display()
    );
    let component = tool(prefix, "rustup")
        .args(["component", "add", "rust-src"])
        .status();
    // rustup may also have been content with a toolchain that is not ours.
    if component.is_ok_and(|status| status.success()) && present() {
        return Ok(());
    }
    eprintln!("xtask: rustup could not do it; Debian packages the same source");
    let source = debian_rust_src()
        .context("neither rustup nor Debian's package could give the source of Rust's library")?;
    if let Some(parent) = link.parent() {
        fs::create_dir_all(parent)?;
    }
    // A link that points nowhere would be in the way.
    if link.is_symlink() {
        fs::remove_file(&link)?;
    }
    std::os::unix::fs::symlink(&source, &link)
        .with_context(|| format!("cannot link {} into the sysroot", source.display()))?;
    eprintln!("xtask: linked {} into the sysroot", display(&source));
    Ok(())
}

/// The same source as a Debian package, unpacked below `target/tools`.
fn debian_rust_src() -> Result<PathBuf> {
    let dir = workspace::target("tools/rust-src");
    let source = dir.join(format!("usr/src/rustc-{RUST}"));
    if !source.is_dir() {
        let archive = Archive::open(Arch::HOST, "trixie-backports")?;
        let package = archive.newest("rust-src", |package| {
            package.name == "rust-src" && package.version.starts_with(&format!("{RUST}+dfsg"))
        })?;
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        archive.unpack(&[package], &dir)?;
    }
    Ok(source)
}

/// Makes sure that bpf-linker is there in its version.
fn bpf_linker(prefix: &[&str]) -> Result<PathBuf> {
    let tools = workspace::target("tools");
    let path = tools.join("bin/bpf-linker");
    let version = Command::new(&path).arg("--version").output();
    let wanted = format!("bpf-linker {BPF_LINKER}");
    if version.is_ok_and(|output| output.stdout.trim_ascii() == wanted.as_bytes()) {
        return Ok(path);
    }
    eprintln!(
        "xtask: fetching and building {wanted} into {}",
        display(&tools)
    );
    let features = [
        "--no-default-features",
        "--features",
        "llvm-22,rust-llvm-22",
    ];
    process::run(
        tool(prefix, "cargo")
            .args(["install", "bpf-linker", "--version", BPF_LINKER, "--locked"])
            .args(features)
            .arg("--root")
            .arg(&tools),
    )?;
    Ok(path)
}
