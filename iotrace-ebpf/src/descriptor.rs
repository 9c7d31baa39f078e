//! Files behind descriptors, for hooks that see no more of them.

use iotrace_common::{Hook, Loss, Syscall};

use crate::{
    count::{Op, Ops},
    emit,
    file::{self, OpenFile},
    filter,
    kernel::{Current, Probe, Ptr, Read, Registers, Task, offset},
    pending,
};

/// The `struct file` behind a descriptor of the current process.
///
/// # Safety
/// The result is an address for [`Probe`] only: another thread may close it.
#[inline(always)]
pub unsafe fn address(fd: u32) -> Result<Ptr, Loss> {
    // SAFETY: members of task_struct, files_struct and fdtable. What the table holds is no member of
    // a structure, and no pointer that the verifier knows.
    unsafe {
        let files = Current::get().follow(offset!(task_files))?;
        let fdt = files.follow(offset!(files_fdt))?;
        if fd >= fdt.load(offset!(fdt_max_fds))? {
            return Err(Loss::FdGone);
        }
        let table: Ptr = fdt.load(offset!(fdt_fd))?;
        let file: Ptr = Probe::load(table.wrapping_add(fd as usize * 8), 0)?;
        if file.is_null() {
            return Err(Loss::FdGone);
        }
        Ok(file)
    }
}

/// Counts what moved through a descriptor.
#[inline(always)]
pub fn transfer(hook: Hook, task: &Task, fd: u32, ops: Ops) {
    // In two steps: a `Result` of both would be copied in ways that the verifier does not follow.
    // SAFETY: probe reads check the address.
    let address = match unsafe { address(fd) } {
        Ok(address) => address,
        Err(loss) => return emit::lost_many(hook, loss, ops.count),
    };
    // SAFETY: likewise.
    match unsafe { file::inode::<Probe>(address) } {
        Ok(inode) => {
            let file = OpenFile {
                address,
                inode,
                held: false,
                below: false,
            };
            pending::transfer(hook, task, &file, ops);
        }
        Err(loss) => emit::lost_many(hook, loss, ops.count),
    }
}

/// Counts what a call moved from one descriptor to another.
#[inline(always)]
pub fn between(hook: Hook, task: &Task, input: u32, output: u32, moved: u64) {
    if filter::admits_op(Op::Read) {
        transfer(hook, task, input, Ops::one(Op::Read, moved));
    }
    if filter::admits_op(Op::Write) {
        transfer(hook, task, output, Ops::one(Op::Write, moved));
    }
}

/// Whether a system call of this kind moves data from one descriptor to another.
#[inline(always)]
pub fn is_between(kind: u8) -> bool {
    kind == Syscall::Sendfile as u8 || kind == Syscall::Splice as u8
}

/// The descriptors of such a call, of the source and of the destination.
#[inline(always)]
pub fn ends(kind: u8, registers: Registers) -> Result<(u32, u32), Loss> {
    // The upper half of a descriptor means nothing.
    let first = registers.argument(offset!(regs_arg[0]))? as u32;
    if kind == Syscall::Sendfile as u8 {
        Ok((registers.argument(offset!(regs_arg[1]))? as u32, first))
    } else {
        Ok((first, registers.argument(offset!(regs_arg[2]))? as u32))
    }
}
