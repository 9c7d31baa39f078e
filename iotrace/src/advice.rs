//! What to do when a system does not allow tracing. The one place of these texts:
//! the errors of start-up and `doctor` say the same.

use std::path::Path;

use caps::Capability;

use crate::kernel::{Backend, ENOTSUPP, Lockdown, Reason, System, VMLINUX_BTF};

/// The kernel from which on there is a ring buffer for programs.
pub const RING_BUFFER: (u32, u32) = (5, 8);
/// The oldest kernel that is tested.
pub const OLDEST_TESTED: (u32, u32) = (5, 10);
/// From here on maps are charged to the control group, not to locked memory.
pub const NO_MEMLOCK: (u32, u32) = (5, 11);

/// What follows from missing capabilities.
pub const WITHOUT_PRIVILEGES: &str = "the kernel will not load tracing programs for this user";
/// What follows from missing type information.
pub const WITHOUT_TYPES: &str = "iotrace does not know where this kernel keeps its fields";

/// How to get the capabilities that are missing.
pub fn privileges(system: &System) -> String {
    let needed = Capability::CAP_BPF.bitmask() | Capability::CAP_PERFMON.bitmask();
    let admin = Capability::CAP_SYS_ADMIN.bitmask();
    let attainable = system
        .bounding
        .is_none_or(|bounding| bounding & needed == needed || bounding & admin != 0);
    if system.root || !attainable {
        return "Run it where root has all rights, or give both to this container or service.\n\
                For example: docker run --cap-add BPF --cap-add PERFMON ..."
            .to_owned();
    }
    let memlock = if system.is_before(NO_MEMLOCK) {
        ",cap_sys_resource"
    } else {
        ""
    };
    format!(
        "Run it as root, for example: sudo iotrace ...\n\
         Or once: sudo setcap cap_bpf,cap_perfmon{memlock}+ep $(command -v iotrace)"
    )
}

/// Where to get type information from, when it is not at `path`.
pub fn types(path: &Path) -> String {
    if path != Path::new(VMLINUX_BTF) {
        return format!("Leave --btf away: the running kernel's own is in {VMLINUX_BTF}");
    }
    "Run a kernel built with CONFIG_DEBUG_INFO_BTF=y (all large distributions since 2021).\n\
     Where /sys is not mounted: mount -t sysfs sysfs /sys"
        .to_owned()
}

/// When the type information is not that of a kernel that iotrace knows.
pub fn other_types() -> String {
    "Take the file of the running kernel, which is there without --btf. If that was it, this \
     kernel is unknown to iotrace: please report its release and this message."
        .to_owned()
}

/// When the kernel is too old.
pub fn too_old() -> String {
    "Boot a kernel from 5.10 on: tracing needs the ring buffer, which came with 5.8.".to_owned()
}

/// When the kernel keeps its memory secret.
pub fn confidentiality() -> String {
    "Boot without lockdown=confidentiality (kernel command line): the level can not be lowered \
     while the kernel runs. Level integrity does not disturb."
        .to_owned()
}

/// When the level of lockdown is not known.
pub fn securityfs() -> String {
    "To know it: mount -t securityfs securityfs /sys/kernel/security".to_owned()
}

/// Inside a user namespace.
pub fn user_namespace() -> String {
    "Run iotrace as root of the host: rights inside a user namespace (a rootless container) are \
     not enough for tracing."
        .to_owned()
}

/// Behind a seccomp filter.
pub fn seccomp() -> String {
    "The system calls of this process go through a seccomp filter, which may be what refuses: \
     allow bpf and perf_event_open (docker: --security-opt seccomp=unconfined)."
        .to_owned()
}

/// When locked memory is limited.
pub fn memlock() -> String {
    "Kernels before 5.11 count maps as locked memory: raise the limit (ulimit -l unlimited), or \
     give CAP_SYS_RESOURCE too."
        .to_owned()
}

/// Inside a PID namespace.
pub fn pid_namespace() -> String {
    "For --pid and --tid run iotrace in the PID namespace of the host (docker: --pid=host)."
        .to_owned()
}

/// When the kernel does not measure programs (`--stats`); `errno` is what it said.
pub fn stats(errno: Option<i32>) -> String {
    match errno {
        Some(libc::EPERM) => {
            "That takes CAP_SYS_ADMIN: run it as root of the host, for example: sudo iotrace ..."
        }
        Some(libc::EINVAL) => "That takes a kernel from 5.8 on.",
        _ => "`iotrace doctor` shows all that this system allows.",
    }
    .to_owned()
}

/// What disturbs every backend on this system; `errno` is what the kernel said.
pub fn of_system(system: &System, errno: Option<i32>) -> Vec<String> {
    let mut advice = Vec::new();
    if system.is_before(RING_BUFFER) {
        advice.push(too_old());
    }
    if system.lockdown == Some(Lockdown::Confidentiality) {
        advice.push(confidentiality());
    }
    let forbidden = errno == Some(libc::EPERM);
    if forbidden && system.user_namespace == Some(true) {
        advice.push(user_namespace());
    }
    if forbidden && system.seccomp == Some(true) {
        advice.push(seccomp());
    }
    if forbidden && lacks_memlock(system) {
        advice.push(memlock());
    }
    advice
}

/// Whether maps may not fit into the locked memory that this process may have.
pub fn lacks_memlock(system: &System) -> bool {
    system.is_before(NO_MEMLOCK)
        && system.has(Capability::CAP_SYS_RESOURCE) == Some(false)
        && system.unlimited_memlock == Some(false)
}

/// What would make a backend work that was refused.
pub fn backend(system: &System, backend: Backend, reason: &Reason) -> Vec<String> {
    let general = of_system(system, reason.errno);
    if !general.is_empty() {
        return general;
    }
    if reason.verifier {
        return vec![format!(
            "This is a fault of iotrace on this kernel. Please report it with what this prints: \
             iotrace top -v -C --backend {} 1 1",
            backend.name()
        )];
    }
    own(system, backend, reason.errno).into_iter().collect()
}

/// What a backend needs that others do not.
fn own(system: &System, backend: Backend, errno: Option<i32>) -> Option<String> {
    let advice = match (backend, errno) {
        (Backend::Fentry, Some(libc::EPERM | libc::EACCES)) => {
            "This kernel forbids tracing programs on its functions even with all rights: a policy \
             of who built or runs it. A distribution's own kernel allows them."
        }
        (Backend::Fentry, Some(ENOTSUPP | libc::EOPNOTSUPP | libc::EINVAL)) => {
            "Needs CONFIG_FUNCTION_TRACER=y and CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS=y; on \
             aarch64 also a kernel from 6.4 on."
        }
        (Backend::Kprobe, _) if system.kprobes == Some(false) => {
            "Needs a kernel with CONFIG_KPROBES=y and CONFIG_KPROBE_EVENTS=y."
        }
        (Backend::Kprobe, None | Some(libc::ENOENT)) if system.kprobes.is_none() => {
            "Needs /sys: mount -t sysfs sysfs /sys"
        }
        (Backend::Kprobe, Some(libc::EACCES)) if system.perf_event_paranoid > Some(2) => {
            "Needs CAP_SYS_ADMIN too, or: sysctl kernel.perf_event_paranoid=2 (above 2, which only \
             some distributions know, CAP_PERFMON is not enough for kprobes)."
        }
        (Backend::Syscall, Some(libc::ENOENT)) => "Needs a kernel with CONFIG_FTRACE_SYSCALLS=y.",
        (Backend::Syscall, Some(libc::EINVAL)) => "Needs a kernel with CONFIG_BPF_EVENTS=y.",
        _ => return None,
    };
    Some(advice.to_owned())
}

/// What to do when these backends were refused and none was left, each only once.
pub fn refused(system: &System, tried: &[(Backend, Reason)]) -> Vec<String> {
    let mut advice = Vec::new();
    for (name, reason) in tried {
        for line in backend(system, *name, reason) {
            if !advice.contains(&line) {
                advice.push(line);
            }
        }
    }
    match (advice.is_empty(), tried.len()) {
        (_, 1) => advice.push("Without --backend iotrace takes the first that works.".to_owned()),
        (true, _) => advice.push("Take a distribution's kernel from 5.10 on.".to_owned()),
        (false, _) => {}
    }
    advice
}
