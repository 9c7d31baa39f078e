//! Which backend sees which way into a file, by which programs.

use iotrace_common::Feature;

use super::{
    layout::arch,
    request::{Backend, Changes, What},
    ways::Way,
};

/// A program of the object and where it is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AttachPoint {
    /// Its name in the object, which also tells its type.
    pub program: &'static str,
    /// Kernel function or tracepoint.
    pub at: &'static str,
    /// The form of the function ([`super::layout::FUNCTIONS`]) that it is for; `None` for
    /// any. It is left out on a kernel with another.
    pub form: Option<usize>,
}

const fn hook(program: &'static str, at: &'static str) -> AttachPoint {
    AttachPoint {
        program,
        at,
        form: None,
    }
}

/// Programs that belong together: all of them are attached, or none.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// What they see; none for that without which the backend is of no use.
    pub ways: &'static [Way],
    /// What of the kernel's fields they read.
    pub needs: &'static [Feature],
    /// In the order in which they are attached: a return before its entry, so that no entry
    /// waits in vain.
    pub hooks: Vec<AttachPoint>,
}

fn group(ways: &'static [Way], needs: &'static [Feature], hooks: &[(bool, AttachPoint)]) -> Group {
    let wanted = hooks.iter().filter(|(wanted, _)| *wanted);
    Group {
        ways,
        needs,
        hooks: wanted.map(|(_, hook)| *hook).collect(),
    }
}

/// What of the ways of `what` a backend sees, and how.
pub(super) fn groups(backend: Backend, what: What) -> Vec<Group> {
    let mut groups = vec![vital(backend, what)];
    groups.extend(what.has_cache().then(|| cache(backend, what)));
    groups.extend(what.has_each().then(|| each(backend, what)));
    if let Some(transfers) = what.transfers {
        let (read, write) = (transfers.read, transfers.write);
        groups.extend(transfers_by(backend, read, write));
        if backend == Backend::Fentry {
            groups.extend(
                transfers
                    .mapped
                    .then(|| mapped(read, write, transfers.cache)),
            );
            groups.extend(transfers.layers.then(|| layers(read, write)));
        }
    }
    if what.opens.is_some() {
        groups.extend(opens_by(backend));
    }
    if what.changes.is_some() {
        groups.extend(changes_by(backend));
    }
    groups.extend(what.syncs.then(|| syncs(backend)));
    groups.extend(what.accounts.then(accounts));
    if backend != Backend::Syscall {
        // Its calls go through the same functions.
        groups.push(group(&[Way::Compat32], &[], &[]));
    }
    groups
}

fn vital(backend: Backend, what: What) -> Group {
    let (read, write) = what.directions();
    let counted = what.is_counted();
    let opens = what.opens.is_some();
    let changes = what.changes.is_some();
    let everything = what.changes == Some(Changes::Everything);
    let hooks: &[(bool, AttachPoint)] = match backend {
        Backend::Fentry => &[
            (read, hook("vfs_read_exit", "vfs_read")),
            (write, hook("vfs_write_exit", "vfs_write")),
            (opens, hook("do_sys_openat2_exit", "do_sys_openat2")),
            (changes, hook("vfs_unlink_exit", "vfs_unlink")),
            (changes, hook("unlink_begin", "security_path_unlink")),
            (changes, hook("vfs_rename_exit", "vfs_rename")),
            (changes, hook("rename_begin", "security_path_rename")),
            (changes, hook("vfs_link_exit", "vfs_link")),
            (changes, hook("link_begin", "security_path_link")),
            (changes, hook("vfs_create_exit", "vfs_create")),
            (everything, hook("vfs_mknod_exit", "vfs_mknod")),
            (changes, hook("mknod_begin", "security_path_mknod")),
            (everything, hook("vfs_rmdir_exit", "vfs_rmdir")),
            (everything, hook("rmdir_begin", "security_path_rmdir")),
            (everything, hook("vfs_mkdir_exit", "vfs_mkdir")),
            (everything, hook("mkdir_begin", "security_path_mkdir")),
            (everything, hook("vfs_symlink_exit", "vfs_symlink")),
            (everything, hook("symlink_begin", "security_path_symlink")),
        ],
        Backend::Kprobe => &[
            (counted || opens, hook("calls_end", "sched_process_exit")),
            (counted, hook("transfer_return", "sys_exit")),
            (read, hook("vfs_read_entry", "vfs_read")),
            (write, hook("vfs_write_entry", "vfs_write")),
            (opens, hook("open_return", "sys_exit")),
            (opens, hook("do_sys_openat2_entry", "do_sys_openat2")),
            (changes, hook("change_return", "sys_exit")),
        ],
        Backend::Syscall => &[
            (counted, hook("sys_exit", "sys_exit")),
            (opens, hook("sys_exit_open", "sys_exit")),
            (changes, hook("change_return", "sys_exit")),
        ],
    };
    let by_function = changes && backend == Backend::Fentry;
    let needs: &[Feature] = if by_function {
        &[Feature::Changes]
    } else {
        &[]
    };
    group(&[], needs, hooks)
}

fn changes_by(backend: Backend) -> Vec<Group> {
    match backend {
        Backend::Fentry => vec![
            group(&[Way::ChangedFiles, Way::UringChanges], &[], &[]),
            group(
                &[Way::Ends],
                &[Feature::Ends],
                &[(true, hook("inode_free", "security_inode_free"))],
            ),
            group(
                &[Way::Truncations],
                &[],
                &[
                    (true, hook("do_truncate_exit", "do_truncate")),
                    (true, hook("vfs_truncate_exit", "vfs_truncate")),
                ],
            ),
        ],
        Backend::Kprobe => vec![
            group(
                &[Way::Ends],
                &[Feature::Ends],
                &[(true, hook("inode_free_entry", "security_inode_free"))],
            ),
            group(&[Way::Truncations], &[], &[]),
        ],
        Backend::Syscall => vec![group(&[Way::Truncations], &[], &[])],
    }
}

fn transfers_by(backend: Backend, read: bool, write: bool) -> Vec<Group> {
    use Feature::{Aio, Descriptors, Uring};
    let uring = group(
        &[Way::Uring],
        &[Uring],
        &[
            (true, hook("uring_transfer", "io_uring_complete")),
            (true, hook("uring_overflow", "io_uring_cqe_overflow")),
        ],
    );
    // Seen by the programs that are vital.
    let seen = |ways| group(ways, &[Descriptors], &[]);
    match backend {
        Backend::Fentry => vec![
            group(
                &[Way::Vectors],
                &[],
                &[
                    (read, hook("vfs_readv_exit", "vfs_readv")),
                    (write, hook("vfs_writev_exit", "vfs_writev")),
                ],
            ),
            uring,
            group(
                &[Way::Aio, Way::AioUserReaped],
                &[Aio],
                &[
                    (true, hook("aio_done", "aio_complete_rw")),
                    (true, hook("aio_read_begin", "aio_read")),
                    (true, hook("aio_write_begin", "aio_write")),
                ],
            ),
            group(
                &[Way::Sendfile],
                &[Descriptors],
                &[(true, hook("do_sendfile_exit", "do_sendfile"))],
            ),
            group(
                &[Way::Splice, Way::UringSplice],
                &[],
                &[(true, hook("do_splice_exit", "do_splice"))],
            ),
            group(
                &[Way::CopyFileRange],
                &[],
                &[(
                    true,
                    hook("vfs_copy_file_range_exit", "vfs_copy_file_range"),
                )],
            ),
            group(
                &[Way::Reflink],
                &[],
                &[(
                    write,
                    hook("vfs_clone_file_range_exit", "vfs_clone_file_range"),
                )],
            ),
            group(
                &[Way::KernelReads],
                &[],
                &[(read, hook("kernel_read_exit", "kernel_read"))],
            ),
        ],
        Backend::Kprobe => vec![
            group(
                &[Way::Vectors],
                &[],
                &[
                    (read, hook("vfs_readv_entry", "vfs_readv")),
                    (write, hook("vfs_writev_entry", "vfs_writev")),
                ],
            ),
            uring,
            group(
                &[Way::Aio, Way::AioUserReaped],
                &[Aio],
                &[
                    (true, hook("aio_done_entry", "aio_complete_rw")),
                    (true, hook("aio_read_entry", "aio_read")),
                    (true, hook("aio_write_entry", "aio_write")),
                ],
            ),
            seen(&[Way::Sendfile]),
            seen(&[Way::Splice]),
            seen(&[Way::CopyFileRange]),
        ],
        Backend::Syscall => vec![
            seen(&[Way::Vectors]),
            uring,
            seen(&[Way::Aio]),
            seen(&[Way::Sendfile]),
            seen(&[Way::Splice]),
            seen(&[Way::CopyFileRange]),
        ],
    }
}

fn mapped(read: bool, write: bool, cache: bool) -> Group {
    let form = |program, form| AttachPoint {
        form: Some(form),
        ..hook(program, "do_page_mkwrite")
    };
    group(
        &[Way::Mapped],
        &[Feature::Mapped],
        &[
            (read && cache, hook("do_fault_settle", "do_fault")),
            (read && cache, hook("do_fault_mark", "do_fault")),
            (
                write && cache,
                hook("do_page_mkwrite_settle", "do_page_mkwrite"),
            ),
            (
                write && cache,
                hook("do_page_mkwrite_mark", "do_page_mkwrite"),
            ),
            (read, hook("do_fault_exit", "do_fault")),
            (write, form("do_page_mkwrite_exit", 0)),
            (write, form("do_folio_mkwrite_exit", 1)),
        ],
    )
}

/// Begins and ends of operations, for what they move between cache and storage.
fn cache(backend: Backend, what: What) -> Group {
    let (read, write) = what.directions();
    let hooks: &[_] = match backend {
        Backend::Fentry => &[
            (read, hook("vfs_read_settle", "vfs_read")),
            (read, hook("vfs_read_mark", "vfs_read")),
            (write, hook("vfs_write_settle", "vfs_write")),
            (write, hook("vfs_write_mark", "vfs_write")),
            (read, hook("vfs_readv_settle", "vfs_readv")),
            (read, hook("vfs_readv_mark", "vfs_readv")),
            (write, hook("vfs_writev_settle", "vfs_writev")),
            (write, hook("vfs_writev_mark", "vfs_writev")),
            (read, hook("kernel_read_settle", "kernel_read")),
            (read, hook("kernel_read_mark", "kernel_read")),
            (true, hook("do_sendfile_settle", "do_sendfile")),
            (true, hook("do_sendfile_mark", "do_sendfile")),
            (true, hook("do_splice_settle", "do_splice")),
            (true, hook("do_splice_mark", "do_splice")),
            (true, hook("copy_file_range_settle", "vfs_copy_file_range")),
            (true, hook("copy_file_range_mark", "vfs_copy_file_range")),
        ],
        Backend::Kprobe | Backend::Syscall => &[
            (true, hook("call_settle", "sys_exit")),
            (true, hook("call_mark", "sys_enter")),
        ],
    };
    group(&[Way::Cache], &[Feature::Storage], hooks)
}

/// Begins of operations that are told one by one.
fn each(backend: Backend, what: What) -> Group {
    let (read, write) = what.directions();
    let hooks: &[_] = match backend {
        Backend::Fentry => &[
            (read, hook("vfs_read_begin", "vfs_read")),
            (write, hook("vfs_write_begin", "vfs_write")),
            (read, hook("vfs_readv_begin", "vfs_readv")),
            (write, hook("vfs_writev_begin", "vfs_writev")),
        ],
        Backend::Kprobe => &[(true, hook("call_begin_kprobe", "sys_enter"))],
        Backend::Syscall => &[(true, hook("call_begin", "sys_enter"))],
    };
    group(&[Way::Each], &[Feature::Positions], hooks)
}

/// Files that are brought to storage.
fn syncs(backend: Backend) -> Group {
    let hooks: &[_] = match backend {
        Backend::Fentry => &[
            (true, hook("vfs_fsync_range_exit", "vfs_fsync_range")),
            (true, hook("fsync_exit", arch::FSYNC)),
            (true, hook("fdatasync_exit", arch::FDATASYNC)),
        ],
        Backend::Kprobe => &[
            (true, hook("vfs_fsync_range_entry", "vfs_fsync_range")),
            (true, hook("fsync_entry", arch::FSYNC)),
            (true, hook("fdatasync_entry", arch::FDATASYNC)),
        ],
        Backend::Syscall => &[(true, hook("sync_return", "sys_exit"))],
    };
    // The file is found by its descriptor.
    group(&[Way::Syncs], &[Feature::Descriptors], hooks)
}

/// Ends of threads.
fn accounts() -> Group {
    group(
        &[Way::ShortLived],
        &[Feature::Accounts, Feature::Follow],
        &[(true, hook("thread_account", "sched_process_exit"))],
    )
}

fn layers(read: bool, write: bool) -> Group {
    let hooks = [
        (read, hook("vfs_iter_read_exit", "vfs_iter_read")),
        (write, hook("vfs_iter_write_exit", "vfs_iter_write")),
    ];
    group(&[Way::Layers], &[Feature::Layers], &hooks)
}

fn opens_by(backend: Backend) -> Vec<Group> {
    use Feature::{Exec, Uring, UringOpens};
    let uring = group(
        &[Way::UringOpens],
        &[Uring, UringOpens],
        &[
            (true, hook("uring_open", "io_uring_complete")),
            (true, hook("uring_overflow", "io_uring_cqe_overflow")),
        ],
    );
    let exec = group(
        &[Way::Exec],
        &[Exec],
        &[(true, hook("process_exec", "sched_process_exec"))],
    );
    match backend {
        Backend::Fentry => vec![
            group(
                &[Way::Handles],
                &[],
                &[(true, hook("do_handle_open_exit", "do_handle_open"))],
            ),
            uring,
            group(
                &[Way::Exec, Way::ExecLoader],
                &[Exec],
                &[(true, hook("do_open_execat_exit", "do_open_execat"))],
            ),
        ],
        Backend::Kprobe | Backend::Syscall => {
            vec![group(&[Way::Handles], &[], &[]), uring, exec]
        }
    }
}

#[cfg(test)]
mod tests {
    use aya_obj::{Object, ProgramSection};

    use super::*;
    use crate::kernel::{Opens, Transfers, layout, object, ways};

    fn everything() -> [What; 4] {
        let transfers = Transfers {
            read: true,
            write: true,
            mapped: true,
            layers: true,
            cache: true,
            each: true,
        };
        let changes = What {
            changes: Some(Changes::Everything),
            ..What::default()
        };
        let all = What {
            transfers: Some(transfers),
            opens: Some(Opens::All),
            syncs: true,
            accounts: true,
            ..changes
        };
        [
            What::transfers(transfers),
            What::opens(Opens::All),
            changes,
            all,
        ]
    }

    #[test]
    fn every_program_and_function_of_the_groups_is_there() {
        for (object, backend) in object::ALL
            .into_iter()
            .flat_map(|object| Backend::ALL.map(|backend| (object, backend)))
        {
            let object = Object::parse(object).expect("the object");
            for hook in everything()
                .into_iter()
                .flat_map(|what| groups(backend, what))
                .flat_map(|group| group.hooks)
            {
                let program = object.programs.get(hook.program);
                let section = &program.expect(hook.program).section;
                let on_function = !matches!(section, ProgramSection::RawTracePoint);
                let is_known = layout::functions().any(|name| name == hook.at);
                assert_eq!(on_function, is_known, "{hook:?}");
            }
        }
    }

    #[test]
    fn fentry_sees_most_ways_and_none_is_seen_twice() {
        for what in everything() {
            for backend in Backend::ALL {
                let mut seen: Vec<_> = groups(backend, what)
                    .iter()
                    .flat_map(|group| group.ways)
                    .map(|way| way.name())
                    .collect();
                let count = seen.len();
                seen.sort_unstable();
                seen.dedup();
                assert_eq!(seen.len(), count, "{backend:?}: {seen:?}");
                if backend == Backend::Fentry {
                    // Nobody sees these.
                    let never = [Way::UringSkipped, Way::KernelWrites];
                    let all = ways::all(what).into_iter();
                    assert_eq!(count, all.filter(|way| !never.contains(way)).count());
                }
            }
        }
    }
}
