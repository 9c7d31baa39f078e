//! Backend `fentry`: changes of names. The kernel asks the security modules for permission with a
//! path, which has the mount, and only for what a user asked for; then it calls a function of the
//! VFS, which tells whether it succeeded, without a mount. Both are traced, and matched.

use aya_ebpf::{
    EbpfContext,
    macros::{fentry, fexit},
    programs::{FEntryContext, FExitContext},
};
use iotrace_common::{Change, Hook, Loss, NameCall};

use super::end;
use crate::{
    change::{self, Begun, Facts, Where},
    file::{self, Place},
    filter,
    kernel::{Probe, Ptr, Read, Task, offset, offset_of_call},
};

/// `int security_path_unlink(const struct path *dir, struct dentry *dentry)`
#[fentry(function = "security_path_unlink")]
pub fn unlink_begin(ctx: FEntryContext) -> u32 {
    removes(&ctx)
}

/// `int security_path_rmdir(const struct path *dir, struct dentry *dentry)`
#[fentry(function = "security_path_rmdir")]
pub fn rmdir_begin(ctx: FEntryContext) -> u32 {
    removes(&ctx)
}

/// `int security_path_mknod(const struct path *dir, struct dentry *dentry, umode_t mode, unsigned
/// int dev)`: opens that may make a file are asked for too.
#[fentry(function = "security_path_mknod")]
pub fn mknod_begin(ctx: FEntryContext) -> u32 {
    makes(&ctx, 0, 1)
}

/// `int security_path_mkdir(const struct path *dir, struct dentry *dentry, umode_t mode)`
#[fentry(function = "security_path_mkdir")]
pub fn mkdir_begin(ctx: FEntryContext) -> u32 {
    makes(&ctx, 0, 1)
}

/// `int security_path_symlink(const struct path *dir, struct dentry *dentry, const char *old_name)`
#[fentry(function = "security_path_symlink")]
pub fn symlink_begin(ctx: FEntryContext) -> u32 {
    makes(&ctx, 0, 1)
}

/// `int security_path_link(struct dentry *old_dentry, const struct path *new_dir, struct dentry
/// *new_dentry)`
#[fentry(function = "security_path_link")]
pub fn link_begin(ctx: FEntryContext) -> u32 {
    makes(&ctx, 1, 2)
}

/// `int security_path_rename(const struct path *old_dir, struct dentry *old_dentry, const struct
/// path *new_dir, struct dentry *new_dentry, unsigned int flags)`
#[fentry(function = "security_path_rename")]
pub fn rename_begin(ctx: FEntryContext) -> u32 {
    end(&ctx, Hook::RenameBegin, rename_begins(&ctx))
}

#[inline(always)]
fn rename_begins(ctx: &FEntryContext) -> Result<(), Loss> {
    let Some(task) = filter::caller() else {
        return Ok(());
    };
    let dentry = argument(ctx, 1) as Ptr;
    let begun_ns = change::begin(&task, mount(ctx, 2)?, dentry, Some(argument(ctx, 3) as Ptr))?;
    let facts = Facts::of(Change::From, begun_ns, file_of(dentry)?);
    if !filter::admits_type(facts.file.mode) {
        return Ok(());
    }
    // Afterwards it has the new name.
    let from = Place {
        mnt: mount(ctx, 0)?,
        dentry,
    };
    change::tell(Hook::RenameBegin, &task, &facts, Where::At(from))
}

/// A change that takes a name away: of the second argument, in the directory that is the first.
#[inline(always)]
fn removes(ctx: &FEntryContext) -> u32 {
    let Some(task) = filter::caller() else {
        return 0;
    };
    let dentry = argument(ctx, 1) as Ptr;
    let begun = mount(ctx, 0).and_then(|mnt| change::begin(&task, mnt, dentry, Some(dentry)));
    end(ctx, Hook::ChangeBegin, begun.map(drop))
}

/// A change that adds an entry in a directory.
#[inline(always)]
fn makes(ctx: &FEntryContext, directory: u32, dentry: u32) -> u32 {
    let Some(task) = filter::caller() else {
        return 0;
    };
    let dentry = argument(ctx, dentry) as Ptr;
    let begun = mount(ctx, directory).and_then(|mnt| change::begin(&task, mnt, dentry, None));
    end(ctx, Hook::ChangeBegin, begun.map(drop))
}

/// An argument as a number: the verifier lets nobody compute with the pointer itself.
#[inline(always)]
fn argument(ctx: &impl EbpfContext, index: u32) -> u64 {
    argument_at(ctx, index * 8)
}

#[inline(always)]
fn argument_at(ctx: &impl EbpfContext, offset: u32) -> u64 {
    // SAFETY: arguments are words, one behind the other; the result follows.
    unsafe { Probe::load(ctx.as_ptr().cast(), offset) }.unwrap_or(0)
}

/// Mount of the path that is an argument.
#[inline(always)]
fn mount(ctx: &impl EbpfContext, path: u32) -> Result<Ptr, Loss> {
    // SAFETY: a member of path.
    unsafe { Probe::load(argument(ctx, path) as Ptr, offset!(path_mnt)) }
}

/// The file behind an entry.
#[inline(always)]
fn file_of(dentry: Ptr) -> Result<file::Inode, Loss> {
    // SAFETY: a member of dentry.
    unsafe { file::inode_at::<Probe>(Probe::load(dentry, offset!(dentry_inode))?) }
}

/// `int vfs_unlink(..., struct inode *dir, struct dentry *dentry, ...)`
#[fexit(function = "vfs_unlink")]
pub fn vfs_unlink_exit(ctx: FExitContext) -> u32 {
    removed(&ctx, Hook::Unlink, NameCall::Unlink, Change::Unlink)
}

/// `int vfs_rmdir(..., struct inode *dir, struct dentry *dentry, ...)`
#[fexit(function = "vfs_rmdir")]
pub fn vfs_rmdir_exit(ctx: FExitContext) -> u32 {
    removed(&ctx, Hook::Rmdir, NameCall::Rmdir, Change::Rmdir)
}

/// `int vfs_link(struct dentry *old_dentry, ..., struct inode *dir, struct dentry *new_dentry, ...)`
#[fexit(function = "vfs_link")]
pub fn vfs_link_exit(ctx: FExitContext) -> u32 {
    made(&ctx, Hook::Link, NameCall::Link, Change::Link)
}

/// `int vfs_create(..., struct dentry *dentry, umode_t mode, ...)`: `mknod` of a regular file.
#[fexit(function = "vfs_create")]
pub fn vfs_create_exit(ctx: FExitContext) -> u32 {
    made(&ctx, Hook::Create, NameCall::Create, Change::Create)
}

/// `int vfs_mknod(..., struct inode *dir, struct dentry *dentry, umode_t mode, dev_t dev, ...)`
#[fexit(function = "vfs_mknod")]
pub fn vfs_mknod_exit(ctx: FExitContext) -> u32 {
    made(&ctx, Hook::Mknod, NameCall::Mknod, Change::Create)
}

/// `int vfs_mkdir(..., struct inode *dir, struct dentry *dentry, umode_t mode)`; since 6.15 it
/// returns the entry
#[fexit(function = "vfs_mkdir")]
pub fn vfs_mkdir_exit(ctx: FExitContext) -> u32 {
    made(&ctx, Hook::Mkdir, NameCall::Mkdir, Change::Create)
}

/// `int vfs_symlink(..., struct inode *dir, struct dentry *dentry, const char *oldname, ...)`
#[fexit(function = "vfs_symlink")]
pub fn vfs_symlink_exit(ctx: FExitContext) -> u32 {
    made(&ctx, Hook::Symlink, NameCall::Symlink, Change::Create)
}

#[inline(always)]
fn removed(ctx: &FExitContext, hook: Hook, call: NameCall, what: Change) -> u32 {
    let Some((task, begun)) = done(ctx, call) else {
        return 0;
    };
    let file = begun.victim();
    if !filter::admits_type(file.mode) {
        return 0;
    }
    let facts = Facts {
        // `vfs_rmdir` may have let go of the inode (`d_delete`), which had this name alone.
        links: if matches!(what, Change::Rmdir) {
            0
        } else {
            begun.links()
        },
        flags: begun.held(false),
        ..Facts::of(what, begun.begun_ns, file)
    };
    let told = change::tell(hook, &task, &facts, Where::At(begun.place()));
    end(ctx, hook, told)
}

#[inline(always)]
fn made(ctx: &FExitContext, hook: Hook, call: NameCall, what: Change) -> u32 {
    let Some((task, begun)) = done(ctx, call) else {
        return 0;
    };
    let mut place = begun.place();
    // The file system may have put another entry in the place of the one that it was given.
    let result = argument_at(ctx, offset_of_call!(call_result, call));
    if is_pointer(result) {
        place.dentry = result as Ptr;
    }
    end(ctx, hook, tell_made(hook, &task, what, &begun, place))
}

/// (Not a closure, which would have a stack of its own.)
#[inline(always)]
fn tell_made(
    hook: Hook,
    task: &Task,
    what: Change,
    begun: &Begun,
    place: Place,
) -> Result<(), Loss> {
    let file = file_of(place.dentry)?;
    if !filter::admits_type(file.mode) {
        return Ok(());
    }
    let facts = Facts::of(what, begun.begun_ns, file);
    change::tell(hook, task, &facts, Where::At(place))
}

/// What a call that succeeded was about, if a user asked for it.
#[inline(always)]
fn done(ctx: &FExitContext, call: NameCall) -> Option<(Task, Begun)> {
    if failed(argument_at(ctx, offset_of_call!(call_result, call))) {
        return None;
    }
    let task = filter::caller()?;
    let dentry = argument_at(ctx, offset_of_call!(call_dentry, call));
    Some((task, change::begun(&task, dentry)?))
}

/// Whether this is an error: an `int`, of which the upper half means nothing, or a pointer.
#[inline(always)]
fn failed(result: u64) -> bool {
    const MAX_ERRNO: u32 = 4095;
    !is_pointer(result) && (result as u32).wrapping_neg().wrapping_sub(1) < MAX_ERRNO
}

/// Whether it is an address; neither a small number nor a negative one is.
#[inline(always)]
fn is_pointer(result: u64) -> bool {
    result >> 32 != 0 && result >> 32 != 0xffff_ffff
}

/// `int vfs_rename(struct renamedata *rd)`
#[fexit(function = "vfs_rename")]
pub fn vfs_rename_exit(ctx: FExitContext) -> u32 {
    end(&ctx, Hook::Rename, renamed(&ctx))
}

#[inline(always)]
fn renamed(ctx: &FExitContext) -> Result<(), Loss> {
    if failed(argument(ctx, 1)) {
        return Ok(());
    }
    let Some(task) = filter::caller() else {
        return Ok(());
    };
    let rename = argument(ctx, 0) as Ptr;
    // SAFETY: members of renamedata.
    let (dentry, flags) = unsafe {
        (
            Probe::load::<u64>(rename, offset!(rename_dentry))?,
            Probe::load::<u32>(rename, offset!(rename_flags))?,
        )
    };
    let Some(begun) = change::begun(&task, dentry) else {
        return Ok(());
    };
    let file = file_of(dentry as Ptr)?;
    if !filter::admits_type(file.mode) {
        return Ok(());
    }
    let facts = Facts {
        links: begun.links(),
        other: begun.file,
        value: flags.into(),
        flags: begun.held(true),
        ..Facts::of(Change::Rename, begun.begun_ns, file)
    };
    change::tell(Hook::Rename, &task, &facts, Where::At(begun.place()))
}

/// The size is set by an open (`O_TRUNC`), which tells it itself (include/linux/fs.h).
const ATTR_OPEN: u32 = 1 << 15;

/// `int do_truncate(..., struct dentry *dentry, loff_t length, unsigned int time_attrs, struct file
/// *filp)`: `ftruncate`.
#[fexit(function = "do_truncate")]
pub fn do_truncate_exit(ctx: FExitContext) -> u32 {
    end(&ctx, Hook::Truncate, truncated(&ctx))
}

#[inline(always)]
fn truncated(ctx: &FExitContext) -> Result<(), Loss> {
    let result = offset!(call_result[NameCall::Truncate as usize]);
    let file = argument_at(ctx, result.wrapping_sub(8)) as Ptr;
    let attributes = argument_at(ctx, result.wrapping_sub(16)) as u32;
    if failed(argument_at(ctx, result)) || file.is_null() || attributes & ATTR_OPEN != 0 {
        return Ok(());
    }
    // SAFETY: the last argument is a file.
    if unsafe { file::is_lower::<Probe>(file) }? {
        return Ok(());
    }
    let length = argument_at(ctx, result.wrapping_sub(24));
    // SAFETY: likewise.
    let (inode, place) = unsafe { (file::inode::<Probe>(file)?, file::place(file)?) };
    cut(Hook::Truncate, inode, length, place)
}

/// `long vfs_truncate(const struct path *path, loff_t length)`
#[fexit(function = "vfs_truncate")]
pub fn vfs_truncate_exit(ctx: FExitContext) -> u32 {
    end(&ctx, Hook::PathTruncate, truncated_by_path(&ctx))
}

#[inline(always)]
fn truncated_by_path(ctx: &FExitContext) -> Result<(), Loss> {
    if failed(argument(ctx, 2)) {
        return Ok(());
    }
    let path = argument(ctx, 0) as Ptr;
    // SAFETY: members of path.
    let place = unsafe {
        Place {
            mnt: Probe::load(path, offset!(path_mnt))?,
            dentry: Probe::load(path, offset!(path_dentry))?,
        }
    };
    cut(
        Hook::PathTruncate,
        file_of(place.dentry)?,
        argument(ctx, 1),
        place,
    )
}

#[inline(always)]
fn cut(hook: Hook, file: file::Inode, length: u64, place: Place) -> Result<(), Loss> {
    let Some(task) = filter::caller() else {
        return Ok(());
    };
    if !filter::admits_type(file.mode) {
        return Ok(());
    }
    let facts = Facts {
        value: length,
        ..Facts::of(Change::Truncate, change::now(), file)
    };
    change::tell(hook, &task, &facts, Where::At(place))
}
