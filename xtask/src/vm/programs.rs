//! A small Debian with the programs that the scenarios `apps_*` trace, or with other tracers, as a
//! disk to run on.
//!
//! Its packages are only unpacked, so nothing of them is set up; those programs need no more. The
//! disk is the guest's root file system (`tests/vm/init` goes over to it): the cloud kernels have
//! neither 9p nor, all of them, virtiofs, through which the host's own programs could be shared.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::libraries::{Library, libraries_with};
use super::scratch::mkfs;
use crate::arch::Arch;
use crate::debian;
use crate::process::fresh_dir;
use crate::workspace::display;

/// What depends neither on the suite nor on the architecture; util-linux has `setpriv`.
const PACKAGES: [&str; 18] = [
    "apt",
    "coreutils",
    "dash",
    "dpkg",
    "findutils",
    "fio",
    "git",
    "grep",
    "jq",
    "libpython3-stdlib",
    "plocate",
    "python3-minimal",
    "qemu-utils",
    "rsync",
    "sqlite3",
    "strace",
    "tar",
    "util-linux",
];

/// What iotrace is measured beside.
const PEERS: [&str; 4] = ["bpftrace", "coreutils", "dash", "libbpf-tools"];

/// Space for all of it; the file has holes.
const DISK_BYTES: u64 = 2 << 30;

/// Which programs there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Apps,
    Peers,
}

impl Set {
    /// What its files are called.
    fn name(self) -> &'static str {
        match self {
            Self::Apps => "programs",
            Self::Peers => "peers",
        }
    }

    /// Their packages, as far as the names are the same everywhere.
    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Apps => &PACKAGES,
            Self::Peers => &PEERS,
        }
    }
}

/// The unpacked packages of an architecture.
pub struct Programs {
    tree: PathBuf,
    disk: PathBuf,
}

impl Programs {
    /// Those that the scenarios trace.
    pub fn prepare(arch: Arch) -> Result<Self> {
        Self::find(arch, Set::Apps)
    }

    /// Other tracers.
    pub fn peers(arch: Arch) -> Result<Self> {
        Self::find(arch, Set::Peers)
    }

    /// Finds them, or fetches them from the host's own suite: our binaries fit its libraries.
    fn find(arch: Arch, set: Set) -> Result<Self> {
        let cache = super::cache(arch);
        let name = set.name();
        let programs = Self {
            tree: cache.join(name),
            disk: cache.join(format!("{name}.ext4")),
        };
        // What an older list asked for is not enough.
        let list = cache.join(format!("{name}.list"));
        let wanted = set.packages().join("\n");
        let is_same = fs::read_to_string(&list).is_ok_and(|found| found == wanted);
        if !is_same || !programs.tree.is_dir() {
            for old in [&programs.tree, &programs.tree.with_extension("unpacked")] {
                let _ = fs::remove_dir_all(old);
            }
            fetch(arch, set, &programs.tree)?;
            fs::write(&list, wanted).with_context(|| display(&list).to_string())?;
            // Of an older tree.
            let _ = fs::remove_file(&programs.disk);
        }
        if !programs.disk.is_file() {
            programs.make_disk()?;
        }
        Ok(programs)
    }

    /// The directory below which they were unpacked, made fit for running PostgreSQL from there on
    /// this machine: `missing-libraries` has what the machine has not.
    pub fn postgres(&self) -> Result<&Path> {
        let missing = self.tree.join("missing-libraries");
        fresh_dir(&missing)?;
        let servers = self.tree.join("usr/lib/postgresql");
        for version in fs::read_dir(&servers).with_context(|| display(&servers).to_string())? {
            for program in fs::read_dir(version?.path().join("bin"))? {
                self.link_missing(&program?.path(), &missing)?;
            }
        }
        Ok(&self.tree)
    }

    /// The words that start one of the tracers on this machine.
    pub fn command(&self, name: &str) -> Result<Vec<String>> {
        let missing = self.tree.join("missing-libraries");
        fresh_dir(&missing)?;
        let program = self.tree.join("usr/sbin").join(name);
        self.link_missing(&program, &missing)?;
        Ok(vec![
            "env".to_owned(),
            format!("LD_LIBRARY_PATH={}", missing.display()),
            program.display().to_string(),
        ])
    }

    /// Those that `program` needs, and those that they need.
    fn link_missing(&self, program: &Path, missing: &Path) -> Result<()> {
        loop {
            let mut found = false;
            for library in libraries_with(program, Some(missing))? {
                let Library::Missing(name) = library else {
                    continue;
                };
                let path = self
                    .library(&name)
                    .with_context(|| format!("{} needs {name}", display(program)))?;
                symlink(Path::new("..").join(path), missing.join(&name))
                    .with_context(|| format!("cannot link {name}"))?;
                found = true;
            }
            if !found {
                return Ok(());
            }
        }
    }

    /// Where in the tree a library is.
    fn library(&self, name: &str) -> Option<PathBuf> {
        ["lib", "usr/lib"].iter().find_map(|lib| {
            let dirs = fs::read_dir(self.tree.join(lib)).into_iter().flatten();
            let mut paths = dirs.flatten().map(|dir| dir.path().join(name));
            let path = paths.find(|path| path.exists())?;
            path.strip_prefix(&self.tree).ok().map(Path::to_owned)
        })
    }

    /// The disk with the same. A machine must not change it.
    pub fn disk(&self) -> &Path {
        &self.disk
    }

    /// The disk comes into being only when it is whole.
    fn make_disk(&self) -> Result<()> {
        eprintln!("xtask: making the disk {}", display(&self.disk));
        let partial = self.disk.with_extension("partial");
        let file = File::create(&partial)
            .with_context(|| format!("cannot create {}", partial.display()))?;
        file.set_len(DISK_BYTES)?;
        mkfs(&partial, Some(&self.tree))?;
        fs::rename(&partial, &self.disk)
            .with_context(|| format!("cannot move {} into its place", display(&self.disk)))
    }
}

fn fetch(arch: Arch, set: Set, tree: &Path) -> Result<()> {
    let archive = debian::Archive::host(arch)?;
    let mut names: Vec<_> = set
        .packages()
        .iter()
        .map(|name| (*name).to_owned())
        .collect();
    if set == Set::Apps {
        let postgres = archive.newest("postgresql-", |package| {
            let version = package.name.strip_prefix("postgresql-");
            version.is_some_and(|version| version.parse::<u32>().is_ok())
        })?;
        names.extend([postgres.name, super::qemu::model(arch).package.to_owned()]);
    }
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let packages = archive.with_dependencies(&names)?;
    let unpacked = tree.with_extension("unpacked");
    if !unpacked.is_dir() {
        archive.unpack(&packages, &unpacked)?;
    }
    // Where a suite's packages have it all in /usr, programs are still named by these paths.
    for part in ["bin", "lib", "lib64", "sbin"] {
        let old = unpacked.join(part);
        if !old.exists() && unpacked.join("usr").join(part).exists() {
            symlink(format!("usr/{part}"), &old)?;
        }
    }
    fs::rename(&unpacked, tree)
        .with_context(|| format!("cannot move {} into its place", display(tree)))
}
