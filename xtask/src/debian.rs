//! Debian packages of any suite, unpacked below `target/` and never installed.
//!
//! apt does the work (mirror, signatures, hashes, proxies) with an index of its own in
//! `target/apt/ARCHITECTURE/SUITE`, so nothing of the machine's apt changes and no root is needed. The mirror
//! is the one that the machine's own apt sources name.

mod sources;

use std::cmp::Ordering;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::arch::Arch;
use crate::process::{self, fresh_dir, write};
use crate::workspace::{self, display};

/// One version of one package in a suite's index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    pub name: String,
    pub version: String,
}

/// The `main` part of one suite, for one architecture.
pub struct Archive {
    suite: String,
    dir: PathBuf,
}

impl Archive {
    /// Fetches the index of `suite`.
    pub fn open(arch: Arch, suite: &str) -> Result<Self> {
        if !process::on_path("apt-get") || !process::on_path("dpkg") {
            bail!(
                "fetching from Debian's {suite} needs apt-get and dpkg, which this system has not"
            );
        }
        let source = sources::debian()?;
        let dir = workspace::target("apt").join(arch.name()).join(suite);
        for part in ["state/lists/partial", "cache/archives/partial"] {
            let part = dir.join(part);
            fs::create_dir_all(&part)
                .with_context(|| format!("cannot create {}", part.display()))?;
        }
        write(&dir.join("status"), "")?;
        write(&dir.join("sources.list"), source.line(suite))?;
        write(&dir.join("apt.conf"), config(&dir, arch))?;
        let archive = Self {
            suite: suite.to_owned(),
            dir,
        };
        eprintln!(
            "xtask: fetching the package index of Debian {suite} ({}) into {}",
            arch.debian(),
            display(&archive.dir)
        );
        let mut update = archive.apt("apt-get");
        // A part that could not be fetched is a warning by default.
        update.args(["--quiet=2", "--error-on=any", "update"]);
        process::run(&mut update).with_context(|| format!("no package index of Debian {suite}"))?;
        Ok(archive)
    }

    /// The suite that this machine was installed from, whose libraries fit ours.
    pub fn host(arch: Arch) -> Result<Self> {
        Self::open(arch, &sources::host_suite()?)
    }

    /// The newest package whose name begins with `prefix` and which `fits`.
    pub fn newest(&self, prefix: &str, fits: impl Fn(&Package) -> bool) -> Result<Package> {
        let names = process::output(self.apt("apt-cache").args(["pkgnames", prefix]))?;
        let mut newest: Option<Package> = None;
        if !names.trim().is_empty() {
            let index = process::output(self.apt("apt-cache").arg("show").args(names.lines()))?;
            for package in packages(&index).into_iter().filter(fits) {
                let older = match &newest {
                    Some(best) => compare(&best.version, &package.version)?.is_lt(),
                    None => true,
                };
                if older {
                    newest = Some(package);
                }
            }
        }
        newest.with_context(|| format!("Debian {} has no fitting package {prefix}…", self.suite))
    }

    /// The packages of these names and all that a system without anything would need for them.
    pub fn with_dependencies(&self, names: &[&str]) -> Result<Vec<Package>> {
        let mut install = self.apt("apt-get");
        install.args(["--simulate", "--quiet=2", "--no-install-recommends"]);
        let text = process::output(install.arg("install").args(names))?;
        Ok(to_install(&text))
    }

    /// Fetches `packages` and unpacks them over each other in `dir`, which comes into being only
    /// when all is done: who finds it may use it.
    pub fn unpack(&self, packages: &[Package], dir: &Path) -> Result<()> {
        let debs = self.dir.join("debs");
        fresh_dir(&debs)?;
        let wanted: Vec<_> = packages
            .iter()
            .map(|package| format!("{}={}", package.name, package.version))
            .collect();
        eprintln!(
            "xtask: fetching {} from Debian {} into {}",
            wanted.join(" "),
            self.suite,
            display(dir)
        );
        let mut download = self.apt("apt-get");
        download.args(["--quiet=2", "download"]).args(&wanted);
        process::run(download.current_dir(&debs))?;
        let partial = PathBuf::from(format!("{}.partial", dir.display()));
        fresh_dir(&partial)?;
        for deb in fs::read_dir(&debs)? {
            process::run(
                Command::new("dpkg")
                    .arg("-x")
                    .arg(deb?.path())
                    .arg(&partial),
            )?;
        }
        fs::remove_dir_all(&debs)?;
        fs::rename(&partial, dir)
            .with_context(|| format!("cannot move {} into its place", display(dir)))
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("LC_ALL", "C.UTF-8")
            .arg("--config-file")
            .arg(self.dir.join("apt.conf"));
        command
    }
}

/// apt's configuration: its whole state in `dir`, and none of the machine's pins and hooks.
fn config(dir: &Path, arch: Arch) -> String {
    let dir = dir.display();
    let arch = arch.debian();
    format!(
        r#"Dir::State "{dir}/state";
Dir::State::status "{dir}/status";
Dir::Cache "{dir}/cache";
Dir::Etc::SourceList "{dir}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
APT::Sandbox::User "root";
APT::Architecture "{arch}";
#clear APT::Architectures;
APT::Architectures {{ "{arch}"; }};
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"#
    )
}

/// Name and version of every stanza of a package index.
fn packages(index: &str) -> Vec<Package> {
    let field = |stanza: &str, name: &str| {
        let line = stanza.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().to_owned())
    };
    index
        .split("\n\n")
        .filter_map(|stanza| {
            Some(Package {
                name: field(stanza, "Package:")?,
                version: field(stanza, "Version:")?,
            })
        })
        .collect()
}

/// The lines `Inst NAME (VERSION ORIGIN [ARCHITECTURE])…` of an installation that is simulated.
fn to_install(text: &str) -> Vec<Package> {
    let parse = |line: &str| {
        let mut words = line.strip_prefix("Inst ")?.split(' ');
        Some(Package {
            name: words.next()?.to_owned(),
            version: words.next()?.strip_prefix('(')?.to_owned(),
        })
    };
    text.lines().filter_map(parse).collect()
}

/// Debian's order of versions, as dpkg knows it.
fn compare(a: &str, b: &str) -> Result<Ordering> {
    if a == b {
        return Ok(Ordering::Equal);
    }
    let status = Command::new("dpkg")
        .args(["--compare-versions", a, "lt", b])
        .status()
        .context("cannot start dpkg")?;
    Ok(if status.success() {
        Ordering::Less
    } else {
        Ordering::Greater
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stanzas_become_packages() {
        let index =
            "Package: a\nDescription: x\n Version: no\nVersion: 1-1\n\nPackage: b\nVersion: 2\n\n";
        let found: Vec<_> = packages(index)
            .into_iter()
            .map(|package| (package.name, package.version))
            .collect();
        assert_eq!(
            found,
            [("a".into(), "1-1".into()), ("b".into(), "2".into())]
        );
    }

    #[test]
    fn a_simulated_installation_names_packages() {
        let text = "Inst a (1:2-3 Debian:12.15/oldstable [amd64]) []\n\
            Inst b-1 (4 Debian:12.15/oldstable, Debian-Security:12 [all])\n\
            Conf a (1:2-3 Debian:12.15/oldstable [amd64])\n";
        let package = |name: &str, version: &str| Package {
            name: name.to_owned(),
            version: version.to_owned(),
        };
        assert_eq!(
            to_install(text),
            [package("a", "1:2-3"), package("b-1", "4")]
        );
    }
}
