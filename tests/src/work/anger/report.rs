//! What the workload tells its scenario.

use std::mem::MaybeUninit;
use std::os::fd::RawFd;

use anyhow::{Result, ensure};
use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use crate::counts::Counts;

/// A file, by what does not change when it is renamed or unlinked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileId {
    /// Device, as stat(2) has it.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// Generation of the inode, where the file system tells it.
    pub generation: Option<u32>,
}

/// What one thread did with one file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Touched {
    /// Process.
    pub pid: u32,
    /// Thread.
    pub tid: u32,
    /// The file.
    pub file: FileId,
    /// All operations that did not fail.
    pub counts: Counts,
}

/// The last line of the workload.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// For each thread and file.
    pub touched: Vec<Touched>,
    /// Processes.
    pub processes: u64,
    /// Threads that were no process's first.
    pub threads: u64,
    /// Descriptors that came from another process over a socket.
    pub received: u64,
    /// Calls that failed, as they should.
    pub failed: u64,
    /// Processes and threads that got the id of one before them.
    pub reused: u64,
}

impl FileId {
    /// Of an open file.
    pub fn of(fd: RawFd) -> Result<Self> {
        let mut stat = MaybeUninit::<libc::stat>::uninit();
        // SAFETY: the kernel writes a whole `stat` there, or fails.
        let stat = unsafe {
            let result = libc::fstat(fd, stat.as_mut_ptr());
            ensure!(result == 0, "fstat: {}", Errno::last());
            stat.assume_init()
        };
        Ok(Self {
            dev: stat.st_dev,
            ino: stat.st_ino,
            generation: generation(fd),
        })
    }

    /// The device as records have it.
    pub fn device(self) -> String {
        format!("{}:{}", libc::major(self.dev), libc::minor(self.dev))
    }
}

fn generation(fd: RawFd) -> Option<u32> {
    // FS_IOC_GETVERSION: said to be a long, but the kernel writes an int.
    const GET_VERSION: libc::c_ulong = 0x8008_7601;
    let mut version: [u32; 2] = [0; 2];
    // SAFETY: the kernel writes 4 bytes, and there are 8.
    let result = unsafe { libc::ioctl(fd, GET_VERSION, version.as_mut_ptr()) };
    (result == 0).then_some(version[0])
}
