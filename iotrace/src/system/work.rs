//! Work of the system of which not a process but its state tells.

mod locks;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use super::text;
use crate::event::{Work, WorkKind};

/// What goes on now, below `proc` and `sys`, normally `/proc` and `/sys`:
///
/// - arrays of md that are not idle (Documentation/admin-guide/md.rst), in the kernel's own words:
///   `resync`, `recover`, `check`, `repair`, `reshape`; or `delayed` when one of these waits for
///   another array on the same disks, and does nothing;
/// - exclusive operations of btrfs (since 5.10), likewise: `balance`, `balance paused`,
///   `device add`, `device remove`, `device replace`, `resize`, `swap activate`. A scrub is none
///   of them: the process that asked for it tells;
/// - those of `lock_files` on which a lock is held. That such a file exists proves nothing.
///
/// Nothing of ZFS: no kstat tells of its scans (`state` is that of the pool's health), so they
/// are known by what they do and by their threads.
pub fn works(proc: &Path, sys: &Path, lock_files: &[PathBuf]) -> Vec<Work> {
    let mut works = arrays(sys);
    works.extend(file_systems(sys));
    works.extend(locks::held(proc, lock_files));
    works
}

fn arrays(sys: &Path) -> Vec<Work> {
    let dir = sys.join("block");
    // All of them are called so (drivers/md/md.c, `md_alloc`); there may be hundreds of others.
    let names = text::names(&dir).into_iter();
    let arrays = names
        .filter(|name| name.starts_with("md"))
        .filter_map(|name| {
            let md = dir.join(&name).join("md");
            let action = text::line(md.join("sync_action"))?;
            if ["idle", "frozen"].contains(&action.as_str()) {
                return None;
            }
            // drivers/md/md.c, `sync_completed_show`: `none` before it starts, or `delayed`, or sectors
            // `123 / 456`.
            let progress = text::line(md.join("sync_completed")).unwrap_or_default();
            let done = share(&progress);
            Some(Work {
                kind: WorkKind::Md,
                name: name.replace('!', "/"),
                state: if progress == "delayed" {
                    progress
                } else {
                    action
                },
                done,
                pid: None,
            })
        });
    arrays.collect()
}

fn share(progress: &str) -> Option<f64> {
    let (done, all) = progress.split_once('/')?;
    let done = done.trim().parse::<u64>().ok()?;
    let all = all.trim().parse::<u64>().ok()?;
    (all > 0).then(|| (done as f64 / all as f64).min(1.0))
}

fn file_systems(sys: &Path) -> Vec<Work> {
    let dir = sys.join("fs/btrfs");
    let file_systems = text::names(&dir).into_iter().filter_map(|uuid| {
        let operation = text::line(dir.join(&uuid).join("exclusive_operation"))?;
        (operation != "none").then_some(Work {
            kind: WorkKind::Btrfs,
            name: uuid,
            state: operation,
            done: None,
            pid: None,
        })
    });
    file_systems.collect()
}
