//! Absolute paths, by walking dentries and mounts up to the root.

use core::{
    arch::asm,
    ptr::{read_volatile, write_volatile},
};

use aya_ebpf::helpers::generated::bpf_probe_read_kernel_str;
use iotrace_common::{
    ABSENT, ENTRY_WORDS, Loss, NAME_CAP, PATH_CAP, PATH_STEPS, SHORT_NAME, path_flag,
};

use crate::{
    file::{self, Place},
    kernel::{CASTS, Members, Probe, Ptr, Read, Words, get, member, offset, path_bound},
    rounds::{self, Rounds},
};

/// Buffer for a path.
#[repr(C)]
pub struct PathBuf {
    /// The slack lets a component start anywhere below the cap.
    pub bytes: [u8; PATH_CAP + NAME_CAP],
    /// How the walk ended, as far as is known: 0 at the root, or bits of `path_flag`.
    ended: u32,
    /// `path_flag::DELETED`, or 0.
    deleted: u32,
    /// A part of the entry that is looked at. Of what is here the verifier keeps nothing in mind, unlike
    /// of the stack.
    entry: Words<WORDS>,
}

/// Appends the components from `place` to the root to `out`, after the `*len`
/// bytes that are there; `len` is below [`PATH_CAP`] afterwards too. Returns bits
/// of `path_flag`; [`path_flag::DELETED`] tells of `place` itself.
///
/// The walk takes no lock: a rename while it goes on may give a mixture of the
/// old and the new path, as in every tracer; the components are real names.
///
/// # Safety
/// `out` and `len` are in map memory.
#[inline(always)]
pub unsafe fn walk(out: *mut PathBuf, len: *mut u32, place: Place) -> u32 {
    // `container_of(vfsmount, struct mount, mnt)` (fs/mount.h).
    let mount = place.mnt.wrapping_sub(offset!(mount_vfsmount) as usize);
    // SAFETY: members of mount; probe reads check addresses.
    let Ok(at_mount) = (unsafe { mount_links(mount) }) else {
        return path_flag::CUT | path_flag::BROKEN;
    };
    let mut walk = Walk {
        out,
        len,
        dentry: place.dentry,
        mount,
        at_mount,
    };
    walk.end(path_flag::CUT);
    // SAFETY: the caller vouches for the memory.
    unsafe {
        write_volatile(&raw mut (*out).deleted, 0);
        rounds::run(STEPS, &mut walk);
        read_volatile(&raw const (*out).ended) | read_volatile(&raw const (*out).deleted)
    }
}

/// Most steps of a walk: the root is no step.
const STEPS: u32 = PATH_STEPS as u32 + 1;

/// A walk under way.
///
/// The length and the end live in map memory on purpose: whatever way a step took, the
/// verifier knows the same of them afterwards, namely nothing. So it finds that it
/// has seen the next step before, instead of trying all ways to combine steps.
struct Walk {
    out: *mut PathBuf,
    len: *mut u32,
    dentry: Ptr,
    mount: Ptr,
    at_mount: MountLinks,
}

impl Rounds for Walk {
    #[inline(always)]
    fn round(&mut self, number: u32) -> bool {
        // SAFETY: who made the walk vouches for the memory.
        let ended = match unsafe { self.up(number == 0) } {
            Ok(None) => return false,
            Ok(Some(ended)) => ended,
            Err(_) => path_flag::CUT | path_flag::BROKEN,
        };
        self.end(ended);
        true
    }
}

impl Walk {
    #[inline(always)]
    fn end(&mut self, ended: u32) {
        // SAFETY: who made the walk vouches for the memory.
        unsafe { write_volatile(&raw mut (*self.out).ended, ended) };
    }

    #[inline(always)]
    fn is_deleted(&mut self, deleted: bool) {
        if deleted {
            // SAFETY: likewise.
            unsafe { write_volatile(&raw mut (*self.out).deleted, path_flag::DELETED) };
        }
    }

    /// Goes one step up, from a mount's root to the mount below, or appends a component.
    #[inline(always)]
    unsafe fn up(&mut self, first: bool) -> Result<Option<u32>, Loss> {
        // SAFETY: members of mount, vfsmount and dentry; probe reads check addresses.
        unsafe {
            if self.dentry == self.at_mount.root {
                if first {
                    let place = Place {
                        mnt: self.mount,
                        dentry: self.dentry,
                    };
                    self.is_deleted(place.unlinked());
                }
                if self.at_mount.parent == self.mount {
                    return Ok(Some(0));
                }
                self.dentry = self.at_mount.mountpoint;
                self.mount = self.at_mount.parent;
                self.at_mount = mount_links(self.mount)?;
                return Ok(None);
            }
            let at = read_volatile(self.len);
            if at >= (PATH_CAP - NAME_CAP) as u32 {
                return Ok(Some(path_flag::CUT));
            }
            let words = &mut *(&raw mut (*self.out).entry);
            let entry = Probe::members(words, self.dentry, offset!(near.entry))?;
            if first {
                self.is_deleted(file::is_unlinked(&entry, self.dentry)?);
            }
            let parent: Ptr = get!(entry, entry_parent, dentry_parent: Ptr)?;
            let to = self.out.cast::<u8>().add(path_bound(at));
            let mut wrote = short_name(to, &entry, self.dentry)?;
            if wrote == 0 {
                let name: Ptr = get!(entry, entry_name, dentry_name: Ptr)?;
                let copied = bpf_probe_read_kernel_str(to.cast(), NAME_CAP as u32, name.cast());
                if copied <= 0 {
                    return Err(Loss::ReadFailed);
                }
                wrote = copied as u32;
            }
            write_volatile(self.len, at + wrote);
            // Its own parent but no mount's root: a file outside the tree, such
            // as a memfd, which has this name and no directory.
            if self.dentry == parent {
                return Ok(Some(path_flag::OUTSIDE));
            }
            self.dentry = parent;
            Ok(None)
        }
    }
}

/// Of an entry, with or without its short name.
const WORDS: usize = if rounds::FOLDED { ENTRY_WORDS } else { 4 };

/// Copies the name of an entry that stands in the entry itself, with its NUL, and tells the
/// bytes; 0 if it does not stand there.
///
/// While another CPU renames the entry, the length may be that of another name. So the name is one
/// only if its first NUL is where the length says; in doubt it is read where it stands.
///
/// # Safety
/// `to` is in map memory, with room for [`SHORT_NAME`] bytes; `entry` has members of `dentry`.
#[inline(always)]
unsafe fn short_name(
    to: *mut u8,
    entry: &Members<'_, Probe, WORDS>,
    dentry: Ptr,
) -> Result<u32, Loss> {
    // Where the verifier goes along each round, there are too many ways here.
    if !rounds::FOLDED {
        return Ok(0);
    }
    // What has no place is beyond all.
    let short = offset!(dentry_short);
    if offset!(near.entry_short) > 255 {
        return Ok(0);
    }
    // SAFETY: members of dentry.
    let (name, hash_len) = unsafe {
        (
            get!(entry, entry_name, dentry_name: Ptr)?,
            get!(entry, entry_hash_len, dentry_hash_len: u64)?,
        )
    };
    let len = hash_len >> 32;
    if name != dentry.wrapping_add(short as usize) || len as usize >= SHORT_NAME {
        return Ok(0);
    }
    // SAFETY: as above; the caller vouches for the room.
    let (name, last) = unsafe {
        let name: [u64; 4] = [
            get!(entry, entry_short, dentry_short: u64)?,
            get!(entry, entry_short, dentry_short beyond 8: u64)?,
            get!(entry, entry_short, dentry_short beyond 16: u64)?,
            get!(entry, entry_short, dentry_short beyond 24: u64)?,
        ];
        put_word::<0>(to, name[0]);
        put_word::<8>(to, name[1]);
        put_word::<16>(to, name[2]);
        put_word::<24>(to, name[3]);
        (name, word(to.add(len as usize & (SHORT_NAME - 8))))
    };
    let shift = (len & 7) * 8;
    if len >= 8 && has_nul(name[0])
        || len >= 16 && has_nul(name[1])
        || len >= 24 && has_nul(name[2])
        || has_nul(last | u64::MAX << shift)
        || (last >> shift) & 0xff != 0
    {
        return Ok(0);
    }
    Ok(len as u32 + 1)
}

/// Whether one of the bytes is 0.
#[inline(always)]
fn has_nul(word: u64) -> bool {
    const ONES: u64 = u64::MAX / 0xff;
    word.wrapping_sub(ONES) & !word & (ONES << 7) != 0
}

/// Stores a word at any address: the compiler would store it by bytes.
#[inline(always)]
unsafe fn put_word<const OFFSET: usize>(to: *mut u8, word: u64) {
    // SAFETY: the caller vouches for the memory.
    unsafe {
        asm!(
            "*(u64 *)({to} + {offset}) = {word}",
            to = in(reg) to,
            offset = const OFFSET,
            word = in(reg) word,
            options(nostack),
        );
    }
}

/// Loads a word from any address.
#[inline(always)]
unsafe fn word(from: *const u8) -> u64 {
    let word;
    // SAFETY: the caller vouches for the memory.
    unsafe {
        asm!(
            "{word} = *(u64 *)({from} + 0)",
            word = out(reg) word,
            from = in(reg) from,
            options(readonly, nostack),
        );
    }
    word
}

/// What a walk needs of a mount.
struct MountLinks {
    parent: Ptr,
    mountpoint: Ptr,
    root: Ptr,
}

#[inline(always)]
unsafe fn mount_links(mount: Ptr) -> Result<MountLinks, Loss> {
    // SAFETY: the caller vouches for the mount; the reads check the address.
    let [parent, mountpoint, root] = unsafe {
        if CASTS {
            let mount = Probe::typed(mount)?;
            let vfsmount = mount.wrapping_add(offset!(mount_vfsmount) as usize);
            [
                member!(mount, mount_parent: Ptr),
                member!(mount, mount_mountpoint: Ptr),
                member!(vfsmount, vfsmount_root: Ptr),
            ]
        } else if offset!(near.mount) != ABSENT {
            Probe::load(mount, offset!(near.mount))?
        } else {
            [
                Probe::load(mount, offset!(mount_parent))?,
                Probe::load(mount, offset!(mount_mountpoint))?,
                Probe::load(mount, offset!(mount_vfsmount) + offset!(vfsmount_root))?,
            ]
        }
    };
    // What can not be read, which a cast tells so.
    if root.is_null() {
        return Err(Loss::ReadFailed);
    }
    Ok(MountLinks {
        parent,
        mountpoint,
        root,
    })
}
