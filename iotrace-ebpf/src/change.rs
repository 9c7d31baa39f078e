//! Changes of names, and ends of files.

use aya_ebpf::helpers::generated::bpf_ktime_get_boot_ns;
use iotrace_common::{
    ABSENT, Change, ChangeRecord, FileId, Hook, Loss, RECORD_CHANGE, UNKNOWN, path_flag,
};

use crate::{
    claim::{self, Claimed, Name},
    emit,
    file::{self, Inode, Place},
    kernel::{Current, Probe, Ptr, Read, Task, offset, setting},
    maps::{BEGUN, CHANGE_SCRATCH},
    path::{self, PathBuf},
    who::Who,
};

/// A change record under construction.
#[repr(C)]
pub struct ChangeScratch {
    pub head: ChangeRecord,
    pub path: PathBuf,
}

/// What the kernel asked for permission to do, by thread. Only there is the mount known; the
/// function that does it tells whether it succeeded. Functions of the VFS are also called by
/// file systems for those below them: these have another entry than the one asked for.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Begun {
    pub mnt: u64,
    /// Entry that is changed.
    pub dentry: u64,
    pub begun_ns: u64,
    /// Entry of the file that loses a name by it.
    pub victim: u64,
    /// Its inode, 0 for none.
    pub inode: u64,
    pub file: FileId,
    pub mode: u32,
    /// (No padding, which the verifier would take for memory that is not initialised.)
    pub pad: u32,
}

const _: () = assert!(size_of::<Begun>() == 64);

/// What is told of a change, beside where.
#[derive(Clone, Copy)]
pub struct Facts {
    pub what: Change,
    pub begun_ns: u64,
    pub file: Inode,
    pub other: FileId,
    pub value: u64,
    pub links: u32,
    /// Bits of `path_flag`.
    pub flags: u32,
}

/// No file.
pub const NOBODY: FileId = FileId {
    ino: 0,
    dev: 0,
    generation: 0,
};

impl Facts {
    /// Of a file that is not known, of which only `type_bits` of its mode are.
    #[inline(always)]
    pub fn unknown(what: Change, begun_ns: u64, type_bits: u32) -> Self {
        Self {
            what,
            begun_ns,
            file: Inode {
                id: NOBODY,
                mode: type_bits,
            },
            other: NOBODY,
            value: 0,
            links: ABSENT,
            flags: 0,
        }
    }

    /// Of a file of which more is known.
    #[inline(always)]
    pub fn of(what: Change, begun_ns: u64, file: Inode) -> Self {
        Self {
            file,
            ..Self::unknown(what, begun_ns, 0)
        }
    }
}

/// Where a change happened.
#[derive(Clone, Copy)]
pub enum Where {
    /// At this entry.
    At(Place),
    /// Where the caller said.
    Claimed { dirfd: i32, name: Ptr },
    /// Not told.
    Nowhere,
}

/// The clock of records.
#[inline(always)]
pub fn now() -> u64 {
    // SAFETY: no preconditions.
    unsafe { bpf_ktime_get_boot_ns() }
}

/// What the current thread kept from being written so far; [`UNKNOWN`] where nobody asks, or knows.
#[inline(always)]
pub fn cancelled() -> u64 {
    if setting!(changes) == 0 || offset!(task_cancelled) == ABSENT {
        return UNKNOWN;
    }
    // SAFETY: a member of task_struct.
    unsafe { Current::get().load(offset!(task_cancelled)) }.unwrap_or(UNKNOWN)
}

/// Tells a change by the current thread.
#[inline(always)]
pub fn tell(hook: Hook, task: &Task, facts: &Facts, at: Where) -> Result<(), Loss> {
    let Some(record) = CHANGE_SCRATCH.get_ptr_mut(hook as u32 - Hook::FIRST_CHANGE as u32) else {
        return Ok(());
    };
    // SAFETY: this CPU's buffer of this hook (maps.rs).
    unsafe {
        let head = &raw mut (*record).head;
        *head = ChangeRecord {
            kind: RECORD_CHANGE,
            flags: facts.flags,
            time_ns: now(),
            begun_ns: facts.begun_ns,
            file: facts.file.id,
            other: facts.other,
            value: facts.value,
            cancelled: cancelled(),
            tgid: task.tgid,
            tid: task.tid,
            uid: task.uid(),
            what: facts.what as u32,
            comm: task.comm(),
            file_mode: facts.file.mode,
            links: facts.links,
            path_len: 0,
            pad: 0,
        };
        let path = &raw mut (*record).path;
        let len = &raw mut (*head).path_len;
        let start = match at {
            Where::At(place) => Some(place),
            Where::Claimed { dirfd, name } => {
                let flags = &raw mut (*head).flags;
                claim::put(
                    hook,
                    Claimed { path, len, flags },
                    dirfd,
                    Name::User(name),
                    0,
                )
            }
            Where::Nowhere => None,
        };
        if let Some(place) = start {
            // That it is deleted is told by the change itself.
            let walked = path::walk(path, len, place) & !path_flag::DELETED;
            (*head).flags |= walked;
            emit::lost_path(hook, walked);
        }
        emit::output(record.cast(), size_of::<ChangeRecord>(), (*head).path_len)
    }
}

/// Remembers that the thread is about to change an entry, by which `victim`, if it has an inode,
/// loses a name.
#[inline(always)]
pub fn begin(task: &Task, mnt: Ptr, dentry: Ptr, victim: Option<Ptr>) -> Result<u64, Loss> {
    let begun_ns = now();
    let mut begun = Begun {
        mnt: mnt as u64,
        dentry: dentry as u64,
        begun_ns,
        victim: 0,
        inode: 0,
        file: NOBODY,
        mode: 0,
        pad: 0,
    };
    if let Some(victim) = victim {
        // SAFETY: a member of dentry.
        let inode: Ptr = unsafe { Probe::load(victim, offset!(dentry_inode)) }?;
        begun.victim = victim as u64;
        if !inode.is_null() {
            // SAFETY: the entry's inode.
            let found = unsafe { file::inode_at::<Probe>(inode) }?;
            begun.inode = inode as u64;
            begun.file = found.id;
            begun.mode = found.mode;
        }
    }
    BEGUN
        .insert(&task.tid, &begun, 0)
        .map_err(|_| Loss::CallsFull)?;
    Ok(begun_ns)
}

/// What the thread has begun to do with this entry, if it was asked for by a user.
#[inline(always)]
pub fn begun(task: &Task, dentry: u64) -> Option<Begun> {
    // SAFETY: only this thread writes to its element; should it be evicted and given to another
    // thread meanwhile, the entry is another one.
    let begun = unsafe { BEGUN.get(&task.tid) }?;
    (begun.dentry == dentry).then_some(*begun)
}

impl Begun {
    /// Where it happens.
    pub fn place(&self) -> Place {
        Place {
            mnt: self.mnt as Ptr,
            dentry: self.dentry as Ptr,
        }
    }

    /// The file that loses a name.
    pub fn victim(&self) -> Inode {
        Inode {
            id: self.file,
            mode: self.mode,
        }
    }

    /// Names that it has left.
    #[inline(always)]
    pub fn links(&self) -> u32 {
        if offset!(inode_links) == ABSENT || self.inode == 0 {
            return ABSENT;
        }
        // SAFETY: a member of inode, which the call still holds.
        unsafe { Probe::load(self.inode as Ptr, offset!(inode_links)) }.unwrap_or(ABSENT)
    }

    /// Whether somebody has the file open that lost its name, as a bit of `path_flag`: then the
    /// entry of an unlinked file keeps its inode (`d_delete`, fs/dcache.c), and that of one that
    /// was replaced has more users than the caller.
    #[inline(always)]
    pub fn held(&self, is_replaced: bool) -> u32 {
        let victim = self.victim as Ptr;
        // SAFETY: members of dentry, which the caller holds.
        let held = unsafe {
            if is_replaced {
                Probe::load::<u32>(victim, offset!(dentry_count)).unwrap_or(0) > 1
            } else {
                Probe::load::<u64>(victim, offset!(dentry_inode)).unwrap_or(0) != 0
            }
        };
        if held { path_flag::HELD } else { 0 }
    }
}
