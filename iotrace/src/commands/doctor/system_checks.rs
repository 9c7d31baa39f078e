//! Checks of what can be read: kernel, privileges, container.

use std::path::Path;

use caps::Capability;

use super::check::{Check, State};
use crate::{
    advice,
    error::Unavailable,
    kernel::{Findings, Lockdown, System, Trial, Types},
};

/// The kernel as a whole.
pub fn kernel(findings: &Findings) -> Vec<Check> {
    const GROUP: &str = "kernel";
    let system = &findings.system;
    vec![
        release(GROUP, findings),
        Check::new(GROUP, "architecture", State::Ok)
            .found(findings.architecture)
            .means("iotrace is tested on it"),
        lockdown(GROUP, findings),
        tracefs(GROUP, system),
    ]
}

fn release(group: &'static str, findings: &Findings) -> Check {
    let check = |state| Check::new(group, "release", state);
    let system = &findings.system;
    let Some(release) = &system.release else {
        return check(State::Unknown).means("/proc/sys/kernel/osrelease could not be read");
    };
    let ring_works = ring_buffer(findings).is_some_and(Result::is_ok);
    if system.is_before(advice::RING_BUFFER) && !ring_works {
        return check(State::Missing)
            .found(release)
            .means("too old: tracing needs the ring buffer, which came with 5.8")
            .advice([advice::too_old()]);
    }
    if system.is_before(advice::OLDEST_TESTED) {
        return check(State::Reduced)
            .found(release)
            .means("older than 5.10, the oldest that iotrace is tested on");
    }
    check(State::Ok).found(release).means("5.10 or newer")
}

fn ring_buffer(findings: &Findings) -> Option<&Trial> {
    let mut maps = findings.trials.maps.iter();
    maps.find(|(name, _)| *name == "ring buffer")
        .map(|(_, trial)| trial)
}

fn lockdown(group: &'static str, findings: &Findings) -> Check {
    let check = |state| Check::new(group, "lockdown", state);
    let mut attempts = findings.attempts.iter();
    let disturbs = if attempts.any(|attempt| attempt.top.is_ok() || attempt.opens.is_ok()) {
        State::Reduced
    } else {
        State::Missing
    };
    match findings.system.lockdown {
        None => check(State::Unknown)
            .means("/sys/kernel/security/lockdown can not be read: securityfs is not mounted")
            .advice([advice::securityfs()]),
        Some(Lockdown::Absent) => check(State::Ok).means("this kernel has none"),
        Some(Lockdown::None) => check(State::Ok).found("none").means("nothing is locked"),
        Some(Lockdown::Integrity) => check(State::Ok)
            .found("integrity")
            .means("nobody may change the running kernel; reading it, as iotrace does, is allowed"),
        Some(Lockdown::Confidentiality) => check(disturbs)
            .found("confidentiality")
            .means("the kernel refuses kprobes, and programs that read its memory by helpers")
            .advice([advice::confidentiality()]),
    }
}

fn tracefs(group: &'static str, system: &System) -> Check {
    let check = |state| Check::new(group, "tracefs", state);
    const MEANS: &str = "no backend needs it";
    match &system.tracefs {
        None => check(State::Unknown).means(format!("/proc is not readable; {MEANS}")),
        Some(None) => check(State::Info).found("not mounted").means(MEANS),
        Some(Some(path)) => check(State::Info)
            .found(path.display().to_string())
            .means(MEANS),
    }
}

/// The kernel's type information.
pub fn types(findings: &Findings) -> Vec<Check> {
    const GROUP: &str = "types";
    let path = findings.btf_path.display().to_string();
    let readable = Check::new(GROUP, "file", State::Ok).found(path.clone());
    match &findings.types {
        Ok(types) => vec![readable.means("readable"), content(types)],
        Err(error @ Unavailable::NoBtf { reason, .. }) => vec![
            Check::new(GROUP, "file", State::Missing)
                .found(format!("{path}: {reason}"))
                .means(error.means().unwrap_or_default())
                .advice(error.advice()),
        ],
        Err(error) => vec![
            readable.means("readable"),
            Check::new(GROUP, "content", State::Missing)
                .found(error.found())
                .means(advice::WITHOUT_TYPES)
                .advice(error.advice()),
        ],
    }
}

fn content(types: &Types) -> Check {
    let check = |state| Check::new("types", "content", state);
    let size = crate::output::units::bytes(types.bytes);
    let found = format!("{} types in {size}", types.count);
    if types.foreign {
        return check(State::Reduced)
            .found(found)
            .means("not those of the running kernel: what is told may be wrong")
            .advice([advice::types(Path::new(""))]);
    }
    check(State::Ok)
        .found(found)
        .means("tells where this kernel keeps its fields")
}

/// A capability: what it gives, and whether iotrace needs it.
const CAPABILITIES: [(Capability, &str, &str); 6] = [
    (
        Capability::CAP_BPF,
        "CAP_BPF",
        "to load programs and make maps; needed",
    ),
    (
        Capability::CAP_PERFMON,
        "CAP_PERFMON",
        "to attach programs that read kernel memory; needed",
    ),
    (
        Capability::CAP_SYS_ADMIN,
        "CAP_SYS_ADMIN",
        "contains the two above; not needed beside them",
    ),
    (
        Capability::CAP_SYS_PTRACE,
        "CAP_SYS_PTRACE",
        "to look into processes of others; not needed: the kernel programs see them all",
    ),
    (
        Capability::CAP_DAC_READ_SEARCH,
        "CAP_DAC_READ_SEARCH",
        "to read the files of others; not needed: no traced file is opened",
    ),
    (
        Capability::CAP_SYS_RESOURCE,
        "CAP_SYS_RESOURCE",
        "to raise the limit of locked memory; not needed: only kernels before 5.11 count maps as such",
    ),
];

/// Capabilities, one by one.
pub fn privileges(system: &System) -> Vec<Check> {
    let lines = CAPABILITIES.into_iter();
    lines
        .map(|(capability, name, gives)| privilege(system, capability, name, gives))
        .collect()
}

fn privilege(
    system: &System,
    capability: Capability,
    name: &'static str,
    gives: &'static str,
) -> Check {
    let check = |state| Check::new("privileges", name, state);
    let is_needed = matches!(capability, Capability::CAP_BPF | Capability::CAP_PERFMON);
    let resource = capability == Capability::CAP_SYS_RESOURCE;
    let means = if resource && system.is_before(advice::NO_MEMLOCK) {
        "to raise the limit of locked memory, as which this kernel counts maps"
    } else {
        gives
    };
    match system.has(capability) {
        None => check(State::Unknown).means(means),
        Some(true) if system.user_namespace == Some(true) => check(State::Reduced)
            .found("only inside this user namespace")
            .means(means),
        Some(true) => check(State::Ok).found("there").means(means),
        Some(false) if resource && advice::lacks_memlock(system) => check(State::Reduced)
            .found("not there")
            .means(means)
            .advice([advice::memlock()]),
        Some(false) if !is_needed => check(State::Info).found("not there").means(means),
        Some(false) => match system.check_privileges() {
            Ok(()) => check(State::Ok)
                .found("not there")
                .means(format!("{means}; CAP_SYS_ADMIN stands in for it")),
            Err(error) => check(State::Missing)
                .found("not there")
                .means(means)
                .advice(error.advice()),
        },
    }
}

/// What may be between this process and the kernel.
pub fn container(system: &System) -> Vec<Check> {
    const GROUP: &str = "container";
    let check = |name, state| Check::new(GROUP, name, state);
    let pids = match system.pid_namespace {
        None => check("process ids", State::Unknown).means("/proc is not readable"),
        Some(true) => check("process ids", State::Reduced)
            .found("in a PID namespace")
            .means(
                "the ids that iotrace shows are those of the host; --pid and --tid can not be used",
            )
            .advice([advice::pid_namespace()]),
        Some(false) => check("process ids", State::Ok)
            .found("those of the host")
            .means("not in a PID namespace"),
    };
    let users = match system.user_namespace {
        None => check("rights", State::Unknown).means("/proc is not readable"),
        Some(true) => check("rights", State::Missing)
            .found("in a user namespace")
            .means("the capabilities above count inside it, not for the kernel as a whole")
            .advice([advice::user_namespace()]),
        Some(false) => check("rights", State::Ok)
            .found("those of the host")
            .means("not in a user namespace"),
    };
    let calls = match system.seccomp {
        None => check("system calls", State::Unknown).means("/proc is not readable"),
        Some(true) => check("system calls", State::Info)
            .found("filtered by seccomp")
            .means("whether bpf and perf_event_open are let through is seen below"),
        Some(false) => check("system calls", State::Ok).means("not filtered by seccomp"),
    };
    vec![pids, users, calls]
}
