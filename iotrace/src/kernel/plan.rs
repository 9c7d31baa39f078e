//! From what is wanted and what the kernel is like to the constants and
//! programs to load.

use std::{mem::offset_of, path::Path, sync::OnceLock};

use aya::Btf;
use aya_obj::btf::{BtfType, Func, FuncLinkage};
use iotrace_common::{
    ABSENT, CALL_PLACED, CALL_SIZED, Feature, Layout, SYSCALL_TABLE, Settings, Syscall, TaskUsage,
};

use super::{
    layout::{
        CAST_FUNCTION, CAST_TO, LOOP_HELPER, TASK_BTF_HELPER, Traceable, UringComplete, arch,
        check_all, last_cast, layout, uring_complete,
    },
    request::{Backend, Opens, Request, What},
    types::{self, TypeFile},
};
use crate::error::Unavailable;

/// Everything that the loader needs to know of the running kernel.
pub struct Plan {
    pub layout: Layout,
    /// Fields that this kernel does not have.
    missing: Vec<(&'static str, Feature)>,
    pub settings: Settings,
    pub syscalls: [u8; SYSCALL_TABLE],
    /// Whether the kernel has the helper for loops, and the older ones that the programs with loops use.
    pub loops: bool,
    /// Type ids and forms of the functions that can be traced, or why not.
    pub functions: Vec<(&'static str, Traceable)>,
    /// How the kernel tells completions of io_uring, if it does.
    uring: Option<UringComplete>,
    /// See [`Plan::stub`].
    stub: OnceLock<Btf>,
}

/// Makes the plan.
pub fn plan(request: &Request) -> Result<Plan, Unavailable> {
    let path = request
        .btf
        .clone()
        .unwrap_or_else(|| types::VMLINUX_BTF.into());
    let TypeFile { btf, foreign, .. } = types::read(&path)?;
    let bad = |reason: String| Unavailable::BadBtf { path, reason };
    if foreign {
        return Err(bad(
            "it describes another kernel than the running one".to_owned()
        ));
    }
    let (layout, missing) = layout(&btf);
    let uring = uring_complete(&btf);
    // The kernel knows its own types only then, whatever was given; and all that the programs load
    // through it must be known.
    let typed = Path::new(types::VMLINUX_BTF).exists();
    let task_btf = typed
        && btf.function(TASK_BTF_HELPER).is_some()
        && [layout.task_comm, layout.task_cred, layout.cred_uid]
            .iter()
            .all(|offset| *offset != ABSENT);
    let loops = task_btf && btf.function(LOOP_HELPER).is_some();
    let cast = btf.function(CAST_FUNCTION).zip(btf.array(CAST_TO));
    let cast = cast.map(|(id, (to, bytes))| (id, to, bytes.saturating_sub(7)));
    let (cast, cast_to, cast_end) = cast
        .filter(|(.., end)| loops && last_cast(&layout) < *end)
        .unwrap_or_default();
    let plan = Plan {
        layout,
        missing,
        settings: Settings {
            task_btf: u32::from(task_btf),
            settled: u32::from(task_btf && is_settled(request)),
            cast,
            cast_to,
            cast_end,
            uring_cqe: u32::from(uring == Some(UringComplete::Completion)),
            ..settings(request)
        },
        uring,
        syscalls: syscalls(request.what),
        loops,
        functions: check_all(&btf, &layout),
        stub: OnceLock::new(),
    };
    plan.allows(request).map_err(bad)?;
    Ok(plan)
}

impl Plan {
    /// What of the layout `feature` needs and this kernel does not have.
    fn lacks(&self, feature: Feature) -> Option<String> {
        let missing: Vec<&str> = self
            .missing
            .iter()
            .filter(|(_, needed)| *needed == feature)
            .map(|(path, _)| *path)
            .collect();
        (!missing.is_empty()).then(|| format!("this kernel has no {}", missing.join(", ")))
    }

    /// Whether what is wanted can be had on this kernel, or why not.
    pub fn allows(&self, request: &Request) -> Result<(), String> {
        let opens = request.what.opens.is_some();
        let needed = [
            (true, Feature::Core),
            (opens, Feature::Opens),
            (opens, Feature::Descriptors),
            (request.follow, Feature::Follow),
        ];
        for (needed, feature) in needed {
            if needed && let Some(reason) = self.lacks(feature) {
                return Err(reason);
            }
        }
        for feature in [Feature::Deleted, Feature::MountNamespaces] {
            if let Some(reason) = self.lacks(feature) {
                log::warn!("{reason}: {feature:?} is not told");
            }
        }
        Ok(())
    }

    /// Whether a backend can work on this kernel, or why not.
    pub fn allows_backend(&self, backend: Backend) -> Result<(), String> {
        let Layout {
            regs_nr,
            regs_arg,
            regs_param,
            ..
        } = self.layout;
        let known = match backend {
            Backend::Fentry => true,
            Backend::Kprobe => !regs_param.contains(&ABSENT),
            Backend::Syscall => regs_nr != ABSENT && !regs_arg.contains(&ABSENT),
        };
        if !known {
            return Err("the kernel does not tell where it saves registers".to_owned());
        }
        if backend == Backend::Syscall {
            return self.lacks(Feature::Descriptors).map_or(Ok(()), Err);
        }
        Ok(())
    }

    /// Whether this kernel has the fields that some programs need, or why not.
    pub fn has(&self, needed: &[Feature]) -> Result<(), String> {
        for feature in needed {
            if let Some(reason) = self.lacks(*feature) {
                return Err(reason);
            }
            if *feature == Feature::Accounts {
                self.has_known_accounts()?;
            }
            if *feature == Feature::Uring {
                if self.uring.is_none() {
                    return Err("tracepoint io_uring_complete does not tell the request".to_owned());
                }
                if let (Some(reason), Some(_)) = (
                    self.lacks(Feature::UringTask),
                    self.lacks(Feature::UringContext),
                ) {
                    return Err(reason);
                }
            }
        }
        Ok(())
    }

    /// Whether `struct task_io_accounting` is as it was from 5.10 to 7.2, all of it
    /// (`CONFIG_TASK_XACCT`, `CONFIG_TASK_IO_ACCOUNTING`): it is read as a whole.
    fn has_known_accounts(&self) -> Result<(), String> {
        let Layout {
            task_usage: first,
            task_cancelled: last,
            ..
        } = self.layout;
        let known = offset_of!(TaskUsage, cancelled_write_bytes) as u32;
        if last == ABSENT || last.checked_sub(first) != Some(known) {
            return Err("this kernel has another struct task_io_accounting".to_owned());
        }
        Ok(())
    }

    /// Type id and form of a function, or why it can not be traced.
    pub fn function(&self, name: &str) -> Traceable {
        let found = self.functions.iter().find(|(known, _)| *known == name);
        found.map_or_else(|| Err("not planned".to_owned()), |(_, id)| id.clone())
    }

    /// BTF in which functions have the ids that the running kernel gave them, and all else is
    /// void: it is only asked for these. To parse the kernel's own once more costs about 15 ms.
    pub fn stub(&self) -> &Btf {
        self.stub.get_or_init(|| {
            let mut btf = Btf::new();
            let functions = self.functions.iter();
            let mut functions: Vec<_> = functions
                .filter_map(|(name, id)| Some((id.as_ref().ok()?.0, name)))
                .collect();
            functions.sort_unstable();
            let mut next = 1;
            for (id, name) in functions {
                for _ in next..id {
                    btf.add_type(BtfType::Unknown);
                }
                let name = btf.add_string(name);
                btf.add_type(BtfType::Func(Func::new(name, 0, FuncLinkage::Static)));
                next = id + 1;
            }
            btf
        })
    }
}

/// `S_IFREG >> 12` and `S_IFBLK >> 12` (include/uapi/linux/stat.h).
const FILES_AND_DISKS: u32 = 1 << 0o10 | 1 << 0o6;

/// Whether what is said of a thread's first operation holds for all that follow.
fn is_settled(request: &Request) -> bool {
    request.uid.is_none() && !request.follow && !request.what.has_each()
}

fn settings(request: &Request) -> Settings {
    let (reads, writes) = request.what.directions();
    Settings {
        wake_bytes: request.ring_bytes / 4,
        // The loader knows it.
        self_tgid: 0,
        tgid: request.pid.unwrap_or(0),
        tid: request.tid.unwrap_or(0),
        uid: request.uid.unwrap_or(0),
        by_uid: u32::from(request.uid.is_some()),
        follow: u32::from(request.follow),
        file_types: if request.all_files {
            !0
        } else {
            FILES_AND_DISKS
        },
        failed_only: u32::from(request.what.opens == Some(Opens::Failed)),
        compat_mask: arch::COMPAT.1,
        changes: u32::from(request.what.changes.is_some()),
        each: u32::from(request.what.has_each()),
        reads: u32::from(reads),
        writes: u32::from(writes),
        // The kernel's types tell.
        task_btf: 0,
        cast: 0,
        cast_to: 0,
        cast_end: 0,
        uring_cqe: 0,
        settled: 0,
    }
}

/// The `libc` crate does not have it (include/uapi/asm-generic/unistd.h and
/// arch/x86/entry/syscalls/syscall_64.tbl).
const SYS_IO_PGETEVENTS: libc::c_long = if cfg!(target_arch = "x86_64") {
    333
} else {
    292
};

/// System calls that change names or the size of a file.
const CHANGES: &[(libc::c_long, Syscall)] = &[
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_unlink, Syscall::Unlink),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_rmdir, Syscall::Rmdir),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_rename, Syscall::Rename),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_link, Syscall::Link),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_symlink, Syscall::Symlink),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_mkdir, Syscall::Mkdir),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_mknod, Syscall::Mknod),
    (libc::SYS_unlinkat, Syscall::Unlinkat),
    (libc::SYS_renameat, Syscall::Renameat),
    (libc::SYS_renameat2, Syscall::Renameat2),
    (libc::SYS_linkat, Syscall::Linkat),
    (libc::SYS_symlinkat, Syscall::Symlinkat),
    (libc::SYS_mkdirat, Syscall::Mkdirat),
    (libc::SYS_mknodat, Syscall::Mknodat),
    (libc::SYS_truncate, Syscall::Truncate),
    (libc::SYS_ftruncate, Syscall::Ftruncate),
];

/// The running architecture's system calls.
fn syscalls(what: What) -> [u8; SYSCALL_TABLE] {
    let reads = [
        (libc::SYS_read, CALL_SIZED),
        (libc::SYS_pread64, CALL_SIZED | CALL_PLACED),
        (libc::SYS_readv, 0),
        (libc::SYS_preadv, CALL_PLACED),
        (libc::SYS_preadv2, CALL_PLACED),
    ];
    let writes = [
        (libc::SYS_write, CALL_SIZED),
        (libc::SYS_pwrite64, CALL_SIZED | CALL_PLACED),
        (libc::SYS_writev, 0),
        (libc::SYS_pwritev, CALL_PLACED),
        (libc::SYS_pwritev2, CALL_PLACED),
    ];
    // The direction is looked at as they are counted.
    let both = [
        (libc::SYS_sendfile, Syscall::Sendfile),
        (libc::SYS_splice, Syscall::Splice),
        (libc::SYS_copy_file_range, Syscall::Splice),
        (libc::SYS_io_getevents, Syscall::Getevents),
        (SYS_IO_PGETEVENTS, Syscall::Getevents),
    ];
    let opens = [
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_open, Syscall::Open),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_creat, Syscall::Creat),
        (libc::SYS_openat, Syscall::Openat),
        (libc::SYS_openat2, Syscall::Openat2),
        (libc::SYS_open_by_handle_at, Syscall::OpenByHandle),
    ];
    let mut table = [0; SYSCALL_TABLE];
    let (read, write) = what.directions();
    for (wanted, calls, kind) in [
        (read, &reads, Syscall::Read),
        (write, &writes, Syscall::Write),
    ] {
        for (nr, arguments) in calls.iter().filter(|_| wanted) {
            table[*nr as usize] = kind as u8 | arguments;
        }
    }
    let mut set = |calls: &[(libc::c_long, Syscall)]| {
        for (nr, call) in calls {
            table[*nr as usize] = *call as u8;
        }
    };
    if what.transfers.is_some() {
        set(&both);
    }
    if what.opens.is_some() {
        set(&opens);
    }
    if what.changes.is_some() {
        set(CHANGES);
    }
    if what.syncs {
        set(&[
            (libc::SYS_fsync, Syscall::Fsync),
            (libc::SYS_fdatasync, Syscall::Fsync),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{OwnTraffic, Transfers};

    #[test]
    fn a_missing_field_takes_away_only_what_needs_it() {
        let plan = Plan {
            layout: Layout::UNKNOWN,
            missing: vec![
                ("open_how.flags", Feature::Opens),
                ("a.b", Feature::Deleted),
            ],
            settings: settings(&request(What::opens(Opens::All))),
            uring: None,
            syscalls: [0; SYSCALL_TABLE],
            loops: false,
            functions: Vec::new(),
            stub: OnceLock::new(),
        };
        let transfers = What::transfers(Transfers {
            read: true,
            write: true,
            mapped: false,
            layers: false,
            cache: false,
            each: false,
        });
        assert_eq!(plan.allows(&request(transfers)), Ok(()));
        let refused = plan.allows(&request(What::opens(Opens::Failed)));
        assert_eq!(refused, Err("this kernel has no open_how.flags".to_owned()));
    }

    fn request(what: What) -> Request {
        Request {
            backend: None,
            what,
            pid: None,
            tid: None,
            uid: None,
            follow: false,
            own: OwnTraffic::Excluded,
            all_files: false,
            rows: 1,
            calls: Some(1),
            followed: 1,
            ring_bytes: 4096,
            log: false,
            btf: None,
        }
    }
}
