//! File systems and devices that a scenario makes for itself.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::harness::{Context, Skip};

/// A mounted file system, gone when dropped.
pub struct Mounted {
    path: PathBuf,
    /// What it lies on.
    _device: Option<LoopDevice>,
}

impl Mounted {
    /// In memory.
    pub fn tmpfs(context: &Context, name: &str) -> Result<Self> {
        Self::mount(context, name, "tmpfs", "tmpfs", "size=64m", None)
    }

    /// An overlay of directories `lower` and `upper` next to it.
    pub fn overlay(context: &Context, name: &str) -> Result<Self> {
        let [lower, upper, work] = ["lower", "upper", "work"].map(|dir| context.dir().join(dir));
        for dir in [&lower, &upper, &work] {
            // What is to be found there may have been put already.
            fs::create_dir_all(dir)?;
        }
        let (lower, upper, work) = (lower.display(), upper.display(), work.display());
        let options = format!("lowerdir={lower},upperdir={upper},workdir={work}");
        Self::mount(context, name, "overlay", "overlay", &options, None)
    }

    /// One whose files can share blocks.
    pub fn sharing_blocks(context: &Context, name: &str) -> Result<Self> {
        let device = LoopDevice::make(context, &format!("{name}.btrfs"), BTRFS_BYTES, BTRFS)?;
        let source = device.path().display().to_string();
        Self::mount(context, name, "btrfs", &source, "", Some(device))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn mount(
        context: &Context,
        name: &str,
        kind: &str,
        source: &str,
        options: &str,
        device: Option<LoopDevice>,
    ) -> Result<Self> {
        let path = context.make_dir(name)?;
        let none = MsFlags::empty();
        match mount(Some(source), &path, Some(kind), none, Some(options)) {
            Ok(()) => Ok(Self {
                path,
                _device: device,
            }),
            Err(Errno::ENODEV) => Skip::because(format!("the kernel has no {kind}")),
            Err(error) => Err(error).with_context(|| format!("cannot mount {kind} ({options})")),
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily, because a tracer may be looking.
        umount2(&self.path, MntFlags::MNT_DETACH).ok();
    }
}

/// Whether files of a directory can share blocks.
pub fn shares_blocks(dir: &Path) -> Result<bool> {
    const CLONE: libc::c_ulong = 0x4004_9409;
    let [from, to] = ["from", "to"].map(|name| dir.join(name));
    fs::write(&from, [b'x'; 4096])?;
    let (source, target) = (File::open(&from)?, File::create(&to)?);
    // SAFETY: takes a descriptor.
    let done = unsafe { libc::ioctl(target.as_raw_fd(), CLONE as _, source.as_raw_fd()) };
    fs::remove_file(from)?;
    fs::remove_file(to)?;
    Ok(done == 0)
}

/// An empty btrfs without its zeros (`btrfs.py` makes it), because not every machine has a program
/// that makes one.
const BTRFS: &[u8] = include_bytes!("btrfs.runs");
const BTRFS_BYTES: u64 = 64 << 20;

/// Writes each run of bytes to its offset.
fn write_runs(file: &File, mut runs: &[u8]) -> Result<()> {
    const DAMAGED: &str = "the runs are damaged";
    while !runs.is_empty() {
        let (offset, rest) = runs.split_first_chunk().context(DAMAGED)?;
        let (length, rest) = rest.split_first_chunk().context(DAMAGED)?;
        let length = usize::from(u16::from_le_bytes(*length));
        let (bytes, rest) = rest.split_at_checked(length).context(DAMAGED)?;
        file.write_all_at(bytes, u32::from_le_bytes(*offset).into())?;
        runs = rest;
    }
    Ok(())
}

/// Of linux/loop.h.
const GET_FREE: libc::c_ulong = 0x4c82;
const SET_FILE: libc::c_ulong = 0x4c00;
const CLEAR_FILE: libc::c_ulong = 0x4c01;
const SET_STATUS: libc::c_ulong = 0x4c04;
const GET_STATUS: libc::c_ulong = 0x4c05;

/// `struct loop_info64`.
#[repr(C)]
struct Status {
    begin: [u8; 52],
    flags: u32,
    end: [u8; 176],
}

/// The kernel clears it when its last user closes it (`LO_FLAGS_AUTOCLEAR`).
const AUTOCLEAR: u32 = 4;

/// So that a device goes with a runner that is killed, too.
fn clear_when_closed(device: &File) -> Result<()> {
    let mut status = Status {
        begin: [0; 52],
        flags: 0,
        end: [0; 176],
    };
    // SAFETY: the kernel fills the struct, which is there.
    Errno::result(unsafe { libc::ioctl(device.as_raw_fd(), GET_STATUS as _, &raw mut status) })?;
    status.flags |= AUTOCLEAR;
    // SAFETY: the kernel reads the struct, which is there.
    Errno::result(unsafe { libc::ioctl(device.as_raw_fd(), SET_STATUS as _, &raw const status) })?;
    Ok(())
}

/// A disk that is a file; gone when dropped.
pub struct LoopDevice {
    path: PathBuf,
    device: File,
}

impl LoopDevice {
    /// Of so many bytes, all zero but for these runs, in a file of that name.
    pub fn make(context: &Context, name: &str, bytes: u64, runs: &[u8]) -> Result<Self> {
        let Ok(control) = File::open("/dev/loop-control") else {
            return Skip::because("the kernel has no loop devices");
        };
        let path = context.dir().join(name);
        let backing = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)?;
        backing.set_len(bytes)?;
        write_runs(&backing, runs)?;
        // Another process may take the number that is free.
        for _ in 0..100 {
            // SAFETY: takes no argument.
            let number = unsafe { libc::ioctl(control.as_raw_fd(), GET_FREE as _) };
            let number = Errno::result(number).context("no free loop device")?;
            let path = PathBuf::from(format!("/dev/loop{number}"));
            let device = File::options().read(true).write(true).open(&path);
            let device = device.with_context(|| path.display().to_string())?;
            // SAFETY: takes a descriptor.
            let set =
                unsafe { libc::ioctl(device.as_raw_fd(), SET_FILE as _, backing.as_raw_fd()) };
            match Errno::result(set) {
                Ok(_) => {
                    let made = Self { path, device };
                    clear_when_closed(&made.device).context("cannot make it clear itself")?;
                    return Ok(made);
                }
                Err(Errno::EBUSY) => {}
                Err(error) => return Err(error).context("cannot set up a loop device"),
            }
        }
        anyhow::bail!("every free loop device was taken by others")
    }

    /// The device.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        // SAFETY: takes no argument. If it is mounted still, it goes with the mount.
        unsafe { libc::ioctl(self.device.as_raw_fd(), CLEAR_FILE as _) };
    }
}
