//! Backends `fentry` and `kprobe`: the end of files that have no name any more, as the last who
//! used them lets go.

use aya_ebpf::{
    macros::{fentry, kprobe},
    programs::{FEntryContext, ProbeContext},
};
use iotrace_common::{Change, Hook, Loss};

use super::end;
use crate::{
    change::{self, Facts, Where},
    file, filter,
    kernel::{Direct, Probe, Ptr, Read, Task, offset, parameter},
};

/// `void security_inode_free(struct inode *inode)`: called for every inode that leaves memory.
#[fentry(function = "security_inode_free")]
pub fn inode_free(ctx: FEntryContext) -> u32 {
    // SAFETY: the first argument is an inode.
    end(&ctx, Hook::Free, unsafe { freed::<Direct>(ctx.arg(0)) })
}

/// The same.
#[kprobe]
pub fn inode_free_entry(ctx: ProbeContext) -> u32 {
    let inode = parameter!(&ctx, 0) as Ptr;
    // SAFETY: likewise.
    let freed = unsafe { freed::<Probe>(inode) };
    end(&ctx, Hook::Free, freed)
}

#[inline(always)]
unsafe fn freed<R: Read>(inode: Ptr) -> Result<(), Loss> {
    // SAFETY: members of inode; the caller vouches for it.
    let file = unsafe {
        // Most have only not been used for long.
        if R::load::<u32>(inode, offset!(inode_links))? != 0 {
            return Ok(());
        }
        file::inode_at::<R>(inode)?
    };
    if !filter::admits_type(file.mode) {
        return Ok(());
    }
    // By whomever: what others began may end here.
    let facts = Facts {
        links: 0,
        ..Facts::of(Change::Free, change::now(), file)
    };
    change::tell(Hook::Free, &Task::current(), &facts, Where::Nowhere)
}
