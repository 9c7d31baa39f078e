//! One open, successful or not.

use aya_ebpf::helpers::generated::{
    bpf_get_current_cgroup_id, bpf_ktime_get_boot_ns, bpf_probe_read_kernel_str,
    bpf_probe_read_user_str,
};
use iotrace_common::{ABSENT, FileId, Hook, Loss, OpenRecord, RECORD_OPEN, Via, path_flag};

use crate::{
    descriptor, emit,
    file::{self, Place},
    kernel::{self, Probe, Ptr, Read, offset, setting},
    maps::OPEN_SCRATCH,
    path::{self, PathBuf},
    who::Who,
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
    pub via: Via,
    pub dirfd: i32,
    pub name: Name,
    pub flags: u64,
    pub mode: u32,
    /// Descriptor, or minus the error number.
    pub result: i32,
    /// Where a file that was opened is found.
    pub file: File,
}

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

/// The file of a successful open.
#[derive(Clone, Copy)]
pub enum File {
    /// Behind the descriptor.
    Descriptor,
    /// At this address, without a descriptor.
    At(Ptr),
    /// Nowhere that is looked at, without a descriptor.
    Unknown,
}

/// Reports an open by a thread of this process.
#[inline(always)]
pub fn report(hook: Hook, who: &impl Who, request: &Request) -> Result<(), Loss> {
    if setting!(failed_only) != 0 && request.result >= 0 || RESTARTED.contains(&request.result) {
        return Ok(());
    }
    let Some(record) = OPEN_SCRATCH.get_ptr_mut(hook as u32 - Hook::FIRST_OPEN as u32) else {
        return Ok(());
    };
    let task = who.task();
    let mut flags = (request.via as u32) << path_flag::VIA_SHIFT;
    if request.result >= 0 && !matches!(request.file, File::Descriptor) {
        flags |= path_flag::NO_FD;
    }
    // SAFETY: helpers without preconditions.
    let (time_ns, cgroup) = unsafe { (bpf_ktime_get_boot_ns(), bpf_get_current_cgroup_id()) };
    let blank = OpenRecord {
        kind: RECORD_OPEN,
        flags,
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
        uid: who.uid(),
        mount_ns: mount_ns().unwrap_or(0),
        comm: who.comm(),
        result: request.result,
        create_mode: request.mode,
        file_mode: 0,
        path_len: 0,
    };
    // SAFETY: this CPU's buffer of this hook (maps.rs).
    unsafe {
        let head = &raw mut (*record).head;
        *head = blank;
        // The opened file knows its name. When it is gone already, because
        // another thread closed the descriptor, the caller's string is left.
        let mut start = None;
        if request.result >= 0 {
            start = opened(head, request).ok();
        }
        if start.is_none() {
            start = claimed(hook, &raw mut (*record).path, head, request);
        }
        if let Some(place) = start {
            let walked = path::walk(&raw mut (*record).path, &raw mut (*head).path_len, place);
            (*head).flags |= walked;
            emit::lost_path(hook, walked);
        }
        emit::output(record.cast(), size_of::<OpenRecord>(), (*head).path_len)
    }
}

/// Fills in the file of a successful open, and tells where it is.
#[inline(always)]
unsafe fn opened(head: *mut OpenRecord, request: &Request) -> Result<Place, Loss> {
    // SAFETY: the caller vouches for the head; the file is checked.
    unsafe {
        let file = match request.file {
            File::Descriptor => descriptor::address(request.result as u32)?,
            File::At(address) => address,
            File::Unknown => return Err(Loss::NameGone),
        };
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
unsafe fn claimed(
    hook: Hook,
    path: *mut PathBuf,
    head: *mut OpenRecord,
    request: &Request,
) -> Option<Place> {
    // SAFETY: the caller vouches for the memory; the helper checks the address.
    unsafe {
        // Also where there is nothing to read: no file and no path is told then.
        (*head).flags |= path_flag::CLAIMED;
        let mut len = match request.name {
            Name::User(name) => bpf_probe_read_user_str(path.cast(), USER_PATH_CAP, name.cast()),
            Name::Kernel(name) => {
                bpf_probe_read_kernel_str(path.cast(), USER_PATH_CAP, name.cast())
            }
            Name::Gone => return None,
        };
        // Old kernels (5.10) leave out the NUL of an empty string.
        if len == 0 {
            (*path)[0] = 0;
            len = 1;
        }
        // An address that can not be read is what EFAULT tells; nothing is lost.
        if len < 0 {
            if -request.result != EFAULT {
                emit::lost(hook, Loss::NameUnreadable);
            }
            return None;
        }
        (*head).path_len = len as u32;
        // Longer than any path can be (ENAMETOOLONG): its end is missing.
        if len as u32 == USER_PATH_CAP {
            (*head).flags |= path_flag::CUT;
            emit::lost(hook, Loss::PathCut);
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
    unsafe { file::place(descriptor::address(fd as u32)?) }
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
