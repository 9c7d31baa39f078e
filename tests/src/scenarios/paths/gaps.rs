//! What need not be seen: which kernel and backend may leave out which way, if the header says so.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};

use crate::cli::Backend;
use crate::harness::Context;
use crate::machine;
use crate::work::PathDone;

/// The kernel and the backend that run, and what the header says that it does not see.
pub struct Here {
    backend: Backend,
    kernel: (u32, u32),
    unseen: BTreeSet<String>,
}

/// The first kernel on which io_uring tells enough of each operation.
const URING: (u32, u32) = (6, 1);
/// The first on which faults are counted: 5.10 has no function for it, and none between is tested.
const MAPPED: (u32, u32) = (6, 1);

impl Here {
    pub fn new(context: &Context, unseen: BTreeSet<String>) -> Result<Self> {
        let kernel = machine::kernel();
        Ok(Self {
            backend: context.backend(),
            kernel: version(&kernel).with_context(|| format!("kernel {kernel:?}"))?,
            unseen,
        })
    }

    /// Of a test.
    #[cfg(test)]
    pub fn of(backend: Backend, kernel: (u32, u32), unseen: &[&str]) -> Self {
        Self {
            backend,
            kernel,
            unseen: unseen.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    /// Whether a way is a gap: the header names it, and it may. That it must not is an error.
    pub fn is_gap(&self, way: &str) -> Result<bool> {
        let Some(name) = name(way) else {
            return Ok(false);
        };
        if !self.unseen.contains(name) {
            return Ok(false);
        }
        ensure!(
            self.may_be_gap(name),
            "the header names {name:?}, which has to be seen here"
        );
        Ok(true)
    }

    /// Who is told to have done something.
    pub fn thread(&self, done: &PathDone) -> Option<u32> {
        match self.backend {
            // It sees nothing of AIO before its results are fetched.
            Backend::Syscall => done.reaper.or(done.tid),
            Backend::Fentry | Backend::Kprobe => done.tid,
        }
    }

    /// Whether ends of requests that come in interrupts may be missed without a word.
    pub fn misses_interrupts(&self) -> bool {
        self.backend == Backend::Kprobe
    }

    fn may_be_gap(&self, name: &str) -> bool {
        match name {
            "io_uring" | "io_uring_opens" => self.kernel < URING,
            "aio_user_reaped" => self.backend == Backend::Syscall,
            "reflink" | "kernel_reads" | "exec_loader" => self.backend != Backend::Fentry,
            "mapped" => self.backend != Backend::Fentry || self.kernel < MAPPED,
            "layers" => self.backend != Backend::Fentry,
            _ => false,
        }
    }
}

/// The header's name of what a way belongs to; plain calls have none.
fn name(way: &str) -> Option<&'static str> {
    Some(match way {
        "vectors" => "vectors",
        "aio" | "aio_direct" | "aio_other_reaper" => "aio",
        "aio_user_reaped" => "aio_user_reaped",
        "sendfile" => "sendfile",
        "splice" => "splice",
        "copy_file_range" => "copy_file_range",
        "reflink" => "reflink",
        "kernel_reads" => "kernel_reads",
        "layers" => "layers",
        "open_handle" | "open_handle_failed" => "handles",
        "open_io_uring" | "open_io_uring_failed" => "io_uring_opens",
        "open_exec" => "exec",
        "open_exec_script" | "open_exec_loader" | "open_exec_failed" => "exec_loader",
        _ if way.starts_with("uring") => "io_uring",
        _ if way.starts_with("mapped") => "mapped",
        _ => return None,
    })
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut number = || numbers.next()?.parse().ok();
    Some((number()?, number()?))
}

#[cfg(test)]
mod tests {
    use super::{Backend, Here, version};

    #[test]
    fn only_what_is_named_and_may_be_is_a_gap() {
        let old = Here::of(Backend::Fentry, (5, 10), &["io_uring", "vectors", "mapped"]);
        let gap = |here: &Here, way| here.is_gap(way).ok();
        assert_eq!(gap(&old, "uring_sqpoll"), Some(true));
        assert_eq!(gap(&old, "vectors"), None);
        assert_eq!(gap(&old, "plain"), Some(false));
        assert_eq!(gap(&old, "mapped_reads"), Some(true));
        assert_eq!(gap(&old, "mapped_writes"), Some(true));
        let new = Here::of(Backend::Syscall, (6, 1), &["io_uring", "reflink"]);
        assert_eq!(gap(&new, "uring"), None);
        assert_eq!(gap(&new, "reflink"), Some(true));
        assert_eq!(gap(&new, "kernel_reads"), Some(false));
    }

    #[test]
    fn a_release_begins_with_its_version() {
        assert_eq!(version("6.12.95+deb12-cloud-amd64"), Some((6, 12)));
        assert_eq!(version("7.2-rc1"), Some((7, 2)));
        assert_eq!(version("unknown"), None);
    }
}
