//! The only writer of the ring buffer.

use aya_ebpf::{
    bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP, bpf_map_def},
    maps::RingBuf,
};
use iotrace_common::{FileRecord, Hook, Loss, OpenRecord, RECORD_FILE, path_flag, wakes};

use crate::{
    file::{Named, OpenFile, Place},
    kernel::{self, Words, path_bound, setting},
    maps::{EVENTS, FILE_SCRATCH, LOSSES, NAMED},
    path::{self, PathBuf},
};

/// A file record under construction.
#[repr(C)]
pub struct FileScratch {
    head: FileRecord,
    path: PathBuf,
    /// What the name looks like. Here, because of the stack the verifier would keep each way in mind.
    now: Named,
    words: Words<3>,
    /// In use.
    busy: u32,
}

/// An open record under construction.
#[repr(C)]
pub struct OpenScratch {
    pub head: OpenRecord,
    pub path: PathBuf,
}

/// Counts a loss.
#[inline(always)]
pub fn lost(hook: Hook, loss: Loss) {
    lost_many(hook, loss, 1);
}

/// Counts several losses.
#[inline(always)]
pub fn lost_many(hook: Hook, loss: Loss, count: u64) {
    // A cause that went through the stack is any number to the verifier, and to LLVM it is bound.
    let cause = (u64::from(loss as u32) & kernel::immediate::<15>()) as usize;
    if let Some(losses) = LOSSES.get_ptr_mut(hook as u32) {
        // SAFETY: this CPU's element of this hook, which nothing else writes.
        unsafe { *losses.cast::<u64>().add(cause) += count };
    }
}

/// Counts what is wrong with a path.
#[inline(always)]
pub fn lost_path(hook: Hook, flags: u32) {
    if flags & path_flag::BROKEN != 0 {
        lost(hook, Loss::ReadFailed);
    } else if flags & path_flag::CUT != 0 {
        lost(hook, Loss::PathCut);
    }
}

/// Whether a program may run within itself: the end of a request may come in an interrupt, and before
/// 5.12 the kernel lets it.
#[inline(always)]
pub fn may_nest(hook: Hook) -> bool {
    matches!(hook, Hook::AioDone)
}

/// Tells user space the name of a file that just got a row, unless it has been
/// told lately. A record that is lost is said again when the next row of the
/// file begins, because only success is remembered.
#[inline(always)]
pub fn name(hook: Hook, file: &OpenFile, epoch: u32) -> Result<(), Loss> {
    let Some(record) = FILE_SCRATCH.get_ptr_mut(hook as u32) else {
        return Ok(());
    };
    // SAFETY: this CPU's buffer of this hook (maps.rs).
    unsafe {
        if !may_nest(hook) {
            return name_by(hook, record, file, epoch);
        }
        if (*record).busy != 0 {
            return Err(Loss::NameGone);
        }
        (*record).busy = 1;
        let named = name_by(hook, record, file, epoch);
        (*record).busy = 0;
        named
    }
}

#[inline(always)]
unsafe fn name_by(
    hook: Hook,
    record: *mut FileScratch,
    file: &OpenFile,
    epoch: u32,
) -> Result<(), Loss> {
    let inode = &file.inode;
    // SAFETY: the caller vouches for the record. An element of an LRU map may be given to another
    // key while it is read; the worst is that a name is said once more or a tick later.
    unsafe {
        let now = &mut *(&raw mut (*record).now);
        let place = file.place()?;
        now.look(&mut *(&raw mut (*record).words), &place, epoch)?;
        if let Some(said) = NAMED.get(&inode.id)
            && said.holds(now)
        {
            return Ok(());
        }
        tell(hook, record, file, place)?;
        // A full LRU map makes room by itself; should it fail, the name is only
        // said again.
        let _ = NAMED.insert(&inode.id, now, 0);
    }
    Ok(())
}

/// Puts a record together, and sends it.
#[inline(always)]
unsafe fn tell(
    hook: Hook,
    record: *mut FileScratch,
    file: &OpenFile,
    place: Place,
) -> Result<(), Loss> {
    // SAFETY: the caller vouches for the record.
    unsafe {
        let head = &raw mut (*record).head;
        *head = FileRecord {
            kind: RECORD_FILE,
            flags: 0,
            file: file.inode.id,
            path_len: 0,
            pad: 0,
        };
        let walked = path::walk(&raw mut (*record).path, &raw mut (*head).path_len, place);
        (*head).flags |= walked;
        lost_path(hook, walked);
        output(record.cast(), size_of::<FileRecord>(), (*head).path_len)
    }
}

/// Copies a record into the ring.
///
/// # Safety
/// `record` is a scratch buffer whose head has `head` bytes and whose path
/// holds `path_len`.
#[inline(always)]
pub unsafe fn output(record: *const u8, head: usize, path_len: u32) -> Result<(), Loss> {
    let size = head + path_bound(path_len);
    let before = EVENTS.query(u64::from(BPF_RB_AVAIL_DATA));
    // The reader comes by a timer. It is not woken for each record, for that
    // costs microseconds, but whenever so much has gathered.
    let flags = if wakes(before, size as u64, setting!(wake_bytes).into()) {
        BPF_RB_FORCE_WAKEUP
    } else {
        BPF_RB_NO_WAKEUP
    };
    // SAFETY: `size` bytes of the buffer are initialised.
    let copied = unsafe {
        aya_ebpf::helpers::generated::bpf_ringbuf_output(
            ring().cast_mut(),
            record.cast_mut().cast(),
            size as u64,
            u64::from(flags),
        )
    };
    if copied < 0 {
        Err(Loss::RingFull)
    } else {
        Ok(())
    }
}

/// The map itself, as the helpers want it: `RingBuf::output` takes only slices,
/// whose construction the verifier can not follow.
fn ring() -> *const core::ffi::c_void {
    (&raw const EVENTS).cast()
}

// `ring` relies on it: a map is its definition and nothing else.
const _: () = assert!(size_of::<RingBuf>() == size_of::<bpf_map_def>());
