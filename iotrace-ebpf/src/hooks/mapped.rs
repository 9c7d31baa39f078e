//! Backend `fentry`: mapped files, as counts of page faults.

use aya_ebpf::{macros::fexit, programs::FExitContext};
use iotrace_common::{Hook, Loss, RowKind};

use super::end;
use crate::{
    count::{self, Op, Ops},
    file::{self, Inode, OpenFile},
    filter,
    kernel::{Direct, Probe, Ptr, Read, offset},
};

// What comes of a fault (`enum vm_fault_reason`, include/linux/mm_types.h, 5.10 to 7.2).
/// It had to let go of the mapping, and comes again.
pub const RETRY: u32 = 0x400;
/// Out of memory, errors, and that.
const UNDONE: u32 = 0x1 | 0x2 | 0x10 | 0x20 | 0x40 | RETRY;
/// A page is locked: it may be written to now.
const LOCKED: u32 = 0x200;

/// `vm_fault_t do_fault(struct vm_fault *vmf)`: a page of a file was not mapped. One fault may
/// map several pages that are in the cache.
#[fexit(function = "do_fault")]
pub fn do_fault_exit(ctx: FExitContext) -> u32 {
    if ctx.arg::<u64>(1) as u32 & UNDONE != 0 {
        return 0;
    }
    end(&ctx, Hook::Fault, fault(&ctx, Hook::Fault, Op::Read))
}

/// `vm_fault_t do_page_mkwrite(struct vm_fault *vmf)`, with one more argument since 6.6: a page
/// of a shared mapping is written to for the first time since it was clean.
#[fexit(function = "do_page_mkwrite")]
pub fn do_page_mkwrite_exit(ctx: FExitContext) -> u32 {
    mkwrite(&ctx, ctx.arg::<u64>(1))
}

/// The same, where it has two arguments.
#[fexit(function = "do_page_mkwrite")]
pub fn do_folio_mkwrite_exit(ctx: FExitContext) -> u32 {
    mkwrite(&ctx, ctx.arg::<u64>(2))
}

#[inline(always)]
fn mkwrite(ctx: &FExitContext, result: u64) -> u32 {
    if result as u32 & LOCKED == 0 {
        return 0;
    }
    end(ctx, Hook::MkWrite, fault(ctx, Hook::MkWrite, Op::Write))
}

#[inline(always)]
fn fault(ctx: &FExitContext, hook: Hook, op: Op) -> Result<(), Loss> {
    let Some(task) = filter::caller() else {
        return Ok(());
    };
    let address = mapped_file(ctx.arg(0))?;
    // A mapping of the kernel's own.
    if address.is_null() {
        return Ok(());
    }
    let (below, inode) = user_inode(address);
    let file = OpenFile {
        address,
        inode: inode?,
        held: false,
        below,
    };
    count::of_kind(hook, RowKind::Mapped, &task, &file, Ops::one(op, 0))
}

/// The file of the mapping in which a `struct vm_fault` happened. The mapping is no longer locked when
/// a first write made the thread wait (`VM_FAULT_COMPLETED`, since 6.0): then another thread may have
/// unmapped it, and the loads may find anything, but do no harm.
#[inline(always)]
pub fn mapped_file(fault: Ptr) -> Result<Ptr, Loss> {
    // SAFETY: members of vm_fault and vm_area_struct.
    unsafe {
        let vma: Ptr = Direct::load(fault, offset!(fault_vma))?;
        Direct::load(vma, offset!(vma_file))
    }
}

/// The inode of a mapped file as the user knows it, and whether that is above it: a file of an
/// overlay is mapped as the one below.
#[inline(always)]
pub fn user_inode(address: Ptr) -> (bool, Result<Inode, Loss>) {
    // SAFETY: a member of file; then of dentry.
    unsafe {
        if file::is_lower::<Direct>(address) != Ok(true) {
            return (false, file::inode::<Direct>(address));
        }
        let entry = match file::user_place(address) {
            Ok(place) => place.dentry,
            Err(loss) => return (true, Err(loss)),
        };
        match Probe::load(entry, offset!(dentry_inode)) {
            Ok(inode) => (true, file::inode_at::<Probe>(inode)),
            Err(loss) => (true, Err(loss)),
        }
    }
}
