//! Who asks?

use aya_ebpf::{
    helpers::bpf_get_current_pid_tgid, macros::raw_tracepoint, programs::RawTracePointContext,
};

use crate::maps::OWN_PROCESS;

/// Never attached, only run by hand (`BPF_PROG_TEST_RUN`): leaves the caller's
/// process id as the kernel counts, which it can not see from inside a PID
/// namespace. (What a program returns does not get through aya's macro.)
#[raw_tracepoint(tracepoint = "sys_exit")]
#[inline(always)]
pub fn own_process(_: RawTracePointContext) -> u32 {
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    // An array has all its elements: nothing to fail.
    let _ = OWN_PROCESS.set(0, tgid, 0);
    0
}
