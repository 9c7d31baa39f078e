//! What lies in the guest: busybox, Python, our release binaries, the command to run.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::ExtraFile;
use super::cpio::Archive;
use super::kernel::Module;
use super::libraries::{Library, libraries};
use crate::arch::Arch;
use crate::process::{self, read};
use crate::workspace::{self, display};
use crate::{binaries, debian};

/// The unpacked Debian packages that every guest of an architecture gets.
pub struct Base {
    arch: Arch,
    dir: PathBuf,
    busybox: PathBuf,
    /// `usr/bin/python3.N`.
    python: PathBuf,
}

/// The decompressed content of an `.xz` file: the static busybox of this machine's guests is
/// always there to do it.
pub fn unxz(path: &Path) -> Result<Vec<u8>> {
    let base = Base::prepare(Arch::HOST)?;
    process::output_bytes(Command::new(base.busybox).args(["xz", "-dc"]).arg(path))
}

impl Base {
    /// Finds the packages, or fetches them from the host's own suite: its libraries fit ours.
    pub fn prepare(arch: Arch) -> Result<Self> {
        let dir = super::cache(arch).join("base");
        if !dir.is_dir() {
            fetch(arch, &dir)?;
        }
        let program = |names: &dyn Fn(&str) -> bool| {
            let bins = [dir.join("bin"), dir.join("usr/bin")];
            let mut files = bins.iter().flat_map(fs::read_dir).flatten().flatten();
            let file = files.find(|file| file.file_name().to_str().is_some_and(names));
            file.map(|file| file.path())
                .with_context(|| format!("{} is damaged: remove it", display(&dir)))
        };
        Ok(Self {
            busybox: program(&|name| name == "busybox")?,
            python: program(&|name| name.starts_with("python3."))?,
            arch,
            dir,
        })
    }
}

fn fetch(arch: Arch, dir: &Path) -> Result<()> {
    let archive = debian::Archive::host(arch)?;
    let python = archive.newest("python3.", |package| {
        let version = package.name.strip_prefix("python3.");
        let version = version.and_then(|rest| rest.strip_suffix("-minimal"));
        version.is_some_and(|version| version.parse::<u32>().is_ok())
    })?;
    let stdlib = python.name.replace("-minimal", "-stdlib");
    let mut names = vec![
        python.name.clone(),
        format!("lib{}", python.name),
        format!("lib{stdlib}"),
        "busybox-static".to_owned(),
        // Python's own libraries; libc and the like come from the host.
        "libexpat1".to_owned(),
        "zlib1g".to_owned(),
    ];
    if arch != Arch::HOST {
        names.extend(["libc6", "libgcc-s1"].map(str::to_owned));
    }
    let packages = names
        .iter()
        .map(|name| archive.newest(name, |package| package.name == *name))
        .collect::<Result<Vec<_>>>()?;
    archive.unpack(&packages, dir)
}

/// What is in one guest beside the packages.
pub struct Content<'a> {
    pub modules: &'a [Module],
    pub files: &'a [ExtraFile],
    pub command: &'a [OsString],
    /// The guest goes on with this file system, and not with that of a disk.
    pub is_root: bool,
}

/// The packed first file system of a guest.
pub fn initramfs(base: &Base, content: &Content) -> Result<Vec<u8>> {
    let mut archive = Archive::default();
    for dir in [
        "dev", "mnt", "proc", "root", "run", "sbin", "sys", "tmp", "usr/sbin", "var/tmp",
    ] {
        archive.dir(dir);
    }
    archive.file(
        "etc/passwd",
        false,
        "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n",
    );
    archive.file("etc/group", false, "root:x:0:\nnogroup:x:65534:\n");
    for (path, source) in [("init", "init"), ("bin/refused", "refused")] {
        let source = workspace::root().join("tests/vm").join(source);
        archive.file(path, true, read(&source)?);
    }
    archive.file("command", false, script(content.command));
    for (number, module) in content.modules.iter().enumerate() {
        let path = format!("modules/{number:02}-{}.ko", module.name);
        archive.file(&path, false, module.content.as_slice());
    }

    archive.file("bin/busybox", true, read(&base.busybox)?);
    archive.link("bin/sh", "busybox");
    if content.is_root {
        if !base.dir.join("lib").is_dir() {
            // Newer suites' packages have it all in /usr, but programs name their loader in /lib.
            archive.link("lib", "usr/lib");
        }
        for part in ["lib", "usr/lib"] {
            add_tree(&mut archive, &base.dir, &base.dir.join(part))?;
        }
        add_program(&mut archive, base, &base.python, "usr/bin/python3")?;
    }
    for name in binaries::NAMES {
        let host = binaries::path(base.arch, name);
        add_program(&mut archive, base, &host, &format!("bin/{name}"))?;
    }
    for file in content.files {
        add_program(&mut archive, base, &file.host, &file.guest)?;
    }
    Ok(archive.pack())
}

/// A shell script that is nothing but the command, whatever characters its words have.
fn script(command: &[OsString]) -> Vec<u8> {
    let mut script = b"exec".to_vec();
    for word in command {
        script.extend_from_slice(b" '");
        for byte in word.as_bytes() {
            match byte {
                b'\'' => script.extend_from_slice(br"'\''"),
                other => script.push(*other),
            }
        }
        script.push(b'\'');
    }
    script.push(b'\n');
    script
}

fn add_tree(archive: &mut Archive, base: &Path, dir: &Path) -> Result<()> {
    // Not every suite's packages have every directory.
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let path = entry?.path();
        let name = text(path.strip_prefix(base)?.as_os_str())?;
        if path.is_symlink() {
            archive.link(name, text(fs::read_link(&path)?.as_os_str())?);
        } else if path.is_dir() {
            add_tree(archive, base, &path)?;
        } else {
            archive.file(name, is_executable(&path)?, read(&path)?);
        }
    }
    Ok(())
}

/// Adds a file of the host and, if it is a program, the libraries that it needs.
fn add_program(archive: &mut Archive, base: &Base, host: &Path, guest: &str) -> Result<()> {
    let content = read(host)?;
    let is_elf = content.starts_with(b"\x7fELF");
    archive.file(guest, is_executable(host)?, content);
    // ldd knows this machine's programs alone; for others the packages must have it all.
    if !is_elf || base.arch != Arch::HOST {
        return Ok(());
    }
    for library in libraries(host)? {
        match library {
            Library::Found(path) if archive.contains(&path) => {}
            Library::Found(path) => archive.file(&path, true, read(Path::new(&path))?),
            // The host needs not have what came in the packages.
            Library::Missing(name) if base.has_library(&name) => {}
            Library::Missing(name) => bail!("{} needs {name}, which is not here", host.display()),
        }
    }
    Ok(())
}

impl Base {
    fn has_library(&self, name: &str) -> bool {
        ["lib", "usr/lib"].iter().any(|lib| {
            let multiarch = fs::read_dir(self.dir.join(lib)).into_iter().flatten();
            multiarch
                .flatten()
                .any(|dir| dir.path().join(name).exists())
        })
    }
}

fn is_executable(path: &Path) -> Result<bool> {
    let metadata = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(metadata.permissions().mode() & 0o100 != 0)
}

fn text(name: &OsStr) -> Result<&str> {
    name.to_str()
        .with_context(|| format!("the name {} is not UTF-8", name.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_survives_the_script() -> Result<()> {
        let words = [
            "printf",
            "%s|",
            "a b",
            "it's",
            "$HOME \"`x`\"\\",
            "two\nlines",
            "",
        ];
        let script = script(&words.map(OsString::from));
        let output = Command::new("sh")
            .arg("-c")
            .arg(OsStr::from_bytes(&script))
            .output()?;
        assert_eq!(
            String::from_utf8(output.stdout)?,
            words[2..].join("|") + "|"
        );
        Ok(())
    }
}
