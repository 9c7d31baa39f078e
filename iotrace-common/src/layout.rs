//! Where the running kernel keeps its fields, found in its BTF at load.

use crate::{Near, pod};

/// Value of an offset whose field the running kernel does not have.
pub const ABSENT: u32 = u32::MAX;

/// What is missing together with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Counting and naming, without which there is nothing to show.
    Core,
    /// The mark that a name has been unlinked.
    Deleted,
    /// Looking up a descriptor: the syscall backend, and opens.
    Descriptors,
    /// Opens.
    Opens,
    /// Following the children of a command.
    Follow,
    /// Mount namespaces.
    MountNamespaces,
    /// The kernel's own count of a thread's reads and writes, by which the kprobe
    /// backend finds out that it missed some.
    CallCounts,
    /// Ends of AIO requests.
    Aio,
    /// Ends of io_uring requests.
    Uring,
    /// Their thread, as 6.1 to 6.12 have it.
    UringTask,
    /// Their thread, as 6.18 and 7.2 have it.
    UringContext,
    /// Opens by io_uring.
    UringOpens,
    /// Mapped files.
    Mapped,
    /// Places of reads and writes.
    Positions,
    /// Changes of names.
    Changes,
    /// Ends of files without a name.
    Ends,
    /// What a thread kept from being written to storage.
    Cancelled,
    /// What a process did, at its end.
    Accounts,
    /// Opens by exec.
    Exec,
    /// Lower layers.
    Layers,
    /// The path by which the user knows a file that an overlay opened (6.6 and newer; before, it is
    /// that of the file).
    UserPath,
    /// The kernel's own account of what a thread reads from storage and dirties.
    Storage,
}

macro_rules! layout {
    ($($(#[$doc:meta])* $field:ident = $path:literal, $feature:ident;)*) => {
        /// Byte offsets into kernel structures, [`ABSENT`] where not known.
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Layout {
            $($(#[$doc])* pub $field: u32,)*
            /// The syscall's number in the saved registers.
            pub regs_nr: u32,
            /// Its first five arguments in the saved registers.
            pub regs_arg: [u32; 5],
            /// A function's first three arguments in the registers at its entry.
            pub regs_param: [u32; 3],
            /// A 32-bit word of the task that marks a 32-bit caller.
            pub compat: u32,
            /// Names that are short enough stand in their `struct dentry`.
            pub dentry_short: u32,
            /// What is read at once.
            pub near: Near,
            /// Where a program on the exit of a [`NameCall`] finds the directory entry, in bytes.
            pub call_dentry: [u32; NameCall::COUNT],
            /// Where it finds the result.
            pub call_result: [u32; NameCall::COUNT],
        }

        impl Layout {
            /// Nothing known.
            pub const UNKNOWN: Self = Self {
                $($field: ABSENT,)*
                regs_nr: ABSENT,
                regs_arg: [ABSENT; 5],
                regs_param: [ABSENT; 3],
                compat: ABSENT,
                dentry_short: ABSENT,
                near: Near::UNKNOWN,
                call_dentry: [ABSENT; NameCall::COUNT],
                call_result: [ABSENT; NameCall::COUNT],
            };

            /// Every field that is the same on all architectures: its path in C,
            /// what is missing without it, and its place here.
            pub const FIELDS: &[(&str, Feature, fn(&mut Self) -> &mut u32)] = &[
                $(($path, Feature::$feature, |layout| &mut layout.$field),)*
            ];
        }
    };
}

layout! {
    /// Mount that the file was opened through.
    file_mnt = "file.f_path.mnt", Core;
    /// Directory entry that the file was opened by.
    file_dentry = "file.f_path.dentry", Core;
    /// The file's inode.
    file_inode = "file.f_inode", Core;
    /// `FMODE_` bits.
    file_mode = "file.f_mode", Core;
    /// Type and permissions.
    inode_mode = "inode.i_mode", Core;
    /// Superblock.
    inode_sb = "inode.i_sb", Core;
    /// Inode number.
    inode_ino = "inode.i_ino", Core;
    /// Generation.
    inode_generation = "inode.i_generation", Core;
    /// Device number.
    sb_dev = "super_block.s_dev", Core;
    /// Parent directory's entry.
    dentry_parent = "dentry.d_parent", Core;
    /// Length and hash of the name, one 64-bit word.
    dentry_hash_len = "dentry.d_name.hash_len", Core;
    /// The name.
    dentry_name = "dentry.d_name.name", Core;
    /// NULL when the entry is not in the hash: unlinked.
    dentry_hashed = "dentry.d_hash.pprev", Deleted;
    /// Root of the mounted tree.
    vfsmount_root = "vfsmount.mnt_root", Core;
    /// The `vfsmount` inside its `mount`.
    mount_vfsmount = "mount.mnt", Core;
    /// The mount that this one is mounted on.
    mount_parent = "mount.mnt_parent", Core;
    /// Where on it.
    mount_mountpoint = "mount.mnt_mountpoint", Core;
    /// Thread id.
    task_pid = "task_struct.pid", Core;
    /// Process id.
    task_tgid = "task_struct.tgid", Core;
    /// Start time, nanoseconds.
    task_start_time = "task_struct.start_time", Core;
    /// Reads of the thread so far (`CONFIG_TASK_XACCT`); `vfs_read` counts
    /// each at its end.
    task_syscr = "task_struct.ioac.syscr", CallCounts;
    /// The same for writes.
    task_syscw = "task_struct.ioac.syscw", CallCounts;
    /// Open files.
    task_files = "task_struct.files", Descriptors;
    /// Current and root directory.
    task_fs = "task_struct.fs", Opens;
    /// What the threads of a process share.
    task_signal = "task_struct.signal", Follow;
    /// Namespaces.
    task_nsproxy = "task_struct.nsproxy", MountNamespaces;
    /// Mount namespace.
    nsproxy_mnt_ns = "nsproxy.mnt_ns", MountNamespaces;
    /// Its inode number.
    mnt_ns_inum = "mnt_namespace.ns.inum", MountNamespaces;
    /// Threads that have not ended.
    signal_live = "signal_struct.live", Follow;
    /// Descriptor table.
    files_fdt = "files_struct.fdt", Descriptors;
    /// Its size.
    fdt_max_fds = "fdtable.max_fds", Descriptors;
    /// Its entries.
    fdt_fd = "fdtable.fd", Descriptors;
    /// Mount of the current directory.
    fs_pwd_mnt = "fs_struct.pwd.mnt", Opens;
    /// Current directory.
    fs_pwd_dentry = "fs_struct.pwd.dentry", Opens;
    /// Flags of `openat2`.
    how_flags = "open_how.flags", Opens;
    /// Mode of `openat2`.
    how_mode = "open_how.mode", Opens;
    /// File of a request to the VFS.
    kiocb_file = "kiocb.ki_filp", Aio;
    /// File of a request to io_uring.
    uring_file = "io_kiocb.file", Uring;
    /// What it asks for.
    uring_opcode = "io_kiocb.opcode", Uring;
    /// Thread that submitted it.
    uring_task = "io_kiocb.task", UringTask;
    /// What belongs to that thread.
    uring_context = "io_kiocb.tctx", UringContext;
    /// The thread.
    uring_context_task = "io_uring_task.task", UringContext;
    /// Result in a completion.
    cqe_result = "io_uring_cqe.res", Uring;
    /// Flags of an open.
    uring_how_flags = "io_open.how.flags", UringOpens;
    /// Mode of an open.
    uring_how_mode = "io_open.how.mode", UringOpens;
    /// Not 0 when the file goes into a table of the ring, without a descriptor.
    uring_slot = "io_open.file_slot", UringOpens;
    /// Mount of that path.
    user_mnt = "backing_file.user_path.mnt", UserPath;
    /// Its directory entry.
    user_dentry = "backing_file.user_path.dentry", UserPath;
    /// Inode of a directory entry.
    dentry_inode = "dentry.d_inode", Core;
    /// Credentials.
    task_cred = "task_struct.cred", Uring;
    /// Real user id.
    cred_uid = "cred.uid", Uring;
    /// Name of the thread.
    task_comm = "task_struct.comm", Uring;
    /// Mapping in which a fault happened.
    fault_vma = "vm_fault.vma", Mapped;
    /// Its file, if any.
    vma_file = "vm_area_struct.vm_file", Mapped;
    /// The program that is executed.
    binprm_file = "linux_binprm.file", Exec;
    /// The name that the kernel copied.
    filename_name = "filename.name", Exec;
    /// `PF_` bits.
    task_flags = "task_struct.flags", Layers;
    /// Bytes that the thread had read from storage (`CONFIG_TASK_IO_ACCOUNTING`).
    task_fetched = "task_struct.ioac.read_bytes", Storage;
    /// Bytes of pages that it made dirty.
    task_dirtied = "task_struct.ioac.write_bytes", Storage;
    /// Bytes that it kept from being written (`CONFIG_TASK_IO_ACCOUNTING`).
    task_cancelled = "task_struct.ioac.cancelled_write_bytes", Cancelled;
    /// What a thread did (`CONFIG_TASK_XACCT`): the first member of `struct task_io_accounting`.
    task_usage = "task_struct.ioac.rchar", Accounts;
    /// First thread of a process.
    task_leader = "task_struct.group_leader", Accounts;
    /// Parent.
    task_parent = "task_struct.real_parent", Accounts;
    /// Start time on the clock that goes on while the machine sleeps, nanoseconds.
    task_start_boottime = "task_struct.start_boottime", Accounts;
    /// Mount of a path.
    path_mnt = "path.mnt", Changes;
    /// Its directory entry.
    path_dentry = "path.dentry", Changes;
    /// Users of a directory entry.
    dentry_count = "dentry.d_lockref.count", Changes;
    /// Names of a file.
    inode_links = "inode.i_nlink", Ends;
    /// The entry that is renamed.
    rename_dentry = "renamedata.old_dentry", Changes;
    /// `O_` flags of an open file.
    file_flags = "file.f_flags", Positions;
    /// Place in an open file.
    file_pos = "file.f_pos", Positions;
    /// `RENAME_` bits.
    rename_flags = "renamedata.flags", Changes;
}

/// Functions of the VFS that change names, whose arguments stand in different places in
/// different kernels.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameCall {
    /// `vfs_unlink`.
    Unlink = 0,
    /// `vfs_rmdir`.
    Rmdir = 1,
    /// `vfs_link`.
    Link = 2,
    /// `vfs_create`.
    Create = 3,
    /// `vfs_mknod`.
    Mknod = 4,
    /// `vfs_mkdir`.
    Mkdir = 5,
    /// `vfs_symlink`.
    Symlink = 6,
    /// `do_truncate`.
    Truncate = 7,
}

impl NameCall {
    /// How many there are.
    pub const COUNT: usize = 8;

    /// All of them, in the order of their numbers.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Unlink,
        Self::Rmdir,
        Self::Link,
        Self::Create,
        Self::Mknod,
        Self::Mkdir,
        Self::Symlink,
        Self::Truncate,
    ];

    /// The last arguments, where they are read by their distance from the end.
    pub const fn last_arguments(self) -> &'static [&'static str] {
        match self {
            Self::Truncate => &["length", "time_attrs", "filp"],
            _ => &[],
        }
    }

    /// The function, and what it calls the directory entry.
    pub const fn function(self) -> (&'static str, &'static str) {
        match self {
            Self::Unlink => ("vfs_unlink", "dentry"),
            Self::Rmdir => ("vfs_rmdir", "dentry"),
            Self::Link => ("vfs_link", "new_dentry"),
            Self::Create => ("vfs_create", "dentry"),
            Self::Mknod => ("vfs_mknod", "dentry"),
            Self::Mkdir => ("vfs_mkdir", "dentry"),
            Self::Symlink => ("vfs_symlink", "dentry"),
            Self::Truncate => ("do_truncate", "dentry"),
        }
    }
}

pod!(Layout);
