//! Where this kernel keeps what the programs read, and what it calls by the names
//! that they are attached to.

use iotrace_common::{ABSENT, Feature, Layout, NameCall, Near, SHORT_NAME};

use super::btf::Btf;

/// Functions that are traced, and the arguments of each that the programs know, in all
/// its forms.
pub const FUNCTIONS: [(&str, &[&[&str]]); 32] = [
    ("vfs_read", &[&["file", "buf", "count", "pos"]]),
    ("vfs_write", &[&["file", "buf", "count", "pos"]]),
    ("vfs_readv", &[VECTOR]),
    ("vfs_writev", &[VECTOR]),
    (
        "do_sendfile",
        &[&["out_fd", "in_fd", "ppos", "count", "max"]],
    ),
    (
        "do_splice",
        &[&["in", "off_in", "out", "off_out", "len", "flags"]],
    ),
    (
        "vfs_copy_file_range",
        &[&["file_in", "pos_in", "file_out", "pos_out", "len", "flags"]],
    ),
    (
        "vfs_clone_file_range",
        &[&[
            "file_in",
            "pos_in",
            "file_out",
            "pos_out",
            "len",
            "remap_flags",
        ]],
    ),
    ("kernel_read", &[&["file", "buf", "count", "pos"]]),
    ("aio_read", &[AIO]),
    ("aio_write", &[AIO]),
    (
        "aio_complete_rw",
        &[&["kiocb", "res"], &["kiocb", "res", "res2"]],
    ),
    ("vfs_fsync_range", &[&["file", "start", "end", "datasync"]]),
    (arch::FSYNC, &[&["regs"]]),
    (arch::FDATASYNC, &[&["regs"]]),
    ("do_fault", &[&["vmf"]]),
    ("do_page_mkwrite", &[&["vmf"], &["vmf", "folio"]]),
    ("vfs_iter_read", &[ITERATOR]),
    ("vfs_iter_write", &[ITERATOR]),
    ("do_sys_openat2", &[&["dfd", "filename", "how"]]),
    ("do_open_execat", &[&["fd", "name", "flags"]]),
    ("do_handle_open", &[&["mountdirfd", "ufh", "open_flag"]]),
    ("security_path_unlink", &[ENTRY]),
    ("security_path_rmdir", &[ENTRY]),
    ("security_path_mknod", &[&["dir", "dentry", "mode", "dev"]]),
    ("security_path_mkdir", &[&["dir", "dentry", "mode"]]),
    ("security_path_symlink", &[&["dir", "dentry", "old_name"]]),
    (
        "security_path_link",
        &[&["old_dentry", "new_dir", "new_dentry"]],
    ),
    (
        "security_path_rename",
        &[&["old_dir", "old_dentry", "new_dir", "new_dentry", "flags"]],
    ),
    ("security_inode_free", &[&["inode"]]),
    ("vfs_rename", &[&["rd"]]),
    ("vfs_truncate", &[&["path", "length"]]),
];
const ENTRY: &[&str] = &["dir", "dentry"];
const VECTOR: &[&str] = &["file", "vec", "vlen", "pos", "flags"];
const AIO: &[&str] = &["req", "iocb", "vectored", "compat"];
const ITERATOR: &[&str] = &["file", "iter", "ppos", "flags"];

/// The tracepoint at which io_uring delivers a completion.
const URING_COMPLETE: &str = "btf_trace_io_uring_complete";

/// Where the arguments of [`URING_COMPLETE`] have what is needed; `None` where they do not
/// tell the request (5.10) or are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UringComplete {
    /// The second is the request, the fourth its result.
    Result,
    /// The second is the request, the third its completion.
    Completion,
}

/// How the kernel tells completions of io_uring.
pub fn uring_complete(btf: &Btf) -> Option<UringComplete> {
    match btf.tracepoint_arguments(URING_COMPLETE)? {
        7 => Some(UringComplete::Result),
        3 => Some(UringComplete::Completion),
        _ => None,
    }
}

/// The kernel function behind the helper of that name (since 5.11).
pub const TASK_BTF_HELPER: &str = "bpf_get_current_task_btf";

/// The function of the kernel that makes an address one to load from (since 6.2).
pub const CAST_FUNCTION: &str = "bpf_rdonly_cast";

/// A structure that is an array of about 100 numbers of 64 bits (include/linux/vmstat.h).
pub const CAST_TO: &str = "vm_event_state";

/// The kernel function behind the helper for loops (since 5.17).
pub const LOOP_HELPER: &str = "bpf_loop";

/// Every function that is traced.
pub fn functions() -> impl Iterator<Item = &'static str> {
    let by_name = NameCall::ALL.into_iter().map(|call| call.function().0);
    FUNCTIONS.into_iter().map(|(name, _)| name).chain(by_name)
}

/// Types and functions that are looked for in the BTF.
pub fn wanted_names() -> impl Iterator<Item = &'static str> {
    let structs = Layout::FIELDS
        .iter()
        .filter_map(|(path, ..)| path.split('.').next());
    structs
        .chain(functions())
        .chain([TASK_BTF_HELPER, LOOP_HELPER, CAST_FUNCTION])
        .chain([URING_COMPLETE, "pt_regs", CAST_TO])
}

/// Type id of a function and its form. One that is there with other arguments must not be
/// traced.
pub fn check(btf: &Btf, name: &str, forms: &[&[&str]]) -> Traceable {
    let id = btf
        .function(name)
        .ok_or_else(|| format!("this kernel has no function {name}"))?;
    let found = btf.arguments(name).unwrap_or_default();
    let form = forms.iter().position(|form| found == **form);
    let form = form.ok_or_else(|| {
        format!(
            "{name}({}) has other arguments than iotrace knows: {}",
            forms.last().unwrap_or(&&[][..]).join(", "),
            found.join(", ")
        )
    })?;
    Ok((id, form))
}

/// Type ids and forms of all functions, or why they can not be traced.
pub fn check_all(btf: &Btf, layout: &Layout) -> Vec<(&'static str, Traceable)> {
    let fixed = FUNCTIONS
        .into_iter()
        .map(|(name, forms)| (name, check(btf, name, forms)));
    let by_name = NameCall::ALL.into_iter().map(|call| {
        let (name, _) = call.function();
        let id = btf
            .function(name)
            .ok_or_else(|| format!("this kernel has no function {name}"));
        let known = layout.call_dentry[call as usize] != ABSENT;
        let traceable = id.and_then(|id| {
            known
                .then_some((id, 0))
                .ok_or_else(|| format!("{name} has other arguments than iotrace knows"))
        });
        (name, traceable)
    });
    fixed.chain(by_name).collect()
}

/// Type id and form of a function, or why it can not be traced.
pub type Traceable = Result<(u32, usize), String>;

/// Registers that hold the number and the arguments of a system call as it
/// returns, those that hold the arguments of a function as it begins, the word that marks a
/// 32-bit caller, and the functions behind two calls.
#[cfg(target_arch = "x86_64")]
pub mod arch {
    pub const FSYNC: &str = "__x64_sys_fsync";
    pub const FDATASYNC: &str = "__x64_sys_fdatasync";
    pub const NR: &str = "pt_regs.orig_ax";
    pub const ARGUMENTS: [(&str, u32); 5] = [
        ("pt_regs.di", 0),
        ("pt_regs.si", 0),
        ("pt_regs.dx", 0),
        ("pt_regs.r10", 0),
        ("pt_regs.r8", 0),
    ];
    pub const PARAMETERS: [(&str, u32); 3] =
        [("pt_regs.di", 0), ("pt_regs.si", 0), ("pt_regs.dx", 0)];
    /// `TS_COMPAT` (arch/x86/include/asm/thread_info.h).
    pub const COMPAT: (&str, u32) = ("task_struct.thread_info.status", 0x2);
}
#[cfg(target_arch = "aarch64")]
pub mod arch {
    pub const FSYNC: &str = "__arm64_sys_fsync";
    pub const FDATASYNC: &str = "__arm64_sys_fdatasync";
    pub const NR: &str = "pt_regs.syscallno";
    // The first argument's register holds the result by then.
    pub const ARGUMENTS: [(&str, u32); 5] = [
        ("pt_regs.orig_x0", 0),
        ("pt_regs.regs", 8),
        ("pt_regs.regs", 16),
        ("pt_regs.regs", 24),
        ("pt_regs.regs", 32),
    ];
    pub const PARAMETERS: [(&str, u32); 3] = [
        ("pt_regs.regs", 0),
        ("pt_regs.regs", 8),
        ("pt_regs.regs", 16),
    ];
    /// `TIF_32BIT` (arch/arm64/include/asm/thread_info.h).
    pub const COMPAT: (&str, u32) = ("task_struct.thread_info.flags", 1 << 22);
}

/// Fills in what the kernel has; also returns what it has not.
pub fn layout(btf: &Btf) -> (Layout, Vec<(&'static str, Feature)>) {
    let mut layout = Layout::UNKNOWN;
    let mut missing = Vec::new();
    for (path, feature, field) in Layout::FIELDS {
        match btf.offset(path) {
            Some(offset) => *field(&mut layout) = offset,
            None => missing.push((*path, *feature)),
        }
    }
    // Where there is none, the file has it.
    missing.retain(|(_, needed)| *needed != Feature::UserPath);
    // One of them is enough.
    for (one, other) in [
        (Feature::UringTask, Feature::UringContext),
        (Feature::UringContext, Feature::UringTask),
    ] {
        if !missing.iter().any(|(_, needed)| *needed == one) {
            missing.retain(|(_, needed)| *needed != other);
        }
    }
    layout.regs_nr = btf.offset(arch::NR).unwrap_or(ABSENT);
    for (slot, (path, add)) in layout.regs_arg.iter_mut().zip(arch::ARGUMENTS) {
        *slot = btf.offset(path).map_or(ABSENT, |offset| offset + add);
    }
    for (slot, (path, add)) in layout.regs_param.iter_mut().zip(arch::PARAMETERS) {
        *slot = btf.offset(path).map_or(ABSENT, |offset| offset + add);
    }
    layout.compat = btf.offset(arch::COMPAT.0).unwrap_or(ABSENT);
    // Its name since 6.14, and before.
    let short = btf
        .offset("dentry.d_shortname")
        .or(btf.offset("dentry.d_iname"));
    layout.dentry_short = short.unwrap_or(ABSENT);
    layout.near = Near::of(&layout);
    for call in NameCall::ALL {
        let (function, dentry) = call.function();
        let names = btf.arguments(function).unwrap_or_default();
        let is_known = names
            .iter()
            .rev()
            .zip(call.last_arguments().iter().rev())
            .all(|(found, known)| found == known);
        if let Some(index) = names.iter().position(|name| name == dentry)
            && is_known
        {
            // Arguments are words, and the result stands behind them.
            layout.call_dentry[call as usize] = 8 * index as u32;
            layout.call_result[call as usize] = 8 * names.len() as u32;
        }
    }
    (layout, missing)
}

/// Where the last of the members stands that programs load through a cast without asking
/// (`iotrace_ebpf::kernel::{load, get}`).
pub fn last_cast(layout: &Layout) -> u32 {
    const STRUCTS: [&str; 6] = [
        "file",
        "inode",
        "super_block",
        "dentry",
        "vfsmount",
        "mount",
    ];
    let mut copy = *layout;
    let short = layout.dentry_short;
    let name = (short != ABSENT).then(|| short + SHORT_NAME as u32);
    let is_cast = |path: &str| {
        path.split('.')
            .next()
            .is_some_and(|name| STRUCTS.contains(&name))
    };
    let members = Layout::FIELDS
        .iter()
        .filter(|(path, ..)| is_cast(path))
        .map(|(.., field)| *field(&mut copy))
        .filter(|offset| *offset != ABSENT);
    let root = layout.mount_vfsmount.saturating_add(layout.vfsmount_root);
    let registers = [layout.regs_nr].into_iter().chain(layout.regs_arg);
    let registers = registers.filter(|offset| *offset != ABSENT);
    let others = name.into_iter().chain([root]).chain(registers);
    members.chain(others).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::VMLINUX_BTF;

    #[test]
    fn the_running_kernel_has_every_field() {
        let data = std::fs::read(VMLINUX_BTF).expect("the running kernel's BTF");
        let btf = Btf::parse(data, wanted_names()).expect("BTF");
        let (layout, missing) = layout(&btf);
        assert_eq!(missing, []);
        assert!(layout.regs_nr != ABSENT && layout.compat != ABSENT);
        assert!(!layout.regs_arg.contains(&ABSENT));
        assert!(!layout.regs_param.contains(&ABSENT));
        let (_, bytes) = btf.array(CAST_TO).expect("an array");
        assert!((64..bytes).contains(&last_cast(&layout)));
    }
}
