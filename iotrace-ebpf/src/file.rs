//! What the kernel knows about a file: identity, type, and how it was named.

use iotrace_common::{ABSENT, FILE_WORDS, FileId, INODE_WORDS, Loss, NAME_TICKS};

use crate::kernel::{Members, Probe, Ptr, Read, Words, get, load, offset};

/// The file behind a `struct file`.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Inode {
    pub id: FileId,
    pub mode: u32,
}

/// Reads identity and type of a file.
///
/// # Safety
/// `file` points to a `struct file` that `R` can read.
#[inline(always)]
pub unsafe fn inode<R: Read>(file: Ptr) -> Result<Inode, Loss> {
    // SAFETY: members of file, inode and super_block at offsets from BTF.
    unsafe { inode_at::<R>(load!(R, file, file_inode: Ptr)?) }
}

/// Reads identity and type of an inode.
///
/// # Safety
/// `inode` points to a `struct inode` that `R` can read.
#[inline(always)]
pub unsafe fn inode_at<R: Read>(inode: Ptr) -> Result<Inode, Loss> {
    // SAFETY: likewise.
    unsafe {
        let mut words = Words::<INODE_WORDS>::new();
        let members = R::members(&mut words, inode, offset!(near.inode))?;
        let sb: Ptr = get!(members, inode_sb, inode_sb: Ptr)?;
        Ok(Inode {
            id: FileId {
                ino: get!(members, inode_ino, inode_ino: u64)?,
                dev: load!(R, sb, sb_dev: u32)?,
                generation: get!(members, inode_generation, inode_generation: u32)?,
            },
            mode: u32::from(get!(members, inode_mode, inode_mode: u16)?),
        })
    }
}

/// The kernel opened the file for itself (include/linux/fs.h, 4.19 to 7.2): an overlay
/// the one below, a cache its own.
const FMODE_NOACCOUNT: u32 = 1 << 29;

/// Whether a file lies below another one, through which the user's process works.
///
/// # Safety
/// `file` points to a `struct file` that `R` can read.
#[inline(always)]
pub unsafe fn is_lower<R: Read>(file: Ptr) -> Result<bool, Loss> {
    // SAFETY: a member of file.
    let mode: u32 = unsafe { load!(R, file, file_mode: u32) }?;
    Ok(mode & FMODE_NOACCOUNT != 0)
}

/// Where the user sees a file that lies below another one.
///
/// # Safety
/// `file` is the address of such a `struct file`.
#[inline(always)]
pub unsafe fn user_place(file: Ptr) -> Result<Place, Loss> {
    if offset!(user_mnt) == ABSENT || offset!(user_dentry) == ABSENT {
        // SAFETY: the caller vouches for the file.
        return unsafe { place(file) };
    }
    // SAFETY: it is part of a `struct backing_file` (fs/file_table.c), at its begin.
    unsafe {
        Ok(Place {
            mnt: Probe::load(file, offset!(user_mnt))?,
            dentry: Probe::load(file, offset!(user_dentry))?,
        })
    }
}

/// A `struct file` that an operation went through.
#[derive(Clone, Copy)]
pub struct OpenFile {
    pub address: Ptr,
    pub inode: Inode,
    /// The kernel function that is traced holds a reference to it. Otherwise
    /// another thread may have closed it, and its memory may be another file's.
    pub held: bool,
    /// It lies below the file that the user knows, and is told by that one's name.
    pub below: bool,
}

impl OpenFile {
    /// Where the file hangs.
    #[inline(always)]
    pub fn place(&self) -> Result<Place, Loss> {
        // SAFETY: probe reads check the addresses.
        unsafe {
            if self.below {
                return user_place(self.address);
            }
            let place = place(self.address)?;
            // Read first, checked afterwards: then the place is this file's.
            if !self.held && inode::<Probe>(self.address) != Ok(self.inode) {
                return Err(Loss::NameGone);
            }
            Ok(place)
        }
    }
}

/// Where a file hangs in the tree of directories and mounts.
#[derive(Clone, Copy)]
pub struct Place {
    pub mnt: Ptr,
    pub dentry: Ptr,
}

/// The entry by which a file was opened.
///
/// # Safety
/// `file` is the address of a `struct file`.
#[inline(always)]
pub unsafe fn place(file: Ptr) -> Result<Place, Loss> {
    // SAFETY: members of file.
    unsafe {
        Ok(Place {
            mnt: load!(Probe, file, file_mnt: Ptr)?,
            dentry: load!(Probe, file, file_dentry: Ptr)?,
        })
    }
}

/// All that is asked of a file that was opened.
pub struct Opened {
    pub inode: Inode,
    pub place: Place,
    /// `FMODE_` bits.
    pub mode: u32,
}

/// Reads what is asked of a file that was opened.
///
/// # Safety
/// `file` is the address of a `struct file`.
#[inline(always)]
pub unsafe fn opened(file: Ptr) -> Result<Opened, Loss> {
    let mut words = Words::<FILE_WORDS>::new();
    // SAFETY: members of file.
    unsafe {
        let members = Probe::members(&mut words, file, offset!(near.file))?;
        Ok(Opened {
            place: Place {
                mnt: get!(members, file_mnt, file_mnt: Ptr)?,
                dentry: get!(members, file_dentry, file_dentry: Ptr)?,
            },
            mode: get!(members, file_mode, file_mode: u32)?,
            inode: inode_at::<Probe>(get!(members, file_inode, file_inode: Ptr)?)?,
        })
    }
}

impl Place {
    /// Whether the name has been unlinked: not in the hash of names, as
    /// `d_unlinked` tests it (include/linux/dcache.h).
    #[inline(always)]
    pub fn unlinked(&self) -> bool {
        if offset!(dentry_hashed) == ABSENT {
            return false;
        }
        let mut words = Words::<2>::new();
        // SAFETY: members of dentry.
        unsafe {
            match Probe::members(&mut words, self.dentry, offset!(near.entry)) {
                Ok(entry) => is_unlinked(&entry, self.dentry).unwrap_or(false),
                Err(_) => false,
            }
        }
    }
}

/// The same of an entry that has been read.
///
/// # Safety
/// `entry` has members of this dentry.
#[inline(always)]
pub unsafe fn is_unlinked<const N: usize>(
    entry: &Members<'_, Probe, N>,
    dentry: Ptr,
) -> Result<bool, Loss> {
    if offset!(dentry_hashed) == ABSENT {
        return Ok(false);
    }
    // SAFETY: members of dentry.
    let (pprev, parent): (u64, Ptr) = unsafe {
        (
            get!(entry, entry_hashed, dentry_hashed: u64)?,
            get!(entry, entry_parent, dentry_parent: Ptr)?,
        )
    };
    // Nothing has no parent: what can not be read.
    Ok(pprev == 0 && parent != dentry && !parent.is_null())
}

/// A name that went through the ring, as far as a change of it can be seen.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Named {
    mnt: u64,
    dentry: u64,
    /// Hash and length of the name.
    hash_len: u64,
    /// The same of the directory that it is in.
    parent_hash_len: u64,
    unlinked: u32,
    epoch: u32,
}

impl Named {
    /// Takes down what a name looks like now.
    #[inline(always)]
    pub fn look(&mut self, words: &mut Words<3>, place: &Place, epoch: u32) -> Result<(), Loss> {
        // SAFETY: members of dentry.
        unsafe {
            let entry = Probe::members(words, place.dentry, offset!(near.entry))?;
            let parent: Ptr = get!(entry, entry_parent, dentry_parent: Ptr)?;
            self.mnt = place.mnt as u64;
            self.dentry = place.dentry as u64;
            self.hash_len = get!(entry, entry_hash_len, dentry_hash_len: u64)?;
            self.parent_hash_len = load!(Probe, parent, dentry_hash_len: u64)?;
            self.unlinked = u32::from(is_unlinked(&entry, place.dentry)?);
            self.epoch = epoch;
        }
        Ok(())
    }

    /// Whether `self`, said earlier, still tells what `now` would.
    #[inline(always)]
    pub fn holds(&self, now: &Self) -> bool {
        self.dentry == now.dentry
            && self.mnt == now.mnt
            && self.hash_len == now.hash_len
            && self.parent_hash_len == now.parent_hash_len
            && self.unlinked == now.unlinked
            && now.epoch.wrapping_sub(self.epoch) < NAME_TICKS
    }
}
