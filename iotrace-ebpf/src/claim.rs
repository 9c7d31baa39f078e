//! Names as a caller gives them: all that is left of a name when no file has it.

use aya_ebpf::helpers::generated::{bpf_probe_read_kernel_str, bpf_probe_read_user_str};
use iotrace_common::{Hook, Loss, path_flag};

use crate::{
    descriptor, emit,
    file::{self, Place},
    kernel::{Current, Probe, Ptr, Read, offset},
    path::PathBuf,
};

/// `AT_FDCWD` (include/uapi/linux/fcntl.h).
pub const AT_FDCWD: i32 = -100;
/// Longest string of a caller with its NUL (`PATH_MAX`, include/uapi/linux/limits.h).
const USER_PATH_CAP: u32 = 4096;
/// Bad address (include/uapi/asm-generic/errno-base.h).
const EFAULT: i32 = 14;

/// The name that was asked for.
#[derive(Clone, Copy)]
pub enum Name {
    /// In the caller's memory.
    User(Ptr),
    /// The kernel's copy.
    Kernel(Ptr),
    /// There is none, or nobody has it any more.
    Gone,
}

/// Where a name is put, in map memory.
#[derive(Clone, Copy)]
pub struct Claimed {
    pub path: *mut PathBuf,
    pub len: *mut u32,
    /// Bits of `path_flag`.
    pub flags: *mut u32,
}

/// Puts the caller's own string first and, when it is relative, tells the directory that it
/// starts from. `result` is what came of the call.
///
/// # Safety
/// `to` is in map memory.
#[inline(always)]
pub unsafe fn put(hook: Hook, to: Claimed, dirfd: i32, name: Name, result: i32) -> Option<Place> {
    // SAFETY: the caller vouches for the memory; the helper checks the address.
    unsafe {
        // Also where there is nothing to read: no file and no path is told then.
        *to.flags |= path_flag::CLAIMED;
        let path = to.path;
        let mut len = match name {
            Name::User(name) => bpf_probe_read_user_str(path.cast(), USER_PATH_CAP, name.cast()),
            Name::Kernel(name) => {
                bpf_probe_read_kernel_str(path.cast(), USER_PATH_CAP, name.cast())
            }
            Name::Gone => return None,
        };
        // Old kernels (5.10) leave out the NUL of an empty string.
        if len == 0 {
            (*path).bytes[0] = 0;
            len = 1;
        }
        // An address that can not be read is what EFAULT tells; nothing is lost.
        if len < 0 {
            if -result != EFAULT {
                emit::lost(hook, Loss::NameUnreadable);
            }
            return None;
        }
        *to.len = len as u32;
        // Longer than any path can be (ENAMETOOLONG): its end is missing.
        if len as u32 == USER_PATH_CAP {
            *to.flags |= path_flag::CUT;
            emit::lost(hook, Loss::PathCut);
        }
        if (*path).bytes[0] == b'/' {
            return None;
        }
        let start = if dirfd == AT_FDCWD {
            current_directory()
        } else {
            // A bad descriptor (EBADF) leaves the name relative.
            directory(dirfd)
        };
        if start.is_err() {
            *to.flags |= path_flag::CUT;
        }
        start.ok()
    }
}

/// The caller's current directory.
unsafe fn current_directory() -> Result<Place, Loss> {
    // SAFETY: members of task_struct and fs_struct.
    unsafe {
        // Probed, for the walk wants numbers.
        let fs = Current::get().follow(offset!(task_fs))?.address();
        Ok(Place {
            mnt: Probe::load(fs, offset!(fs_pwd_mnt))?,
            dentry: Probe::load(fs, offset!(fs_pwd_dentry))?,
        })
    }
}

/// The directory behind a descriptor.
unsafe fn directory(fd: i32) -> Result<Place, Loss> {
    // SAFETY: the descriptor is checked.
    unsafe { file::place(descriptor::address(fd as u32)?) }
}
