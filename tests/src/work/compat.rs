//! What a 32-bit program does, done by this one through the 32-bit door of the kernel.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

use super::protocol::{Report, ready, say};
use crate::counts::Counts;

/// Options of the 32-bit calls.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// A file that is made, written and read back.
    #[arg(long)]
    file: PathBuf,
}

/// Numbers of i386 (arch/x86/entry/syscalls/syscall_32.tbl).
const READ: u32 = 3;
const WRITE: u32 = 4;
const OPEN: u32 = 5;

const BYTES: u32 = 5000;

/// Opens, writes and reads; reports nothing done where the kernel has no such door.
pub fn run(options: &Options) -> Result<()> {
    let low = low_memory()?;
    let path = CString::new(options.file.as_os_str().as_bytes())?;
    ensure!(path.as_bytes_with_nul().len() < 4096, "a long path");
    // SAFETY: the mapping has more bytes than the path.
    unsafe {
        let to = low as usize as *mut u8;
        to.copy_from_nonoverlapping(path.as_ptr().cast(), path.as_bytes_with_nul().len());
    }
    ready()?;
    let mut counts = Counts::ZERO;
    let flags = (libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC) as u32;
    let fd = call(OPEN, low, flags, 0o600);
    if fd == -libc::ENOSYS {
        return say(&Report::of_this_thread(0, counts));
    }
    let fd = u32::try_from(fd).with_context(|| format!("open: {fd}"))?;
    let written = call(WRITE, fd, low, BYTES);
    ensure!(written == BYTES as i32, "write: {written}");
    // At the end of the file.
    let read = call(READ, fd, low, BYTES);
    ensure!(read == 0, "read: {read}");
    counts.writes += 1;
    counts.write_bytes += u64::from(BYTES);
    counts.reads += 1;
    say(&Report::of_this_thread(1, counts))
}

/// Memory that a 32-bit address reaches.
fn low_memory() -> Result<u32> {
    // SAFETY: a new mapping.
    let at = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            8192,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | MAP_32BIT,
            -1,
            0,
        )
    };
    u32::try_from(at as usize).context("no memory below 4 GiB")
}

#[cfg(target_arch = "x86_64")]
const MAP_32BIT: i32 = libc::MAP_32BIT;
#[cfg(not(target_arch = "x86_64"))]
const MAP_32BIT: i32 = 0;

#[cfg(target_arch = "x86_64")]
fn call(number: u32, first: u32, second: u32, third: u32) -> i32 {
    let result: i32;
    // SAFETY: a system call whose addresses are those of a live mapping; rbx, which
    // the compiler keeps for itself, is put back.
    unsafe {
        std::arch::asm!(
            "xchg rbx, {first:r}",
            "int 0x80",
            "xchg rbx, {first:r}",
            first = inout(reg) u64::from(first) => _,
            inlateout("eax") number => result,
            in("ecx") second,
            in("edx") third,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    result
}

/// This architecture has no such door in a 64-bit program.
#[cfg(not(target_arch = "x86_64"))]
fn call(_: u32, _: u32, _: u32, _: u32) -> i32 {
    -libc::ENOSYS
}
