//! Calls that the standard library has not.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use nix::errno::Errno;

/// A path as the kernel takes it.
pub fn c(path: &Path) -> Result<CString> {
    Ok(CString::new(path.as_os_str().as_bytes())?)
}

/// `renameat2` with flags.
pub fn rename(from: &Path, to: &Path, flags: u32) -> Result<(), Errno> {
    let (Ok(from), Ok(to)) = (c(from), c(to)) else {
        return Err(Errno::EINVAL);
    };
    // SAFETY: both names end with a zero byte.
    let done = unsafe {
        libc::syscall(
            libc::SYS_renameat2,
            libc::AT_FDCWD,
            from.as_ptr(),
            libc::AT_FDCWD,
            to.as_ptr(),
            flags,
        )
    };
    Errno::result(done).map(drop)
}

/// Gives a name to a file without one, by its descriptor.
pub fn link_by_fd(file: &File, to: &Path) -> Result<()> {
    let to = c(to)?;
    // SAFETY: both names end with a zero byte.
    let done = unsafe {
        let (fd, here) = (file.as_raw_fd(), libc::AT_FDCWD);
        libc::linkat(fd, c"".as_ptr(), here, to.as_ptr(), libc::AT_EMPTY_PATH)
    };
    Errno::result(done)
        .map(drop)
        .context("linkat by descriptor")
}

/// The same, by its entry in `/proc`.
pub fn link_by_proc(file: &File, to: &Path) -> Result<()> {
    let from = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    let to = c(to)?;
    // SAFETY: both names end with a zero byte.
    let done = unsafe {
        let (here, follow) = (libc::AT_FDCWD, libc::AT_SYMLINK_FOLLOW);
        libc::linkat(here, from.as_ptr(), here, to.as_ptr(), follow)
    };
    Errno::result(done).map(drop).context("linkat by /proc")
}

/// Makes a file, pipe or device without opening it.
pub fn mknod(path: &Path, mode: libc::mode_t) -> Result<()> {
    let path = c(path)?;
    // SAFETY: the name ends with a zero byte.
    let done = unsafe { libc::mknod(path.as_ptr(), mode, 0) };
    Errno::result(done).map(drop).context("mknod")
}

/// Removes a file in a child process; returns the child.
pub fn unlink_in_child(path: &Path) -> Result<u32> {
    let path = c(path)?;
    // SAFETY: no other thread runs here, and the child calls nothing but the kernel.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: the name ends with a zero byte.
        unsafe { libc::_exit(i32::from(libc::unlink(path.as_ptr()) != 0)) }
    }
    let child = Errno::result(child)?;
    let mut status = 0;
    // SAFETY: the kernel fills the number, which is there.
    Errno::result(unsafe { libc::waitpid(child, &raw mut status, 0) })?;
    ensure!(status == 0, "the child could not unlink: {status}");
    Ok(child.unsigned_abs())
}
