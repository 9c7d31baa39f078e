//! One open, successful or not.

use aya_ebpf::helpers::generated::{bpf_get_current_cgroup_id, bpf_ktime_get_boot_ns};
use iotrace_common::{ABSENT, Hook, Loss, OpenRecord, RECORD_OPEN, Via, path_flag};

pub use crate::claim::{AT_FDCWD, Name};
use crate::{
    change,
    claim::{self, Claimed},
    descriptor, emit,
    file::{self, Inode, Opened},
    kernel::{Current, Ptr, offset, setting},
    maps::OPEN_SCRATCH,
    path,
    who::Who,
};

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
    // Member by member: a whole would be put together on the stack and copied.
    // SAFETY: this CPU's buffer of this hook (maps.rs); helpers without preconditions.
    unsafe {
        let head = &raw mut (*record).head;
        (*head).kind = RECORD_OPEN;
        (*head).time_ns = bpf_ktime_get_boot_ns();
        (*head).open_flags = request.flags;
        (*head).cgroup = bpf_get_current_cgroup_id();
        (*head).cancelled = change::cancelled();
        (*head).tgid = task.tgid;
        (*head).tid = task.tid;
        (*head).uid = who.uid();
        (*head).mount_ns = mount_ns().unwrap_or(0);
        (*head).comm = who.comm();
        (*head).result = request.result;
        (*head).create_mode = request.mode;
        (*head).path_len = 0;
        // The opened file knows its name. When it is gone already, because
        // another thread closed the descriptor, the caller's string is left.
        let mut start = None;
        if request.result >= 0 {
            start = opened(request).ok();
        }
        let file = match &start {
            Some(file) => file.inode,
            None => NO_FILE,
        };
        (*head).file = file.id;
        (*head).file_mode = file.mode;
        let place = match start {
            Some(file) => {
                if file.mode & FMODE_CREATED != 0 {
                    flags |= path_flag::CREATED;
                }
                (*head).flags = flags;
                Some(file.place)
            }
            None => {
                (*head).flags = flags;
                let to = Claimed {
                    path: &raw mut (*record).path,
                    len: &raw mut (*head).path_len,
                    flags: &raw mut (*head).flags,
                };
                claim::put(hook, to, request.dirfd, request.name, request.result)
            }
        };
        if let Some(place) = place {
            let walked = path::walk(&raw mut (*record).path, &raw mut (*head).path_len, place);
            // What is deleted is the file, if one was opened.
            let told = if (*head).flags & path_flag::CLAIMED == 0 {
                walked
            } else {
                walked & !path_flag::DELETED
            };
            (*head).flags |= told;
            emit::lost_path(hook, walked);
        }
        emit::output(record.cast(), size_of::<OpenRecord>(), (*head).path_len)
    }
}

/// What is told of a file that there is none of.
const NO_FILE: Inode = Inode {
    id: change::NOBODY,
    mode: 0,
};

/// The file of a successful open.
#[inline(always)]
unsafe fn opened(request: &Request) -> Result<Opened, Loss> {
    // SAFETY: the file is checked.
    unsafe {
        let file = match request.file {
            File::Descriptor => descriptor::address(request.result as u32)?,
            File::At(address) => address,
            File::Unknown => return Err(Loss::NameGone),
        };
        file::opened(file)
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
        let nsproxy = Current::get().follow(offset!(task_nsproxy))?;
        nsproxy
            .follow(offset!(nsproxy_mnt_ns))?
            .load(offset!(mnt_ns_inum))
    }
}
