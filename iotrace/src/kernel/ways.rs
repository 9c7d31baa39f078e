//! The ways into a file, beside plain reads, writes and opens.

use super::request::What;

/// A way into a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `readv`, `writev` and their relatives.
    Vectors,
    /// io_uring.
    Uring,
    /// Its requests that ask for no completion when they succeed (`IOSQE_CQE_SKIP_SUCCESS`).
    UringSkipped,
    /// Its splices.
    UringSplice,
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
    /// Writes by the kernel: core dumps.
    KernelWrites,
    /// Mapped files.
    Mapped,
    /// Files below others, when they are asked for.
    Layers,
    /// What moves between cache and storage, when it is asked for.
    Cache,
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
    /// The files behind names that change: where they are not seen, there are only the names that
    /// callers give.
    ChangedFiles,
    /// Changes of names by io_uring.
    UringChanges,
    /// The end of files that have no name any more.
    Ends,
    /// Changes of a file's size.
    Truncations,
    /// Places and times of reads and writes, when they are asked for.
    Each,
    /// `fsync` and its relatives, when they are asked for.
    Syncs,
    /// What threads and processes do between the last look at them and their end, when it is
    /// asked for; of who came and went between two looks that is all.
    ShortLived,
    /// Accounts of processes of other users, which an ordinary user may not read.
    OtherUsers,
}

impl Way {
    /// In NDJSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vectors => "vectors",
            Self::Uring => "io_uring",
            Self::UringSkipped => "io_uring_skipped",
            Self::UringSplice => "io_uring_splice",
            Self::Aio => "aio",
            Self::AioUserReaped => "aio_user_reaped",
            Self::Sendfile => "sendfile",
            Self::Splice => "splice",
            Self::CopyFileRange => "copy_file_range",
            Self::Reflink => "reflink",
            Self::KernelReads => "kernel_reads",
            Self::KernelWrites => "kernel_writes",
            Self::Mapped => "mapped",
            Self::Layers => "layers",
            Self::Cache => "cache",
            Self::Compat32 => "compat32",
            Self::Handles => "handles",
            Self::UringOpens => "io_uring_opens",
            Self::Exec => "exec",
            Self::ExecLoader => "exec_loader",
            Self::ChangedFiles => "changed_files",
            Self::UringChanges => "io_uring_changes",
            Self::Ends => "ends",
            Self::Truncations => "truncations",
            Self::Each => "each",
            Self::Syncs => "syncs",
            Self::ShortLived => "short_lived",
            Self::OtherUsers => "other_users",
        }
    }

    /// From NDJSON.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut known = TRANSFERS
            .iter()
            .chain(&OPENS)
            .chain(&CHANGES)
            .chain(&ASKED_FOR);
        known.find(|way| way.name() == name).copied()
    }

    /// For people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Vectors => "readv/writev",
            Self::Uring => "io_uring",
            Self::UringSkipped => "io_uring without completions",
            Self::UringSplice => "splice by io_uring",
            Self::Aio => "AIO",
            Self::AioUserReaped => "AIO completions taken without a system call (QEMU)",
            Self::Sendfile => "sendfile",
            Self::Splice => "splice",
            Self::CopyFileRange => "copy_file_range",
            Self::Reflink => "reflinks",
            Self::KernelReads => "reads by exec",
            Self::KernelWrites => "core dumps",
            Self::Mapped => "mapped files (see --mmap)",
            Self::Layers => "lower layers",
            Self::Cache => "use of the cache",
            Self::Compat32 => "32-bit programs",
            Self::Handles => "open_by_handle_at",
            Self::UringOpens => "opens by io_uring",
            Self::Exec => "exec",
            Self::ExecLoader => "loaders and failed exec",
            Self::ChangedFiles => "which file a changed name belongs to (only the caller's words)",
            Self::UringChanges => "unlink and rename by io_uring",
            Self::Ends => "the last close of files without a name",
            Self::Truncations => "truncations",
            Self::Each => "places and times of reads and writes",
            Self::Syncs => "fsync",
            Self::ShortLived => "the last work of processes and threads that end",
            Self::OtherUsers => "accounts of other users' processes",
        }
    }
}

/// Every way of `what`.
pub fn all(what: What) -> Vec<Way> {
    let mut ways = Vec::new();
    if let Some(transfers) = what.transfers {
        ways.extend(TRANSFERS);
        ways.extend(transfers.layers.then_some(Way::Layers));
        ways.extend(transfers.cache.then_some(Way::Cache));
        ways.extend(transfers.each.then_some(Way::Each));
    }
    if what.opens.is_some() {
        ways.extend(OPENS);
    }
    if what.changes.is_some() {
        ways.extend(CHANGES);
    }
    ways.extend(what.syncs.then_some(Way::Syncs));
    ways.extend(what.accounts.then_some(Way::ShortLived));
    // Some are ways of several.
    let mut seen = Vec::new();
    ways.retain(|way| {
        !seen.contains(way) && {
            seen.push(*way);
            true
        }
    });
    ways
}

const TRANSFERS: [Way; 14] = [
    Way::Vectors,
    Way::Uring,
    Way::UringSkipped,
    Way::UringSplice,
    Way::Aio,
    Way::AioUserReaped,
    Way::Sendfile,
    Way::Splice,
    Way::CopyFileRange,
    Way::Reflink,
    Way::KernelReads,
    Way::KernelWrites,
    Way::Mapped,
    Way::Compat32,
];

/// Ways that not every command has.
const ASKED_FOR: [Way; 6] = [
    Way::Layers,
    Way::Cache,
    Way::Each,
    Way::Syncs,
    Way::ShortLived,
    Way::OtherUsers,
];

const OPENS: [Way; 6] = [
    Way::Handles,
    Way::UringOpens,
    Way::UringSkipped,
    Way::Exec,
    Way::ExecLoader,
    Way::Compat32,
];

const CHANGES: [Way; 5] = [
    Way::ChangedFiles,
    Way::UringChanges,
    Way::Ends,
    Way::Truncations,
    Way::Compat32,
];

impl Way {
    /// Several in one line, for people; `None` when there are none.
    pub fn list(ways: &[Self]) -> Option<String> {
        let words: Vec<_> = ways.iter().map(|way| way.describe()).collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}
