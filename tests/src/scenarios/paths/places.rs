//! File systems and devices that a scenario makes for itself.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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

    /// One whose files can share blocks, if the kernel and this machine's programs know any.
    pub fn sharing_blocks(context: &Context, name: &str) -> Result<Self> {
        const KINDS: [(&str, &[&str], u64); 2] = [
            ("btrfs", &["-q", "-f"], 120 << 20),
            ("xfs", &["-q", "-f", "-m", "reflink=1"], 320 << 20),
        ];
        let known = fs::read_to_string("/proc/filesystems")?;
        let mut missing = Vec::new();
        for (kind, options, bytes) in KINDS {
            if !known.lines().any(|line| line.trim() == kind) {
                missing.push(format!("the kernel has no {kind}"));
                continue;
            }
            let device = LoopDevice::make(context, &format!("{name}.{kind}"), bytes)?;
            let mut command = Command::new(format!("mkfs.{kind}"));
            command
                .args(options)
                .arg(device.path())
                .stdout(Stdio::null());
            match command.status() {
                Ok(status) if status.success() => {
                    let source = device.path().display().to_string();
                    return Self::mount(context, name, kind, &source, "", Some(device));
                }
                Ok(status) => missing.push(format!("mkfs.{kind} ended with {status}")),
                Err(error) => missing.push(format!("mkfs.{kind}: {error}")),
            }
        }
        let why = missing.join(", ");
        println!("untried: reflink: {why}");
        Skip::because(why)
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
            Err(Errno::ENODEV) => {
                println!("untried: {kind}: the kernel has none");
                Skip::because(format!("the kernel has no {kind}"))
            }
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

/// Of linux/loop.h.
const GET_FREE: libc::c_ulong = 0x4c82;
const SET_FILE: libc::c_ulong = 0x4c00;
const CLEAR_FILE: libc::c_ulong = 0x4c01;

/// A disk that is a file; gone when dropped.
pub struct LoopDevice {
    path: PathBuf,
    device: File,
}

impl LoopDevice {
    /// Of so many bytes, all hole, in a file of that name.
    pub fn make(context: &Context, name: &str, bytes: u64) -> Result<Self> {
        let Ok(control) = File::open("/dev/loop-control") else {
            println!("untried: block_device: there is no /dev/loop-control");
            return Skip::because("there is no /dev/loop-control");
        };
        let path = context.dir().join(name);
        let backing = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)?;
        backing.set_len(bytes)?;
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
                Ok(_) => return Ok(Self { path, device }),
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
