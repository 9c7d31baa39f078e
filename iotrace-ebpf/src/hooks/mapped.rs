//! Backend `fentry`: mapped files, as counts of page faults.

use aya_ebpf::{macros::fexit, programs::FExitContext};
use iotrace_common::{Hook, Loss, RowKind};

use super::end;
use crate::{
    count::{self, Op, Ops},
    file::{self, OpenFile},
    filter,
    kernel::{Direct, Probe, Ptr, Read, offset},
    storage,
};

// What comes of a fault (`enum vm_fault_reason`, include/linux/mm_types.h, 5.10 to 7.2).
/// Out of memory, errors, and `VM_FAULT_RETRY`: it comes again.
const UNDONE: u32 = 0x1 | 0x2 | 0x10 | 0x20 | 0x40 | 0x400;
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
    let Some(task) = filter::caller::<Direct>() else {
        return Ok(());
    };
    let fault: Ptr = ctx.arg(0);
    // SAFETY: the first argument is a vm_fault; its mapping is locked.
    let address = unsafe {
        let vma: Ptr = Direct::load(fault, offset!(fault_vma))?;
        Direct::load::<Ptr>(vma, offset!(vma_file))?
    };
    // A mapping of the kernel's own.
    if address.is_null() {
        return Ok(());
    }
    // A file of an overlay is mapped as the file below it.
    // SAFETY: the mapping holds the file; then members of dentry.
    let (below, inode) = unsafe {
        let below = file::is_lower::<Direct>(address)?;
        let inode = if below {
            let entry = file::user_place(address)?.dentry;
            file::inode_at::<Probe>(Probe::load(entry, offset!(dentry_inode))?)
        } else {
            file::inode::<Direct>(address)
        };
        (below, inode)
    };
    let file = OpenFile {
        address,
        inode: inode?,
        held: true,
        below,
    };
    let counted = count::of_kind(hook, RowKind::Mapped, &task, &file, Ops::one(op, 0));
    storage::ended(hook, &task, &file, true, true);
    counted
}
