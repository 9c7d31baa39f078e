//! One open, successful or not.

use aya_ebpf::helpers::{
    bpf_get_current_comm,
    generated::{bpf_get_current_cgroup_id, bpf_ktime_get_boot_ns, bpf_probe_read_user_str},
};
use iotrace_common::{ABSENT, FileId, Hook, Loss, OpenRecord, RECORD_OPEN, path_flag};

use crate::{
    emit,
    file::{self, Place},
    kernel::{self, Probe, Ptr, Read, Task, offset, setting},
    maps::OPEN_SCRATCH,
    path::{self, PathBuf},
};

/// `AT_FDCWD` (include/uapi/linux/fcntl.h).
pub const AT_FDCWD: i32 = -100;
/// Longest string of a caller with its NUL (`PATH_MAX`, include/uapi/linux/limits.h).
const USER_PATH_CAP: u32 = 4096;
/// `ERESTARTSYS` to `ERESTART_RESTARTBLOCK`: a signal came, and the call is made
/// once more or returns `EINTR` after all (include/linux/errno.h).
const RESTARTED: core::ops::RangeInclusive<i32> = -516..=-512;
/// The open made the file (include/linux/fs.h, since 4.19).
const FMODE_CREATED: u32 = 1 << 20;

/// What the caller asked for, and what came of it.
pub struct Request {
    pub dirfd: i32,
    /// In user memory.
    pub name: Ptr,
    pub flags: u64,
    pub mode: u32,
    /// Descriptor, or minus the error number.
    pub result: i32,
}

/// Reports an open of `task`, the current thread.
#[inline(always)]
pub fn report(task: &Task, request: &Request) -> Result<(), Loss> {
    if setting!(failed_only) != 0 && request.result >= 0 || RESTARTED.contains(&request.result) {
        return Ok(());
    }
    let Some(record) = OPEN_SCRATCH.get_ptr_mut(0) else {
        return Ok(());
    };
    // SAFETY: helpers without preconditions.
    let (time_ns, cgroup) = unsafe { (bpf_ktime_get_boot_ns(), bpf_get_current_cgroup_id()) };
    let blank = OpenRecord {
        kind: RECORD_OPEN,
        flags: 0,
        time_ns,
        file: FileId {
            ino: 0,
            dev: 0,
            generation: 0,
        },
        open_flags: request.flags,
        cgroup,
        tgid: task.tgid,
        tid: task.tid,
        uid: kernel::uid(),
        mount_ns: mount_ns().unwrap_or(0),
        comm: bpf_get_current_comm().unwrap_or([0; 16]),
        result: request.result,
        create_mode: request.mode,
        file_mode: 0,
        path_len: 0,
    };
    // SAFETY: this CPU's buffer; only one hook of a backend reports opens.
    unsafe {
        let head = &raw mut (*record).head;
        *head = blank;
        // The opened file knows its name. When it is gone already, because
        // another thread closed the descriptor, the caller's string is left.
        let mut start = None;
        if request.result >= 0 {
            start = opened(head, request.result).ok();
        }
        if start.is_none() {
            start = claimed(&raw mut (*record).path, head, request);
        }
        if let Some(place) = start {
            let walked = path::walk(&raw mut (*record).path, &raw mut (*head).path_len, place);
            (*head).flags |= walked;
            emit::lost_path(Hook::Open, walked);
        }
        emit::output(record.cast(), size_of::<OpenRecord>(), (*head).path_len)
    }
}

/// Fills in the file of a successful open, and tells where it is.
#[inline(always)]
unsafe fn opened(head: *mut OpenRecord, fd: i32) -> Result<Place, Loss> {
    // SAFETY: the caller vouches for the head; the file is checked.
    unsafe {
        let file = descriptor(fd as u32)?;
        let inode = file::inode::<Probe>(file)?;
        let mode: u32 = Probe::load(file, offset!(file_mode))?;
        let place = file::place(file)?;
        (*head).file = inode.id;
        (*head).file_mode = inode.mode;
        if mode & FMODE_CREATED != 0 {
            (*head).flags |= path_flag::CREATED;
        }
        if place.unlinked() {
            (*head).flags |= path_flag::DELETED;
        }
        Ok(place)
    }
}

/// Fills in the caller's own string and, when it is relative, tells the
/// directory that it starts from.
#[inline(always)]
unsafe fn claimed(path: *mut PathBuf, head: *mut OpenRecord, request: &Request) -> Option<Place> {
    // SAFETY: the caller vouches for the memory; the helper checks the address.
    unsafe {
        // Also where there is nothing to read: no file and no path is told then.
        (*head).flags = path_flag::CLAIMED;
        let mut len = bpf_probe_read_user_str(path.cast(), USER_PATH_CAP, request.name.cast());
        // Old kernels (5.10) leave out the NUL of an empty string.
        if len == 0 {
            (*path)[0] = 0;
            len = 1;
        }
        // An address that can not be read is what EFAULT tells; nothing is lost.
        if len < 0 {
            if -request.result != EFAULT {
                emit::lost(Hook::Open, Loss::NameUnreadable);
            }
            return None;
        }
        (*head).path_len = len as u32;
        // Longer than any path can be (ENAMETOOLONG): its end is missing.
        if len as u32 == USER_PATH_CAP {
            (*head).flags |= path_flag::CUT;
            emit::lost(Hook::Open, Loss::PathCut);
        }
        if (*path)[0] == b'/' {
            return None;
        }
        let start = if request.dirfd == AT_FDCWD {
            current_directory()
        } else {
            // A bad descriptor (EBADF) leaves the name relative.
            directory(request.dirfd)
        };
        if start.is_err() {
            (*head).flags |= path_flag::CUT;
        }
        start.ok()
    }
}

/// Bad address (include/uapi/asm-generic/errno-base.h).
const EFAULT: i32 = 14;

/// The caller's current directory.
unsafe fn current_directory() -> Result<Place, Loss> {
    // SAFETY: members of task_struct and fs_struct.
    unsafe {
        let fs: Ptr = Probe::load(kernel::task(), offset!(task_fs))?;
        Ok(Place {
            mnt: Probe::load(fs, offset!(fs_pwd_mnt))?,
            dentry: Probe::load(fs, offset!(fs_pwd_dentry))?,
        })
    }
}

/// The directory behind a descriptor.
unsafe fn directory(fd: i32) -> Result<Place, Loss> {
    // SAFETY: the descriptor is checked.
    unsafe { file::place(descriptor(fd as u32)?) }
}

/// The `struct file` behind a descriptor of the current process.
///
/// # Safety
/// The result is an address for [`Probe`] only: another thread may close it.
#[inline(always)]
pub unsafe fn descriptor(fd: u32) -> Result<Ptr, Loss> {
    // SAFETY: members of task_struct, files_struct and fdtable.
    unsafe {
        let files: Ptr = Probe::load(kernel::task(), offset!(task_files))?;
        let fdt: Ptr = Probe::load(files, offset!(files_fdt))?;
        let max: u32 = Probe::load(fdt, offset!(fdt_max_fds))?;
        if fd >= max {
            return Err(Loss::FdGone);
        }
        let table: Ptr = Probe::load(fdt, offset!(fdt_fd))?;
        let file: Ptr = Probe::load(table.wrapping_add(fd as usize * 8), 0)?;
        if file.is_null() {
            return Err(Loss::FdGone);
        }
        Ok(file)
    }
}

/// Inode number of the caller's mount namespace.
#[inline(always)]
fn mount_ns() -> Result<u32, Loss> {
    if offset!(mnt_ns_inum) == ABSENT || offset!(nsproxy_mnt_ns) == ABSENT {
        return Err(Loss::ReadFailed);
    }
    // SAFETY: members of task_struct, nsproxy and mnt_namespace.
    unsafe {
        let nsproxy: Ptr = Probe::load(kernel::task(), offset!(task_nsproxy))?;
        let mnt_ns: Ptr = Probe::load(nsproxy, offset!(nsproxy_mnt_ns))?;
        Probe::load(mnt_ns, offset!(mnt_ns_inum))
    }
}
