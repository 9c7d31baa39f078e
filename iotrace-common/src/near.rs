//! Members that lie near each other, so that one read brings them: a call of the kernel's function
//! costs as much as the copy of eight words.

use crate::{ABSENT, Layout};

/// Words of a `struct file` that are read at once: from `f_path` to `f_mode` (5.10, 6.1), or the other
/// way round (6.12 and newer).
pub const FILE_WORDS: usize = 9;
/// Those of a `struct inode`: from `i_mode` to `i_ino` (5.10 to 7.2, with ACLs and security modules).
pub const INODE_WORDS: usize = 9;
/// Those of a `struct dentry`: from `d_hash.pprev` to the end of a short name (5.10 to 7.2).
pub const ENTRY_WORDS: usize = 9;
/// Bytes that a name has in its entry: 32 in 5.10, 40 in newer kernels, of which as many are looked
/// at.
pub const SHORT_NAME: usize = 32;

macro_rules! near {
    ($($field:ident: $offset:ident, $size:expr, $part:ident, $words:expr;)*) => {
        /// Where such members lie in what is read, in bytes; [`ABSENT`] for what lies elsewhere in the
        /// running kernel, and is read by itself.
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Near {
            /// Where to begin to read a file.
            pub file: u32,
            /// An inode.
            pub inode: u32,
            /// A directory entry.
            pub entry: u32,
            /// A mount: `mnt_parent`, `mnt_mountpoint`, `mnt.mnt_root`, one behind the other.
            pub mount: u32,
            $(
                #[doc = concat!("[`Layout::", stringify!($offset), "`].")]
                pub $field: u32,
            )*
        }

        impl Near {
            /// Nothing known.
            pub const UNKNOWN: Self = Self {
                file: ABSENT,
                inode: ABSENT,
                entry: ABSENT,
                mount: ABSENT,
                $($field: ABSENT,)*
            };

            /// What is near in a kernel of this layout.
            pub fn of(layout: &Layout) -> Self {
                // Words are aligned. What is absent is greater than all.
                let word = |offset: u32| offset & !7;
                let root = layout.mount_vfsmount.wrapping_add(layout.vfsmount_root);
                let is_row = layout.mount_mountpoint == layout.mount_parent.wrapping_add(8)
                    && root == layout.mount_parent.wrapping_add(16);
                let mut near = Self {
                    file: word(layout.file_mode.min(layout.file_mnt)),
                    inode: word(layout.inode_mode),
                    entry: word(layout.dentry_hashed.min(layout.dentry_parent)),
                    mount: if is_row { layout.mount_parent } else { ABSENT },
                    ..Self::UNKNOWN
                };
                $(near.$field = place(near.$part, $words, layout.$offset, $size);)*
                near
            }
        }
    };
}

near! {
    file_mnt: file_mnt, 8, file, FILE_WORDS;
    file_dentry: file_dentry, 8, file, FILE_WORDS;
    file_inode: file_inode, 8, file, FILE_WORDS;
    file_mode: file_mode, 4, file, FILE_WORDS;
    inode_mode: inode_mode, 2, inode, INODE_WORDS;
    inode_sb: inode_sb, 8, inode, INODE_WORDS;
    inode_ino: inode_ino, 8, inode, INODE_WORDS;
    inode_generation: inode_generation, 4, inode, INODE_WORDS;
    entry_hashed: dentry_hashed, 8, entry, ENTRY_WORDS;
    entry_parent: dentry_parent, 8, entry, ENTRY_WORDS;
    entry_hash_len: dentry_hash_len, 8, entry, ENTRY_WORDS;
    entry_name: dentry_name, 8, entry, ENTRY_WORDS;
    // A word at a time.
    entry_short: dentry_short, SHORT_NAME as u32, entry, ENTRY_WORDS;
}

/// Where a member of `size` bytes lies in so many words.
fn place(start: u32, words: usize, offset: u32, size: u32) -> u32 {
    let align = size.min(8);
    match offset.checked_sub(start) {
        // The verifier wants what is read of the stack to be aligned.
        Some(at) if at <= 8 * words as u32 - size && at % align == 0 => at,
        _ => ABSENT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_near_if_all_of_it_is_read_and_aligned() {
        assert_eq!(place(16, 2, 16, 8), 0);
        assert_eq!(place(16, 2, 24, 8), 8);
        assert_eq!(place(16, 2, 20, 4), 4);
        for (offset, size) in [(8, 8), (20, 8), (28, 8), (32, 8), (ABSENT, 4)] {
            assert_eq!(place(16, 2, offset, size), ABSENT, "{offset}");
        }
        assert_eq!(place(ABSENT & !7, 2, ABSENT, 8), ABSENT);
    }
}
