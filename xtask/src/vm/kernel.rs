//! The kernels: which Debian package holds which, and the modules that the guest needs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::guest;
use crate::arch::Arch;
use crate::debian::{Archive, Package};
use crate::process::read;
use crate::workspace::display;

/// One line of the table of kernels that are tested.
struct Version {
    name: &'static str,
    suite: &'static str,
    /// What the name of the package with vmlinuz begins with.
    image: &'static str,
    /// The same for a package of modules of their own; the names' rest is the same.
    modules: Option<&'static str>,
}

const VERSIONS: [Version; 4] = [
    Version {
        name: "5.10",
        suite: "bullseye",
        image: "linux-image-5.10.",
        modules: None,
    },
    Version {
        name: "6.1",
        suite: "bookworm",
        image: "linux-image-6.1.",
        modules: None,
    },
    Version {
        name: "6.12",
        suite: "bookworm-backports",
        image: "linux-image-6.12.",
        modules: None,
    },
    Version {
        name: "7.2",
        suite: "trixie-backports",
        image: "linux-binary-7.2.",
        modules: Some("linux-modules-7.2."),
    },
];

/// The disk, and the ports that carry output and verdict. What is built in is not looked for.
const MODULES: [&str; 4] = ["virtio_pci", "virtio_blk", "virtio_console", "ext4"];

/// What the scenarios mount. Some of them try out at the start which of their ways is the fastest,
/// which takes two seconds where the processor is emulated.
const MOUNTED: [&str; 4] = ["overlay", "loop", "btrfs", "raid1"];

/// A bootable kernel.
pub struct Kernel {
    pub image: PathBuf,
    /// Where its modules lie, when it came with any.
    packages: Option<PathBuf>,
}

/// A module, decompressed.
pub struct Module {
    pub name: String,
    pub content: Vec<u8>,
}

impl Kernel {
    /// A kernel by its name in the table, fetched when it is not cached, or by its path.
    pub fn find(arch: Arch, name: &str) -> Result<Self> {
        if let Some(version) = VERSIONS.iter().find(|version| version.name == name) {
            let packages = super::cache(arch).join("kernel").join(name);
            if !packages.is_dir() {
                version.fetch(arch, &packages)?;
            }
            let image = find(&packages, &|file| file.starts_with("vmlinuz"))
                .with_context(|| format!("there is no vmlinuz in {}", display(&packages)))?;
            eprintln!("xtask: kernel {}", display(&image));
            return Ok(Self {
                image,
                packages: Some(packages),
            });
        }
        let image = PathBuf::from(name);
        if !image.is_file() {
            let known: Vec<_> = VERSIONS.iter().map(|version| version.name).collect();
            bail!(
                "{name:?} is neither the path of a vmlinuz nor one of the kernels {}",
                known.join(", ")
            );
        }
        Ok(Self {
            image,
            packages: None,
        })
    }

    /// The modules that the guest needs, in an order in which they can be loaded.
    pub fn modules(&self) -> Result<Vec<Module>> {
        let mut wanted = Vec::new();
        if let Some(packages) = &self.packages {
            for name in MODULES.iter().chain(&MOUNTED) {
                self.add_module(packages, name, &mut wanted)?;
            }
        }
        Ok(wanted)
    }

    /// Those without which the guest does not run.
    pub fn fewest_modules(&self) -> Result<Vec<Module>> {
        let mut wanted = Vec::new();
        if let Some(packages) = &self.packages {
            for name in MODULES {
                self.add_module(packages, name, &mut wanted)?;
            }
        }
        Ok(wanted)
    }

    fn add_module(&self, packages: &Path, name: &str, wanted: &mut Vec<Module>) -> Result<()> {
        let same = |file: &str| {
            let stem = file.split_once(".ko").map(|(stem, _)| stem);
            stem.is_some_and(|stem| stem.replace('-', "_") == name.replace('-', "_"))
        };
        if wanted.iter().any(|module| module.name == name) {
            return Ok(());
        }
        let Some(path) = find(packages, &same) else {
            return Ok(());
        };
        let content = if path.extension().is_some_and(|extension| extension == "xz") {
            guest::unxz(&path)?
        } else {
            read(&path)?
        };
        for dependency in dependencies(&content) {
            self.add_module(packages, &dependency, wanted)?;
        }
        wanted.push(Module {
            name: name.to_owned(),
            content,
        });
        Ok(())
    }
}

impl Version {
    fn fetch(&self, arch: Arch, dir: &Path) -> Result<()> {
        let archive = Archive::open(arch, self.suite)?;
        let flavour = format!("-cloud-{}", arch.debian());
        let image = archive.newest(self.image, |package| package.name.ends_with(&flavour))?;
        let mut packages = vec![image.clone()];
        if let (Some(modules), Some(rest)) = (self.modules, image.name.strip_prefix(self.image)) {
            packages.push(Package {
                name: format!("{modules}{rest}"),
                version: image.version,
            });
        }
        archive.unpack(&packages, dir)
    }
}

/// The first file below `dir` whose name fits.
fn find(dir: &Path, fits: &dyn Fn(&str) -> bool) -> Option<PathBuf> {
    let entries: BTreeMap<_, _> = fs::read_dir(dir)
        .ok()?
        .filter_map(|entry| entry.ok().map(|entry| (entry.file_name(), entry.path())))
        .collect();
    entries.into_iter().find_map(|(name, path)| {
        if path.is_dir() && !path.is_symlink() {
            find(&path, fits)
        } else {
            (path.is_file() && name.to_str().is_some_and(fits)).then_some(path)
        }
    })
}

/// The `depends=` of a module's `.modinfo`: strings that end with a zero byte.
fn dependencies(module: &[u8]) -> Vec<String> {
    let value = module
        .split(|byte| *byte == 0)
        .find_map(|text| text.strip_prefix(b"depends="))
        .unwrap_or_default();
    String::from_utf8_lossy(value)
        .split(',')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_names_its_dependencies() {
        let module = b"\x7fELF\0license=GPL\0depends=crc16,jbd2\0name=ext4\0";
        assert_eq!(dependencies(module), ["crc16", "jbd2"]);
        assert!(dependencies(b"depends=\0").is_empty());
        assert!(dependencies(b"").is_empty());
    }
}
