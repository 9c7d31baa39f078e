//! The ways into a file, beside plain reads, writes and opens: which backend sees them,
//! and by which programs.

use iotrace_common::Feature;

use super::request::{Backend, What};

/// A way into a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `readv`, `writev` and their relatives.
    Vectors,
    /// io_uring.
    Uring,
    /// `io_submit`.
    Aio,
    /// The same, where the program takes completions from the ring without a system call.
    AioUserReaped,
    /// `sendfile`.
    Sendfile,
    /// `splice`.
    Splice,
    /// `copy_file_range`.
    CopyFileRange,
    /// `FICLONE`.
    Reflink,
    /// Reads by the kernel for the caller: exec, modules.
    KernelReads,
    /// Mapped files.
    Mapped,
    /// Files below others, when they are asked for.
    Layers,
    /// 32-bit programs.
    Compat32,
    /// `open_by_handle_at`.
    Handles,
    /// Opens by io_uring.
    UringOpens,
    /// Programs that are executed.
    Exec,
    /// Their interpreters and loaders, and programs that could not be executed.
    ExecLoader,
}

impl Way {
    /// In NDJSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vectors => "vectors",
            Self::Uring => "io_uring",
            Self::Aio => "aio",
            Self::AioUserReaped => "aio_user_reaped",
            Self::Sendfile => "sendfile",
            Self::Splice => "splice",
            Self::CopyFileRange => "copy_file_range",
            Self::Reflink => "reflink",
            Self::KernelReads => "kernel_reads",
            Self::Mapped => "mapped",
            Self::Layers => "layers",
            Self::Compat32 => "compat32",
            Self::Handles => "handles",
            Self::UringOpens => "io_uring_opens",
            Self::Exec => "exec",
            Self::ExecLoader => "exec_loader",
        }
    }

    /// For people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Vectors => "readv/writev",
            Self::Uring => "io_uring",
            Self::Aio => "AIO",
            Self::AioUserReaped => "AIO completions taken without a system call (QEMU)",
            Self::Sendfile => "sendfile",
            Self::Splice => "splice",
            Self::CopyFileRange => "copy_file_range",
            Self::Reflink => "reflinks",
            Self::KernelReads => "reads by exec",
            Self::Mapped => "mapped files",
            Self::Layers => "lower layers",
            Self::Compat32 => "32-bit programs",
            Self::Handles => "open_by_handle_at",
            Self::UringOpens => "opens by io_uring",
            Self::Exec => "exec",
            Self::ExecLoader => "loaders and failed exec",
        }
    }
}

impl Way {
    /// Several in one line, for people; `None` when there are none.
    pub fn list(ways: &[Self]) -> Option<String> {
        let words: Vec<_> = ways.iter().map(|way| way.describe()).collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}

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
    /// What they see; `None` for that without which the backend is of no use.
    pub way: Option<Way>,
    /// What of the kernel's fields they read.
    pub needs: &'static [Feature],
    /// In the order in which they are attached: a return before its entry, so that no entry
    /// waits in vain.
    pub hooks: Vec<AttachPoint>,
}

fn group(
    way: impl Into<Option<Way>>,
    needs: &'static [Feature],
    hooks: &[(bool, AttachPoint)],
) -> Group {
    let wanted = hooks.iter().filter(|(wanted, _)| *wanted);
    Group {
        way: way.into(),
        needs,
        hooks: wanted.map(|(_, hook)| *hook).collect(),
    }
}

/// What of the ways of `what` a backend sees, and how.
pub(super) fn groups(backend: Backend, what: What) -> Vec<Group> {
    let mut groups = vec![vital(backend, what)];
    groups.extend(what.has_cache().then(|| cache(backend, what)));
    match what {
        What::Transfers(transfers) => {
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
        What::Opens { .. } => groups.extend(opens_by(backend)),
    }
    groups
}

fn vital(backend: Backend, what: What) -> Group {
    let (read, write) = what.directions();
    let opens = !what.is_counted();
    let hooks: &[(bool, AttachPoint)] = match backend {
        Backend::Fentry => &[
            (read, hook("vfs_read_exit", "vfs_read")),
            (write, hook("vfs_write_exit", "vfs_write")),
            (opens, hook("do_sys_openat2_exit", "do_sys_openat2")),
        ],
        Backend::Kprobe => &[
            (true, hook("calls_end", "sched_process_exit")),
            (!opens, hook("transfer_return", "sys_exit")),
            (read, hook("vfs_read_entry", "vfs_read")),
            (write, hook("vfs_write_entry", "vfs_write")),
            (opens, hook("open_return", "sys_exit")),
            (opens, hook("do_sys_openat2_entry", "do_sys_openat2")),
        ],
        Backend::Syscall => &[(true, hook("sys_exit", "sys_exit"))],
    };
    group(None, &[], hooks)
}

fn transfers_by(backend: Backend, read: bool, write: bool) -> Vec<Group> {
    use Feature::{Aio, Descriptors, Uring};
    let uring = group(
        Way::Uring,
        &[Uring],
        &[
            (true, hook("uring_transfer", "io_uring_complete")),
            (true, hook("uring_overflow", "io_uring_cqe_overflow")),
        ],
    );
    // Seen by the programs that are vital.
    let seen = |way| group(way, &[Descriptors], &[]);
    match backend {
        Backend::Fentry => vec![
            group(
                Way::Vectors,
                &[],
                &[
                    (read, hook("vfs_readv_exit", "vfs_readv")),
                    (write, hook("vfs_writev_exit", "vfs_writev")),
                ],
            ),
            uring,
            group(
                Way::Aio,
                &[Aio],
                &[
                    (true, hook("aio_done", "aio_complete_rw")),
                    (read, hook("aio_read_begin", "aio_read")),
                    (write, hook("aio_write_begin", "aio_write")),
                ],
            ),
            group(
                Way::Sendfile,
                &[Descriptors],
                &[(true, hook("do_sendfile_exit", "do_sendfile"))],
            ),
            group(
                Way::Splice,
                &[],
                &[(true, hook("do_splice_exit", "do_splice"))],
            ),
            group(
                Way::CopyFileRange,
                &[],
                &[(
                    true,
                    hook("vfs_copy_file_range_exit", "vfs_copy_file_range"),
                )],
            ),
            group(
                Way::Reflink,
                &[],
                &[(
                    write,
                    hook("vfs_clone_file_range_exit", "vfs_clone_file_range"),
                )],
            ),
            group(
                Way::KernelReads,
                &[],
                &[(read, hook("kernel_read_exit", "kernel_read"))],
            ),
            group(Way::AioUserReaped, &[Aio], &[]),
            // Its calls go through the same functions.
            group(Way::Compat32, &[], &[]),
        ],
        Backend::Kprobe => vec![
            group(
                Way::Vectors,
                &[],
                &[
                    (read, hook("vfs_readv_entry", "vfs_readv")),
                    (write, hook("vfs_writev_entry", "vfs_writev")),
                ],
            ),
            uring,
            group(
                Way::Aio,
                &[Aio],
                &[
                    (true, hook("aio_done_entry", "aio_complete_rw")),
                    (read, hook("aio_read_entry", "aio_read")),
                    (write, hook("aio_write_entry", "aio_write")),
                ],
            ),
            seen(Way::Sendfile),
            seen(Way::Splice),
            seen(Way::CopyFileRange),
            group(Way::AioUserReaped, &[Aio], &[]),
            group(Way::Compat32, &[], &[]),
        ],
        Backend::Syscall => vec![
            seen(Way::Vectors),
            uring,
            seen(Way::Aio),
            seen(Way::Sendfile),
            seen(Way::Splice),
            seen(Way::CopyFileRange),
        ],
    }
}

fn mapped(read: bool, write: bool, cache: bool) -> Group {
    let form = |program, form| AttachPoint {
        form: Some(form),
        ..hook(program, "do_page_mkwrite")
    };
    group(
        Way::Mapped,
        &[Feature::Mapped],
        &[
            (read && cache, hook("do_fault_mark", "do_fault")),
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
    group(None, &[Feature::Storage], hooks)
}

fn layers(read: bool, write: bool) -> Group {
    let hooks = [
        (read, hook("vfs_iter_read_exit", "vfs_iter_read")),
        (write, hook("vfs_iter_write_exit", "vfs_iter_write")),
    ];
    group(Way::Layers, &[Feature::Layers], &hooks)
}

fn opens_by(backend: Backend) -> Vec<Group> {
    use Feature::{Exec, Uring, UringOpens};
    let uring = group(
        Way::UringOpens,
        &[Uring, UringOpens],
        &[
            (true, hook("uring_open", "io_uring_complete")),
            (true, hook("uring_overflow", "io_uring_cqe_overflow")),
        ],
    );
    let exec = group(
        Way::Exec,
        &[Exec],
        &[(true, hook("process_exec", "sched_process_exec"))],
    );
    match backend {
        Backend::Fentry => vec![
            group(
                Way::Handles,
                &[],
                &[(true, hook("do_handle_open_exit", "do_handle_open"))],
            ),
            uring,
            group(
                Way::ExecLoader,
                &[Exec],
                &[(true, hook("do_open_execat_exit", "do_open_execat"))],
            ),
            // The same.
            group(Way::Exec, &[], &[]),
            group(Way::Compat32, &[], &[]),
        ],
        Backend::Kprobe => vec![
            group(Way::Handles, &[], &[]),
            uring,
            exec,
            group(Way::Compat32, &[], &[]),
        ],
        Backend::Syscall => vec![group(Way::Handles, &[], &[]), uring, exec],
    }
}

/// Every way of `what`.
pub(super) fn all(what: What) -> Vec<Way> {
    match what {
        What::Transfers(transfers) => {
            let layers = transfers.layers.then_some(Way::Layers);
            TRANSFERS.into_iter().chain(layers).collect()
        }
        What::Opens { .. } => OPENS.into(),
    }
}

const TRANSFERS: [Way; 11] = [
    Way::Vectors,
    Way::Uring,
    Way::Aio,
    Way::AioUserReaped,
    Way::Sendfile,
    Way::Splice,
    Way::CopyFileRange,
    Way::Reflink,
    Way::KernelReads,
    Way::Mapped,
    Way::Compat32,
];

const OPENS: [Way; 5] = [
    Way::Handles,
    Way::UringOpens,
    Way::Exec,
    Way::ExecLoader,
    Way::Compat32,
];
