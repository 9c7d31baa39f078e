//! What the scenarios must know about the machine that they run on.

use std::fs;
use std::sync::OnceLock;

use nix::sys::utsname::uname;

/// The release of the running kernel, as iotrace's header must name it.
pub fn kernel() -> String {
    uname().map_or_else(
        |error| format!("unknown ({error})"),
        |names| names.release().to_string_lossy().into_owned(),
    )
}

/// Whether this process may do what only root may.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Whether the CPU is QEMU's software emulation, on which a time budget of a
/// real machine says nothing. `tests/vm/init` says so; elsewhere KVM guests of
/// QEMU are told apart by their clock.
pub fn is_emulated() -> bool {
    if std::env::var_os("IOTRACE_TESTS_EMULATED").is_some() {
        return true;
    }
    let reads = |path: &str| fs::read_to_string(path).unwrap_or_default();
    reads("/sys/class/dmi/id/sys_vendor").trim() == "QEMU"
        && !reads("/sys/devices/system/clocksource/clocksource0/available_clocksource")
            .contains("kvm-clock")
}

/// Whether the kernel may take the CPU from a thread in the middle of a kernel program: then it
/// does not run that program for the threads that come next, and counts them.
pub fn preempts_programs() -> bool {
    static PREEMPTS: OnceLock<bool> = OnceLock::new();
    *PREEMPTS.get_or_init(|| {
        // "none (voluntary) full lazy": the mode of a kernel that can choose.
        let modes = fs::read_to_string("/sys/kernel/debug/sched/preempt");
        modes.is_ok_and(|modes| modes.contains("(full)") || modes.contains("(lazy)"))
    })
}
