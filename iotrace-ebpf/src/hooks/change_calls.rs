//! Backends `kprobe` and `syscall`: changes of names, by the system calls that make them. The
//! names are those that the caller gave; the files behind them are not known.

use aya_ebpf::{
    helpers::generated::bpf_probe_read_user_str, macros::raw_tracepoint,
    programs::RawTracePointContext,
};
use iotrace_common::{Change, Hook, Loss, Syscall};

use super::end;
use crate::{
    change::{self, Facts, Where},
    claim::AT_FDCWD,
    descriptor, file, filter,
    kernel::{self, Probe, Ptr, Registers, offset},
};

// Types of files (include/uapi/linux/stat.h).
const S_IFMT: u32 = 0o170_000;
const S_IFLNK: u32 = 0o120_000;
const S_IFDIR: u32 = 0o040_000;
const S_IFREG: u32 = 0o100_000;

/// Remove a directory, not a file (include/uapi/linux/fcntl.h).
const AT_REMOVEDIR: u64 = 0x200;
/// The file is that of the descriptor (include/uapi/linux/fcntl.h).
const AT_EMPTY_PATH: u64 = 0x1000;
/// Follow the entry in `/proc` to the file (include/uapi/linux/fcntl.h).
const AT_SYMLINK_FOLLOW: u64 = 0x400;

/// `TP_PROTO(struct pt_regs *regs, long ret)`
#[raw_tracepoint(tracepoint = "sys_exit")]
#[inline(always)]
pub fn change_return(ctx: RawTracePointContext) -> u32 {
    // SAFETY: the first argument is the saved registers, the second the result.
    end(&ctx, Hook::Change, unsafe {
        returned(ctx.arg(0), ctx.arg(1))
    })
}

/// A name as an argument.
#[derive(Clone, Copy)]
struct Named {
    dirfd: i32,
    name: Ptr,
}

impl Named {
    fn plain(name: u64) -> Self {
        Self::at(AT_FDCWD as u64, name)
    }

    fn at(dirfd: u64, name: u64) -> Self {
        Self {
            dirfd: dirfd as i32,
            name: name as Ptr,
        }
    }
}

/// What a call did.
struct Call {
    what: Change,
    /// Type of the file, where it is known.
    mode: u32,
    /// The name before.
    from: Option<Named>,
    name: Named,
    value: u64,
    /// The descriptor that it was done by.
    fd: Option<u32>,
}

#[inline(always)]
unsafe fn returned(regs: Ptr, result: i64) -> Result<(), Loss> {
    // SAFETY: the caller vouches for the registers.
    let regs = unsafe { Registers::of_call(regs) };
    let kind = kernel::call_kind(regs)?;
    if !Syscall::is_change(kind) || result != 0 || kernel::is_compat()? {
        return Ok(());
    }
    let Some(task) = filter::caller() else {
        return Ok(());
    };
    let call = call(regs, kind)?;
    // Other files that are made are told too: when they are removed, only the name tells that it is
    // not a regular one. (Directories are removed by another call.)
    if call.mode == S_IFDIR && !filter::admits_type(call.mode) {
        return Ok(());
    }
    let begun_ns = change::now();
    if let Some(from) = call.from {
        let facts = Facts::unknown(Change::From, begun_ns, call.mode);
        let at = Where::Claimed {
            dirfd: from.dirfd,
            name: from.name,
        };
        change::tell(Hook::Change, &task, &facts, at)?;
    }
    let mut facts = Facts {
        value: call.value,
        ..Facts::unknown(call.what, begun_ns, call.mode)
    };
    let mut at = Where::Claimed {
        dirfd: call.name.dirfd,
        name: call.name.name,
    };
    if let Some(fd) = call.fd {
        // SAFETY: probe reads check the address.
        let (inode, place) = unsafe {
            let address = descriptor::address(fd)?;
            (file::inode::<Probe>(address)?, file::place(address)?)
        };
        facts.file = inode;
        if !filter::admits_type(inode.mode) {
            return Ok(());
        }
        if call.name.name.is_null() {
            at = Where::At(place);
        }
    }
    change::tell(Hook::Change, &task, &facts, at)
}

/// The descriptor of a file that is given a name by it, as is done with those that have none:
/// either the name is empty, or it is the descriptor's own entry in `/proc`.
#[inline(always)]
unsafe fn linked_descriptor(from: Named, flags: u64) -> Option<u32> {
    if flags & (AT_EMPTY_PATH | AT_SYMLINK_FOLLOW) == 0 {
        return None;
    }
    // The name in words: a prefix, then up to ten digits and a zero byte.
    let mut text = [0_u8; 32];
    // SAFETY: the helper checks the address, and writes no more than there is room for.
    let len = unsafe { bpf_probe_read_user_str(text.as_mut_ptr().cast(), 32, from.name.cast()) };
    if len < 0 {
        return None;
    }
    if text[0] == 0 {
        return (flags & AT_EMPTY_PATH != 0).then_some(from.dirfd as u32);
    }
    const PREFIX: &[u8; 14] = b"/proc/self/fd/";
    let mut at = 0;
    while at < PREFIX.len() {
        if text[at] != PREFIX[at] {
            return None;
        }
        at += 1;
    }
    let mut number = 0_u32;
    while at < PREFIX.len() + 10 {
        let digit = text[at].wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        number = number.wrapping_mul(10).wrapping_add(digit.into());
        at += 1;
    }
    (at > PREFIX.len() && text[at] == 0).then_some(number)
}

#[inline(always)]
fn call(regs: Registers, kind: u8) -> Result<Call, Loss> {
    let [first, second, third, fourth, fifth] = [
        regs.argument(offset!(regs_arg[0]))?,
        regs.argument(offset!(regs_arg[1]))?,
        regs.argument(offset!(regs_arg[2]))?,
        regs.argument(offset!(regs_arg[3]))?,
        regs.argument(offset!(regs_arg[4]))?,
    ];
    let of = |what, mode, name| Call {
        what,
        mode,
        from: None,
        name,
        value: 0,
        fd: None,
    };
    let moved = |what, from, name, value| Call {
        from: Some(from),
        value,
        ..of(what, 0, name)
    };
    // `mknod` makes a regular file when it is not told a type.
    let made = |mode: u64| match mode as u32 & S_IFMT {
        0 => S_IFREG,
        bits => bits,
    };
    let is = |call: Syscall| kind == call as u8;
    Ok(if is(Syscall::Unlink) {
        of(Change::Unlink, 0, Named::plain(first))
    } else if is(Syscall::Unlinkat) {
        let name = Named::at(first, second);
        if third & AT_REMOVEDIR != 0 {
            of(Change::Rmdir, S_IFDIR, name)
        } else {
            of(Change::Unlink, 0, name)
        }
    } else if is(Syscall::Rmdir) {
        of(Change::Rmdir, S_IFDIR, Named::plain(first))
    } else if is(Syscall::Rename) {
        moved(Change::Rename, Named::plain(first), Named::plain(second), 0)
    } else if is(Syscall::Renameat) || is(Syscall::Renameat2) {
        let flags = if is(Syscall::Renameat2) { fifth } else { 0 };
        let (from, to) = (Named::at(first, second), Named::at(third, fourth));
        moved(Change::Rename, from, to, flags & 0xffff_ffff)
    } else if is(Syscall::Link) {
        moved(Change::Link, Named::plain(first), Named::plain(second), 0)
    } else if is(Syscall::Linkat) {
        let (from, to) = (Named::at(first, second), Named::at(third, fourth));
        // SAFETY: the helper checks the address.
        match unsafe { linked_descriptor(from, fifth) } {
            Some(fd) => Call {
                fd: Some(fd),
                ..of(Change::Link, 0, to)
            },
            None => moved(Change::Link, from, to, 0),
        }
    } else if is(Syscall::Symlink) {
        of(Change::Create, S_IFLNK, Named::plain(second))
    } else if is(Syscall::Symlinkat) {
        of(Change::Create, S_IFLNK, Named::at(second, third))
    } else if is(Syscall::Mkdir) {
        of(Change::Create, S_IFDIR, Named::plain(first))
    } else if is(Syscall::Mkdirat) {
        of(Change::Create, S_IFDIR, Named::at(first, second))
    } else if is(Syscall::Mknod) {
        of(Change::Create, made(second), Named::plain(first))
    } else if is(Syscall::Mknodat) {
        of(Change::Create, made(third), Named::at(first, second))
    } else if is(Syscall::Truncate) {
        Call {
            value: second,
            ..of(Change::Truncate, 0, Named::plain(first))
        }
    } else {
        Call {
            value: second,
            fd: Some(first as u32),
            ..of(Change::Truncate, 0, Named::plain(0))
        }
    })
}
