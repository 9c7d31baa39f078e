//! Files that got a row in a program that counts several, and are named at its end.
//!
//! To walk a path costs the verifier more than all else, for every place where it is done; and what
//! waits here waits in map memory, so that to the verifier all ways to get to the end are one.

use iotrace_common::{Hook, Loss};

use crate::{
    count::{self, Ops},
    emit,
    file::{Inode, OpenFile},
    kernel::{Ptr, Task},
    maps::PENDING,
};

/// Most files of one program: a source and a destination.
const FILES: usize = 2;

/// Files that wait for their names.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Pending {
    count: u32,
    epoch: u32,
    files: [Waiting; FILES],
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Waiting {
    address: u64,
    inode: Inode,
    held: u64,
}

/// Nothing waits.
#[inline(always)]
pub fn begin(hook: Hook) {
    if let Some(pending) = PENDING.get_ptr_mut(hook as u32) {
        // SAFETY: this CPU's element of this hook (maps.rs).
        unsafe { (*pending).count = 0 };
    }
}

/// Counts operations of the current thread, and remembers their file if that is to be named.
#[inline(always)]
pub fn transfer(hook: Hook, task: &Task, file: &OpenFile, ops: Ops) {
    let kind = count::own_kind(task);
    let Some(epoch) = count::add(hook, kind, task, file.inode, ops) else {
        return;
    };
    let Some(pending) = PENDING.get_ptr_mut(hook as u32) else {
        return;
    };
    // SAFETY: as above.
    unsafe {
        let at = (*pending).count as usize;
        if at >= FILES {
            // Its row has no path, unless the next tick brings one.
            emit::lost(hook, Loss::NameGone);
            return;
        }
        (*pending).epoch = epoch;
        (*pending).files[at] = Waiting {
            address: file.address as u64,
            inode: file.inode,
            held: u64::from(file.held),
        };
        (*pending).count += 1;
    }
}

/// Names what waits. Losses are counted on the spot: were they carried along, the verifier would
/// look at the second name once for each way in which the first may fail.
#[inline(always)]
pub fn name_all(hook: Hook) {
    let Some(pending) = PENDING.get_ptr_mut(hook as u32) else {
        return;
    };
    for at in 0..FILES {
        // SAFETY: as above.
        let (count, epoch, file) =
            unsafe { ((*pending).count, (*pending).epoch, (*pending).files[at]) };
        if at >= count as usize {
            return;
        }
        let file = OpenFile {
            address: file.address as Ptr,
            inode: file.inode,
            held: file.held != 0,
            below: false,
        };
        if let Err(loss) = emit::name(hook, &file, epoch) {
            emit::lost(hook, loss);
        }
    }
}
