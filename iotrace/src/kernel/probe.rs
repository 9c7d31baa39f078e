//! What only trying can tell: types of programs and maps, tracepoints.
//!
//! Each is tried with as little as the kernel accepts, and gone when this returns.

use std::{
    ffi::CStr,
    io,
    os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd},
};

use super::{reason::Reason, sys, system::System};
use crate::advice::NO_MEMLOCK;

// Commands, program types, attach types and map types (include/uapi/linux/bpf.h).
const BPF_MAP_CREATE: libc::c_int = 0;
const BPF_PROG_LOAD: libc::c_int = 5;
const BPF_RAW_TRACEPOINT_OPEN: libc::c_int = 17;
const PROG_KPROBE: u32 = 2;
const PROG_RAW_TRACEPOINT: u32 = 17;
const PROG_TRACING: u32 = 26;
const TRACE_FEXIT: u32 = 25;
const MAP_HASH: u32 = 1;
const MAP_PERCPU_ARRAY: u32 = 6;
const MAP_ARRAY_OF_MAPS: u32 = 12;
const MAP_RINGBUF: u32 = 27;

/// How a try came out.
pub type Trial = Result<(), Reason>;

/// What was tried.
#[derive(Clone, Debug)]
pub struct Trials {
    /// A program on the exit of a function, loaded and attached to `vfs_read`; not
    /// tried where that function is not known.
    pub fexit: Option<Trial>,
    /// A program for kprobes, loaded.
    pub kprobe: Trial,
    /// A program for raw tracepoints, loaded.
    pub raw_tracepoint: Trial,
    /// Kinds of maps.
    pub maps: Vec<(&'static str, Trial)>,
    /// Tracepoints that a program was attached to; empty where none could be loaded.
    pub tracepoints: Vec<(&'static str, Trial)>,
    /// Whether the kernel counts how often it did not run a program.
    pub counts_missed_runs: Option<bool>,
}

/// Tries everything. `vfs_read` is its id in the kernel's type information.
pub fn try_all(vfs_read: Option<u32>) -> Trials {
    let raw = load(PROG_RAW_TRACEPOINT, 0, 0);
    let program = raw.as_ref().ok();
    let tracepoints = [
        (c"sys_exit", "sys_exit"),
        (c"sched_process_fork", "sched_process_fork"),
        (c"sched_process_exit", "sched_process_exit"),
    ];
    Trials {
        fexit: vfs_read.map(|id| {
            let program = load(PROG_TRACING, TRACE_FEXIT, id);
            trial(program.and_then(|program| attach(&program, None)))
        }),
        kprobe: trial(load(PROG_KPROBE, 0, 0)),
        maps: maps(),
        tracepoints: program.map_or_else(Vec::new, |program| {
            tracepoints
                .map(|(at, name)| (name, trial(attach(program, Some(at)))))
                .into()
        }),
        counts_missed_runs: program.and_then(|program| {
            let told = sys::recursion_misses(program.as_fd()).ok()?;
            Some(told.is_some())
        }),
        raw_tracepoint: trial(raw),
    }
}

/// Why this kernel refuses any program on the exit of a function; `None` where it does not, or
/// where it would only be the memory that such programs are charged for before 5.11, of which the
/// loader can get more. `id` is the function's.
pub fn refuses_fexit(function: &str, id: u32) -> Option<Reason> {
    let error = load(PROG_TRACING, TRACE_FEXIT, id).err()?;
    let is_known = !System::here().is_before(NO_MEMLOCK);
    is_known.then(|| Reason::new(function, &error))
}

/// A try, without what it made.
fn trial(made: io::Result<OwnedFd>) -> Trial {
    made.map(drop).map_err(|error| match error.raw_os_error() {
        Some(errno) => Reason::of_kernel(errno),
        None => Reason::from(error.to_string()),
    })
}

/// `bpf_attr` of `BPF_PROG_LOAD`, as far as it is needed.
#[repr(C)]
#[derive(Default)]
struct LoadAttr {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log: [u64; 2],
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u64; 2],
    prog_ifindex: u32,
    expected_attach_type: u32,
    debug_info: [u64; 4],
    line_info_cnt: u32,
    attach_btf_id: u32,
    attach_prog_fd: u64,
}

/// Loads a program that returns 0.
fn load(prog_type: u32, attach_type: u32, attach_btf_id: u32) -> io::Result<OwnedFd> {
    /// `r0 = 0; exit`.
    const PROGRAM: [u64; 2] = [0xb7, 0x95];
    // Helpers for tracing are for such programs alone.
    const LICENSE: &CStr = c"GPL";
    let mut attr = LoadAttr {
        prog_type,
        insn_cnt: PROGRAM.len() as u32,
        insns: PROGRAM.as_ptr() as u64,
        license: LICENSE.as_ptr() as u64,
        expected_attach_type: attach_type,
        attach_btf_id,
        ..LoadAttr::default()
    };
    // SAFETY: the instructions and the license are constants.
    let fd = unsafe { sys::bpf(BPF_PROG_LOAD, &mut attr) }?;
    // SAFETY: the kernel just gave us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// `bpf_attr.raw_tracepoint`.
#[repr(C)]
struct AttachAttr {
    name: u64,
    prog_fd: u32,
    pad: u32,
}

/// Attaches a program to a tracepoint, or to the function that it was loaded for.
fn attach(program: &OwnedFd, tracepoint: Option<&CStr>) -> io::Result<OwnedFd> {
    let mut attr = AttachAttr {
        name: tracepoint.map_or(0, |name| name.as_ptr() as u64),
        prog_fd: program.as_raw_fd() as u32,
        pad: 0,
    };
    // SAFETY: the name, if any, ends with a zero and lives as long as this call.
    let fd = unsafe { sys::bpf(BPF_RAW_TRACEPOINT_OPEN, &mut attr) }?;
    // SAFETY: the kernel just gave us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Makes a map of each kind that is needed.
fn maps() -> Vec<(&'static str, Trial)> {
    let hash = create([MAP_HASH, 8, 8, 1, 0, 0]);
    let nested = match &hash {
        Ok(inner) => {
            let inner = inner.as_raw_fd() as u32;
            Some(trial(create([MAP_ARRAY_OF_MAPS, 4, 4, 1, 0, inner])))
        }
        Err(_) => None,
    };
    let page = crate::system::process::page_bytes();
    let mut maps = vec![
        (
            "ring buffer",
            trial(create([MAP_RINGBUF, 0, 0, page, 0, 0])),
        ),
        ("hash", trial(hash)),
        (
            "per-CPU array",
            trial(create([MAP_PERCPU_ARRAY, 4, 8, 1, 0, 0])),
        ),
    ];
    maps.extend(nested.map(|trial| ("array of maps", trial)));
    maps
}

/// Makes a map of that type, size of keys, size of values, entries, flags, and map
/// that its values are like.
fn create(mut attr: [u32; 6]) -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    let fd = unsafe { sys::bpf(BPF_MAP_CREATE, &mut attr) }?;
    // SAFETY: the kernel just gave us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}
