//! Programs that are executed: the kernel reads their heads for the caller.
//!
//! They are made here, so that it is known what there is to read: a script, whose interpreter is a
//! program that has a loader, which ends at once.

use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::ledger::Ledger;
use super::place::Place;

/// What the kernel reads of any program (`BINPRM_BUF_SIZE`, linux/binfmts.h).
const HEAD: u64 = 256;
/// `struct elf64_hdr` and `struct elf64_phdr`.
const ELF_HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
/// Where the code begins, in the file and from the address that it is loaded at.
const CODE: u64 = 512;
const LENGTH: usize = 777;

/// exit(0).
#[cfg(target_arch = "x86_64")]
const EXIT: &[u8] = &[0x31, 0xff, 0xb8, 60, 0, 0, 0, 0x0f, 0x05];
#[cfg(target_arch = "x86_64")]
const MACHINE: u16 = 62;
#[cfg(target_arch = "aarch64")]
const EXIT: &[u8] = &[
    0x00, 0, 0x80, 0xd2, 0xa8, 0x0b, 0x80, 0xd2, 0x01, 0, 0, 0xd4,
];
#[cfg(target_arch = "aarch64")]
const MACHINE: u16 = 183;

/// Kinds of files and of their parts (elf.h).
const EXECUTABLE: u16 = 2;
const SHARED: u16 = 3;
const LOAD: u32 = 1;
const INTERPRETER: u32 = 3;

/// The script.
pub const SCRIPT: &str = "script";
/// Its interpreter.
pub const PROGRAM: &str = "program";
/// The loader of that.
pub const LOADER: &str = "loader";

/// Makes the script, the program and the loader.
pub fn make(place: &Place) -> Result<()> {
    fs::create_dir_all(&place.dir)?;
    let [script, program, loader] = [SCRIPT, PROGRAM, LOADER].map(|name| place.own(name));
    write(&script, script_of(&program).as_bytes())?;
    write(&program, &elf(EXECUTABLE, &loader_name(&loader)))?;
    write(&loader, &elf(SHARED, &[]))
}

/// Starts the script, and counts what the kernel has to read.
pub fn start(place: &Place, ledger: &mut Ledger) -> Result<()> {
    let [script, program, loader] = [SCRIPT, PROGRAM, LOADER].map(|name| place.own(name));
    for _ in 0..2 {
        let mut child = Command::new(&script).spawn()?;
        let pid = child.id();
        let status = child.wait()?;
        ensure!(status.success(), "the program ended with {status}");
        ledger.read_by_child(pid, &script, script_of(&program).len() as u64);
        ledger.read_by_child(pid, &program, HEAD);
        ledger.read_by_child(pid, &program, 2 * PROGRAM_HEADER as u64);
        ledger.read_by_child(pid, &program, loader_name(&loader).len() as u64);
        ledger.read_by_child(pid, &loader, ELF_HEADER as u64);
        ledger.read_by_child(pid, &loader, PROGRAM_HEADER as u64);
    }
    Ok(())
}

fn script_of(program: &Path) -> String {
    format!("#!{}\n", program.display())
}

fn loader_name(loader: &Path) -> Vec<u8> {
    [loader.as_os_str().as_bytes(), b"\0"].concat()
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| path.display().to_string())?;
    Ok(fs::set_permissions(path, Permissions::from_mode(0o755))?)
}

/// A program that ends at once, or has its loader do it.
fn elf(kind: u16, loader: &[u8]) -> Vec<u8> {
    let base: u64 = if kind == EXECUTABLE { 0x40_0000 } else { 0 };
    let parts = if loader.is_empty() { 1 } else { 2 };
    let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for half in [kind, MACHINE] {
        file.extend(half.to_le_bytes());
    }
    file.extend(1_u32.to_le_bytes());
    for word in [base + CODE, ELF_HEADER as u64, 0] {
        file.extend(word.to_le_bytes());
    }
    file.extend(0_u32.to_le_bytes());
    for half in [ELF_HEADER as u16, PROGRAM_HEADER as u16, parts, 0, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    // The name stands behind the code.
    let name = CODE + 64;
    if !loader.is_empty() {
        part(&mut file, INTERPRETER, name, base, loader.len() as u64, 1);
    }
    part(&mut file, LOAD, 0, base, LENGTH as u64, 0x1_0000);
    file.resize(CODE as usize, 0);
    file.extend(EXIT);
    file.resize(name as usize, 0);
    file.extend(loader);
    file.resize(LENGTH.max(file.len()), 0);
    file
}

/// A program header of what may be read, written and executed: old kernels clear what is behind the
/// end of a loader's file.
fn part(file: &mut Vec<u8>, kind: u32, offset: u64, base: u64, length: u64, alignment: u64) {
    for half in [kind, 7] {
        file.extend(half.to_le_bytes());
    }
    let at = base + offset;
    for word in [offset, at, at, length, length, alignment] {
        file.extend(word.to_le_bytes());
    }
}
