//! What can be read about this system and this process, without trying anything.

use std::{
    fs,
    path::{Path, PathBuf},
};

use caps::Capability;

use super::Backend;
use crate::{advice, error::Unavailable};

/// Level of the kernel's lockdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lockdown {
    /// This kernel has none.
    Absent,
    /// Switched off.
    None,
    /// Nobody may change the running kernel.
    Integrity,
    /// Nor read its memory.
    Confidentiality,
}

/// A system, seen from this process. What is not known is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct System {
    /// Release of the kernel.
    pub release: Option<String>,
    /// Its level of lockdown.
    pub lockdown: Option<Lockdown>,
    /// Where tracefs is mounted; `Some(None)` when it is not.
    pub tracefs: Option<Option<PathBuf>>,
    /// Whether the kernel can make kprobes for programs.
    pub kprobes: Option<bool>,
    /// Whether this process runs as root.
    pub root: bool,
    /// Capabilities in effect, one bit each.
    pub capabilities: Option<u64>,
    /// Capabilities that this process and its children can ever have.
    pub bounding: Option<u64>,
    /// Whether locked memory is not limited.
    pub unlimited_memlock: Option<bool>,
    /// Whether programs on functions are run (`kernel.ftrace_enabled`), if known.
    pub ftrace: Option<bool>,
    /// Whether kprobes are armed, if known (debugfs).
    pub kprobes_armed: Option<bool>,
    /// How much of perf_event_open(2), which makes kprobes, is for the privileged.
    pub perf_event_paranoid: Option<i32>,
    /// Whether process ids are those of a PID namespace.
    pub pid_namespace: Option<bool>,
    /// Whether capabilities are those of a user namespace.
    pub user_namespace: Option<bool>,
    /// Whether system calls go through a seccomp filter.
    pub seccomp: Option<bool>,
}

/// `PROC_PID_INIT_INO` and `PROC_USER_INIT_INO` (include/linux/proc_ns.h).
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";
const FIRST_USER_NAMESPACE: &str = "user:[4026531837]";

/// Where the kernel lists its sources of events; kprobes are there since 4.17.
const SOURCES: &str = "sys/bus/event_source/devices";

impl System {
    /// The system that this process runs on.
    pub fn here() -> Self {
        Self::below(Path::new("/"))
    }

    /// The system whose `/proc` and `/sys` are below `root`.
    pub fn below(root: &Path) -> Self {
        let read = |path: &str| fs::read_to_string(root.join(path)).ok();
        let status = read("proc/self/status");
        let value = |key| status.as_deref().and_then(|status| line(status, key));
        let bits = |key| u64::from_str_radix(value(key)?, 16).ok();
        let inside = |path: &str, first: &str| {
            let namespace = fs::read_link(root.join(path)).ok()?;
            Some(namespace != Path::new(first))
        };
        let release = read("proc/sys/kernel/osrelease");
        Self {
            release: release.map(|release| release.trim_end().to_owned()),
            lockdown: lockdown(&root.join("sys/kernel/security")),
            tracefs: read("proc/self/mounts").map(|mounts| mounted(&mounts, "tracefs")),
            kprobes: devices(&root.join(SOURCES)),
            // Real, effective, saved, and that of file systems.
            root: value("Uid:").is_some_and(|ids| ids.split_whitespace().nth(1) == Some("0")),
            capabilities: bits("CapEff:"),
            bounding: bits("CapBnd:"),
            unlimited_memlock: read("proc/self/limits").and_then(|limits| {
                let soft = line(&limits, "Max locked memory")?;
                Some(soft.starts_with("unlimited"))
            }),
            ftrace: read("proc/sys/kernel/ftrace_enabled").map(|on| on.trim() != "0"),
            kprobes_armed: read("sys/kernel/debug/kprobes/enabled").map(|on| on.trim() != "0"),
            perf_event_paranoid: read("proc/sys/kernel/perf_event_paranoid")
                .and_then(|level| level.trim().parse().ok()),
            pid_namespace: inside("proc/self/ns/pid", FIRST_PID_NAMESPACE),
            user_namespace: inside("proc/self/ns/user", FIRST_USER_NAMESPACE),
            seccomp: value("Seccomp:").map(|mode| mode == "2"),
        }
    }

    /// Fails where the kernel can not attach the programs of a backend, or would attach
    /// them and never run them: a zero that means nothing.
    pub fn runs_programs_of(&self, backend: Backend) -> Result<(), String> {
        // Where kprobes are not built on ftrace, they do not depend on it.
        let on_ftrace = match backend {
            Backend::Fentry => true,
            Backend::Kprobe => cfg!(target_arch = "x86_64"),
            Backend::Syscall => false,
        };
        if on_ftrace && self.ftrace == Some(false) {
            return Err(
                "kernel.ftrace_enabled is 0: the kernel runs no programs on its functions \
                        (sysctl kernel.ftrace_enabled=1 changes it)"
                    .to_owned(),
            );
        }
        if backend == Backend::Kprobe && self.kprobes != Some(true) {
            return Err(format!(
                "this kernel is built without kprobes, or /sys is not mounted (/{SOURCES}/kprobe is \
                 missing)"
            ));
        }
        if backend == Backend::Kprobe && self.kprobes_armed == Some(false) {
            return Err("kprobes are switched off in /sys/kernel/debug/kprobes/enabled".to_owned());
        }
        Ok(())
    }

    /// Whether a capability is in effect.
    pub fn has(&self, capability: Capability) -> Option<bool> {
        Some(self.capabilities? & capability.bitmask() != 0)
    }

    /// Fails when the process may not load tracing programs, naming what it lacks.
    ///
    /// `CAP_SYS_ADMIN` contains the other two. Where nothing is known nobody is
    /// stopped: loading will tell.
    pub fn check_privileges(&self) -> Result<(), Unavailable> {
        let lacks = |capability: &Capability| self.has(*capability) == Some(false);
        let mut missing = vec![Capability::CAP_BPF, Capability::CAP_PERFMON];
        missing.retain(lacks);
        if missing.is_empty() || !lacks(&Capability::CAP_SYS_ADMIN) {
            return Ok(());
        }
        let advice = advice::privileges(self);
        Err(Unavailable::Privileges { missing, advice })
    }

    /// Major and minor version of the kernel.
    pub fn version(&self) -> Option<(u32, u32)> {
        let mut numbers = self
            .release
            .as_deref()?
            .split(|c: char| !c.is_ascii_digit());
        let mut number = || numbers.next()?.parse().ok();
        Some((number()?, number()?))
    }

    /// Whether the kernel is older than that; not when its version is not known.
    pub fn is_before(&self, version: (u32, u32)) -> bool {
        self.version().is_some_and(|this| this < version)
    }
}

/// What follows `key` on its line.
fn line<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.strip_prefix(key))
        .map(str::trim)
}

/// Where the first file system of a type is mounted.
fn mounted(mounts: &str, kind: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|mount| {
        let mut words = mount.split(' ').skip(1);
        let at = words.next()?;
        (words.next() == Some(kind)).then(|| at.into())
    })
}

/// The level, which the kernel puts into brackets: `none [integrity] confidentiality`.
fn lockdown(security: &Path) -> Option<Lockdown> {
    let Ok(levels) = fs::read_to_string(security.join("lockdown")) else {
        // securityfs always has this file; without it, it is not mounted.
        return security.join("lsm").exists().then_some(Lockdown::Absent);
    };
    let (_, level) = levels.split_once('[')?;
    match level.split_once(']')?.0 {
        "none" => Some(Lockdown::None),
        "integrity" => Some(Lockdown::Integrity),
        "confidentiality" => Some(Lockdown::Confidentiality),
        _ => None,
    }
}

/// Whether there is a source of events for kprobes.
fn devices(sources: &Path) -> Option<bool> {
    sources
        .exists()
        .then(|| sources.join("kprobe/type").exists())
}

#[cfg(test)]
#[path = "system_tests.rs"]
mod tests;
