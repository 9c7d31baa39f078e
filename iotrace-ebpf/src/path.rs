//! Absolute paths, by walking dentries and mounts up to the root.

use core::ptr::{read_volatile, write_volatile};

use aya_ebpf::helpers::generated::bpf_probe_read_kernel_str;
use iotrace_common::{Loss, NAME_CAP, PATH_CAP, PATH_STEPS, path_flag};

use crate::{
    file::Place,
    kernel::{Probe, Ptr, offset, path_bound},
    rounds::{self, Rounds},
};

/// Buffer for a path.
#[repr(C)]
pub struct PathBuf {
    /// The slack lets a component start anywhere below the cap.
    pub bytes: [u8; PATH_CAP + NAME_CAP],
    /// How the walk ended, as far as is known: 0 at the root, or bits of `path_flag`.
    ended: u32,
}

/// Appends the components from `place` to the root to `out`, after the `*len`
/// bytes that are there; `len` is below [`PATH_CAP`] afterwards too. Returns bits
/// of `path_flag`.
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
    rounds::run(STEPS, &mut walk);
    // SAFETY: the caller vouches for the memory.
    unsafe { read_volatile(&raw const (*out).ended) }
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
    fn round(&mut self, _: u32) -> bool {
        // SAFETY: who made the walk vouches for the memory.
        let ended = match unsafe { self.up() } {
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

    /// Goes one step up, from a mount's root to the mount below, or appends a component.
    #[inline(always)]
    unsafe fn up(&mut self) -> Result<Option<u32>, Loss> {
        // SAFETY: members of mount, vfsmount and dentry; probe reads check addresses.
        unsafe {
            if self.dentry == self.at_mount.root {
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
            let [parent, _, name] = Probe::load_three(
                self.dentry,
                [
                    offset!(dentry_parent),
                    offset!(dentry_hash_len),
                    offset!(dentry_name),
                ],
            )?;
            let to = self.out.cast::<u8>().add(path_bound(at));
            let wrote = bpf_probe_read_kernel_str(to.cast(), NAME_CAP as u32, name.cast());
            if wrote <= 0 {
                return Err(Loss::ReadFailed);
            }
            write_volatile(self.len, at + wrote as u32);
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
        Probe::load_three(
            mount,
            [
                offset!(mount_parent),
                offset!(mount_mountpoint),
                offset!(mount_vfsmount) + offset!(vfsmount_root),
            ],
        )
    }?;
    Ok(MountLinks {
        parent,
        mountpoint,
        root,
    })
}
