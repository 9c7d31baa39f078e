//! Where the running kernel keeps its fields, found in its BTF at load.

use crate::pod;

/// Value of an offset whose field the running kernel does not have.
pub const ABSENT: u32 = u32::MAX;

macro_rules! layout {
    ($($(#[$doc:meta])* $field:ident = $path:literal;)*) => {
        /// Byte offsets into kernel structures, [`ABSENT`] where not known.
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Layout {
            $($(#[$doc])* pub $field: u32,)*
            /// The syscall's number in the saved registers.
            pub regs_nr: u32,
            /// Its first four arguments in the saved registers.
            pub regs_arg: [u32; 4],
            /// A 32-bit word of the task that marks a 32-bit caller.
            pub compat: u32,
        }

        impl Layout {
            /// Nothing known.
            pub const UNKNOWN: Self = Self {
                $($field: ABSENT,)*
                regs_nr: ABSENT,
                regs_arg: [ABSENT; 4],
                compat: ABSENT,
            };

            /// Every field that is the same on all architectures, as
            /// `struct.member.member`, with a way to set it.
            pub const FIELDS: &[(&str, fn(&mut Self) -> &mut u32)] = &[
                $(($path, |layout| &mut layout.$field),)*
            ];
        }
    };
}

layout! {
    /// Mount that the file was opened through.
    file_mnt = "file.f_path.mnt";
    /// Directory entry that the file was opened by.
    file_dentry = "file.f_path.dentry";
    /// The file's inode.
    file_inode = "file.f_inode";
    /// `FMODE_` bits.
    file_mode = "file.f_mode";
    /// Type and permissions.
    inode_mode = "inode.i_mode";
    /// Superblock.
    inode_sb = "inode.i_sb";
    /// Inode number.
    inode_ino = "inode.i_ino";
    /// Generation.
    inode_generation = "inode.i_generation";
    /// Device number.
    sb_dev = "super_block.s_dev";
    /// Parent directory's entry.
    dentry_parent = "dentry.d_parent";
    /// Length and hash of the name, one 64-bit word.
    dentry_hash_len = "dentry.d_name.hash_len";
    /// The name.
    dentry_name = "dentry.d_name.name";
    /// NULL when the entry is not in the hash: unlinked.
    dentry_hashed = "dentry.d_hash.pprev";
    /// Root of the mounted tree.
    vfsmount_root = "vfsmount.mnt_root";
    /// The `vfsmount` inside its `mount`.
    mount_vfsmount = "mount.mnt";
    /// The mount that this one is mounted on.
    mount_parent = "mount.mnt_parent";
    /// Where on it.
    mount_mountpoint = "mount.mnt_mountpoint";
    /// Thread id.
    task_pid = "task_struct.pid";
    /// Process id.
    task_tgid = "task_struct.tgid";
    /// Start time, nanoseconds.
    task_start_time = "task_struct.start_time";
    /// Open files.
    task_files = "task_struct.files";
    /// Current and root directory.
    task_fs = "task_struct.fs";
    /// What the threads of a process share.
    task_signal = "task_struct.signal";
    /// Namespaces.
    task_nsproxy = "task_struct.nsproxy";
    /// Mount namespace.
    nsproxy_mnt_ns = "nsproxy.mnt_ns";
    /// Its inode number.
    mnt_ns_inum = "mnt_namespace.ns.inum";
    /// Threads that have not ended.
    signal_live = "signal_struct.live";
    /// Descriptor table.
    files_fdt = "files_struct.fdt";
    /// Its size.
    fdt_max_fds = "fdtable.max_fds";
    /// Its entries.
    fdt_fd = "fdtable.fd";
    /// Mount of the current directory.
    fs_pwd_mnt = "fs_struct.pwd.mnt";
    /// Current directory.
    fs_pwd_dentry = "fs_struct.pwd.dentry";
    /// Flags of `openat2`.
    how_flags = "open_how.flags";
    /// Mode of `openat2`.
    how_mode = "open_how.mode";
}

pod!(Layout);
