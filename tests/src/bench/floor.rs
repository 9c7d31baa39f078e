//! The least that tracing a function can cost: an empty program at its exit.

use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use anyhow::{Context as _, Result};
use aya_obj::btf::{Btf, BtfKind};

/// What the calls of the workloads go through, one function for each.
const FUNCTIONS: [&str; 3] = ["vfs_read", "vfs_readv", "do_sys_openat2"];

// include/uapi/linux/bpf.h.
const PROG_LOAD: libc::c_long = 5;
const RAW_TRACEPOINT_OPEN: libc::c_long = 17;
const PROG_TYPE_TRACING: u32 = 26;
const TRACE_FEXIT: u32 = 25;

/// `r0 = 0`, `exit`.
const NOTHING: [u64; 2] = [0xb7, 0x95];

/// `bpf_attr` of `BPF_PROG_LOAD`, as far as it is needed.
#[repr(C)]
#[derive(Default)]
struct Load {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log: [u64; 2],
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
    prog_ifindex: u32,
    expected_attach_type: u32,
    prog_btf_fd: u32,
    func_info_rec_size: u32,
    func_info: u64,
    func_info_cnt: u32,
    line_info_rec_size: u32,
    line_info: u64,
    line_info_cnt: u32,
    attach_btf_id: u32,
}

/// `bpf_attr.raw_tracepoint`, which also attaches to functions.
#[repr(C)]
#[derive(Default)]
struct Open {
    name: u64,
    prog_fd: u32,
    pad: u32,
}

/// Empty programs that are attached as long as this lives.
pub struct Floor {
    _links: Vec<OwnedFd>,
}

impl Floor {
    /// Attaches them. Needs root, and a kernel that allows programs on functions.
    pub fn attach() -> Result<Self> {
        let btf = Btf::from_sys_fs()?;
        let link = |function: &&str| {
            let id = btf.id_by_type_name_kind(function, BtfKind::Func)?;
            attach(id).with_context(|| format!("cannot attach to {function}"))
        };
        Ok(Self {
            _links: FUNCTIONS.iter().map(link).collect::<Result<_>>()?,
        })
    }
}

/// Attaches one to the function of that type id.
fn attach(function: u32) -> Result<OwnedFd> {
    let mut load = Load {
        prog_type: PROG_TYPE_TRACING,
        insn_cnt: NOTHING.len() as u32,
        insns: NOTHING.as_ptr() as u64,
        license: c"GPL".as_ptr() as u64,
        expected_attach_type: TRACE_FEXIT,
        attach_btf_id: function,
        ..Load::default()
    };
    // SAFETY: instructions and license are constants, and the count is theirs.
    let program = unsafe { bpf(PROG_LOAD, &mut load) }.context("an empty program is refused")?;
    let mut open = Open {
        prog_fd: program.as_raw_fd() as u32,
        ..Open::default()
    };
    // SAFETY: no pointers. The link holds the program from now on.
    Ok(unsafe { bpf(RAW_TRACEPOINT_OPEN, &mut open) }?)
}

/// Calls bpf(2) for a new descriptor.
///
/// # Safety
/// `attribute` is the argument of `command`, what it points to is as that command needs it, and
/// the command makes a descriptor.
unsafe fn bpf<T>(command: libc::c_long, attribute: &mut T) -> io::Result<OwnedFd> {
    // SAFETY: the caller vouches for the attribute, whose size goes with it.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, command, &raw mut *attribute, size_of::<T>()) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::Load;

    #[test]
    fn fields_stand_where_the_kernel_looks() {
        assert_eq!(offset_of!(Load, prog_name), 48);
        assert_eq!(offset_of!(Load, expected_attach_type), 68);
        assert_eq!(offset_of!(Load, attach_btf_id), 108);
    }
}
