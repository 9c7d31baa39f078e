//! Absolute paths, by walking dentries and mounts up to the root.

use core::ptr::{read_volatile, write_volatile};

use aya_ebpf::helpers::generated::bpf_probe_read_kernel_str;
use iotrace_common::{Loss, NAME_CAP, PATH_CAP, PATH_STEPS, path_flag};

use crate::{
    file::Place,
    kernel::{Probe, Ptr, offset, path_bound},
};

/// Buffer for a path; the slack lets a component start anywhere below the cap.
pub type PathBuf = [u8; PATH_CAP + NAME_CAP];

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
    // SAFETY: the caller vouches for the memory.
    let walked = unsafe { steps(out, len, place) };
    walked.unwrap_or(path_flag::CUT | path_flag::BROKEN)
}

/// Returns how the walk ended: 0 at the root, or a bit of `path_flag`.
///
/// The length lives in map memory on purpose: whatever way a step took, the
/// verifier knows the same of it afterwards, namely nothing. So it finds that it
/// has seen the next step before, instead of trying all ways to combine steps.
#[inline(always)]
unsafe fn steps(out: *mut PathBuf, len: *mut u32, place: Place) -> Result<u32, Loss> {
    let mut dentry = place.dentry;
    // `container_of(vfsmount, struct mount, mnt)` (fs/mount.h).
    let mut mount = place.mnt.wrapping_sub(offset!(mount_vfsmount) as usize);
    // SAFETY: members of mount, vfsmount and dentry; probe reads check addresses.
    unsafe {
        let mut at_mount = mount_links(mount)?;
        // One time more than there are steps: the root is no step.
        for _ in 0..=PATH_STEPS {
            if dentry == at_mount.root {
                if at_mount.parent == mount {
                    return Ok(0);
                }
                dentry = at_mount.mountpoint;
                mount = at_mount.parent;
                at_mount = mount_links(mount)?;
                continue;
            }
            let at = read_volatile(len);
            if at >= (PATH_CAP - NAME_CAP) as u32 {
                return Ok(path_flag::CUT);
            }
            let [parent, _, name] = Probe::load_three(
                dentry,
                [
                    offset!(dentry_parent),
                    offset!(dentry_hash_len),
                    offset!(dentry_name),
                ],
            )?;
            let to = out.cast::<u8>().add(path_bound(at));
            let wrote = bpf_probe_read_kernel_str(to.cast(), NAME_CAP as u32, name.cast());
            if wrote <= 0 {
                return Err(Loss::ReadFailed);
            }
            write_volatile(len, at + wrote as u32);
            // Its own parent but no mount's root: a file outside the tree, such
            // as a memfd, which has this name and no directory.
            if dentry == parent {
                return Ok(path_flag::OUTSIDE);
            }
            dentry = parent;
        }
    }
    Ok(path_flag::CUT)
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
