//! Opens by a handle in place of a name, and by io_uring.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use io_uring::types::{Fd, OpenHow};
use io_uring::{IoUring, opcode, squeue};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

use super::opens::{READ, Report};

/// `struct file_handle`, with room.
#[repr(C)]
struct Handle {
    length: u32,
    kind: i32,
    bytes: [u8; 128],
}

/// Opens a file by its handle.
pub fn by_handle(tree: &Path, report: &mut Report) -> Result<()> {
    let path = tree.join("branch/leaf");
    let name = CString::new(path.as_os_str().as_bytes())?;
    let mut handle = Handle {
        length: 128,
        kind: 0,
        bytes: [0; 128],
    };
    let mut mount = 0_i32;
    // SAFETY: the name ends with a zero byte, the handle says how long it is.
    let told = unsafe {
        let number = libc::SYS_name_to_handle_at;
        libc::syscall(
            number,
            libc::AT_FDCWD,
            name.as_ptr(),
            &raw mut handle,
            &raw mut mount,
            0,
        )
    };
    if let Err(error) = Errno::result(told) {
        return report.refused("handle", "name_to_handle_at", error);
    }
    let directory = nix::fcntl::open(tree, READ | OFlag::O_DIRECTORY, Mode::empty())?;
    report.add("openat", tree, &directory, false, None);
    // SAFETY: the handle is whole.
    let fd = unsafe {
        let number = libc::SYS_open_by_handle_at;
        libc::syscall(
            number,
            directory.as_raw_fd(),
            &raw const handle,
            libc::O_RDONLY,
        )
    };
    match Errno::result(fd) {
        Ok(fd) => {
            // SAFETY: the kernel has just made this descriptor for us alone.
            let fd = unsafe { OwnedFd::from_raw_fd(i32::try_from(fd)?) };
            report.add("handle", &path, &fd, false, Some("handle"));
        }
        Err(error) => return report.refused("handle", "open_by_handle_at", error),
    }
    // Of no file that there ever was, and below no mount.
    let directory = directory.as_raw_fd();
    handle.bytes = [0xee; 128];
    for (mount, errno) in [(directory, Errno::ESTALE), (-1, Errno::EBADF)] {
        // SAFETY: the handle is whole.
        let fd = unsafe {
            let number = libc::SYS_open_by_handle_at;
            libc::syscall(number, mount, &raw const handle, libc::O_RDONLY)
        };
        let failed = Errno::result(fd);
        ensure!(failed == Err(errno), "not {errno}: {failed:?}");
        report.failed("handle_failed", "handle", errno);
    }
    Ok(())
}

/// Opens and makes files, relative to a directory.
pub fn by_ring(tree: &Path, report: &mut Report) -> Result<()> {
    const VIA: Option<&str> = Some("io_uring");
    let mut ring = match IoUring::new(4) {
        Ok(ring) => ring,
        Err(error) => {
            let error = Errno::from_raw(error.raw_os_error().unwrap_or(0));
            return report.refused("io_uring", "no ring", error);
        }
    };
    let directory = File::open(tree)?;
    report.add("openat", tree, &directory, false, None);
    let at = Fd(directory.as_fd().as_raw_fd());
    let make = libc::O_RDWR | libc::O_CREAT;
    for (name, flags, created) in [
        (c"leaf", 0, false),
        (c"ring", make, true),
        (c"ring", make, false),
    ] {
        for worker in [false, true] {
            // The second time it is there already.
            let created = created && !worker;
            let open = opcode::OpenAt::new(at, name.as_ptr())
                .flags(flags)
                .mode(0o600);
            let fd = completed(&mut ring, &open.build(), worker)?;
            report.add("io_uring", &tree.join(name.to_str()?), &fd, created, VIA);
        }
    }
    for (flags, created) in [(make, true), (make, false)] {
        let how = OpenHow::new()
            .flags(u64::from(flags.unsigned_abs()))
            .mode(0o600);
        let open = opcode::OpenAt2::new(at, c"branch/ring".as_ptr(), &raw const how);
        let fd = completed(&mut ring, &open.build(), false)?;
        report.add("io_uring", &tree.join("branch/ring"), &fd, created, VIA);
    }
    for (name, errno) in [(c"absent", Errno::ENOENT), (c"leaf/below", Errno::ENOTDIR)] {
        let open = opcode::OpenAt::new(at, name.as_ptr()).build();
        let failed = completed(&mut ring, &open, false);
        let error = failed.err().and_then(|error| error.downcast().ok());
        ensure!(error == Some(errno), "not {errno}: {error:?}");
        report.failed("io_uring_failed", VIA.unwrap_or_default(), errno);
    }
    Ok(())
}

/// Does one open, and waits for it.
fn completed(ring: &mut IoUring, entry: &squeue::Entry, worker: bool) -> Result<OwnedFd> {
    let mut entry = entry.clone();
    if worker {
        entry = entry.flags(squeue::Flags::ASYNC);
    }
    // SAFETY: what it points to lives in the caller until it is completed below.
    unsafe { ring.submission().push(&entry) }.context("the queue is full")?;
    ring.submit_and_wait(1)?;
    let completion = ring.completion().next().context("not completed")?;
    let result = completion.result();
    ensure!(result >= 0, Errno::from_raw(-result));
    // SAFETY: the kernel has just made this descriptor for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(result) })
}
