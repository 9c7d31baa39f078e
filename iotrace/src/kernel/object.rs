//! The embedded kernel programs, built by `cargo xtask build-ebpf`.

use aya::include_bytes_aligned;

/// For every kernel.
pub static PLAIN: &[u8] = include_bytes_aligned!("../../bpf/iotrace.bpf.o");

/// The same with loops by the helper `bpf_loop`, which are verified many times faster. Kernels
/// before 5.17 refuse a program that mentions a callback, were it in a branch that is off.
pub static LOOPS: &[u8] = include_bytes_aligned!("../../bpf/iotrace-loops.bpf.o");
