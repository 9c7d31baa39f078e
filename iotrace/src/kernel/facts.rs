//! What this system allows, as far as it can be known before loading anything.

use std::{fs, io, path::Path};

use procfs::process::Process;

use crate::error::Unavailable;

/// Capabilities by their number (include/uapi/linux/capability.h).
const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// Where the kernel keeps its type information.
pub const VMLINUX_BTF: &str = "/sys/kernel/btf/vmlinux";

/// Fails when the process may not load tracing programs, naming what it lacks.
///
/// `CAP_SYS_ADMIN` contains the other two.
pub fn check_privileges() -> Result<(), Unavailable> {
    // A /proc that can not be read must not stop anyone: loading will tell.
    let Ok(status) = Process::myself().and_then(|process| process.status()) else {
        return Ok(());
    };
    let has = |capability: u32| status.capeff & (1 << capability) != 0;
    if has(CAP_SYS_ADMIN) {
        return Ok(());
    }
    let missing: Vec<&'static str> = [(CAP_BPF, "CAP_BPF"), (CAP_PERFMON, "CAP_PERFMON")]
        .into_iter()
        .filter(|(capability, _)| !has(*capability))
        .map(|(_, name)| name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Unavailable::Privileges { missing })
}

/// Reads the kernel's BTF. Only a file of sane size: others never end.
pub fn read_btf(path: &Path) -> Result<Vec<u8>, Unavailable> {
    const LARGEST: u64 = 256 << 20;
    let read = fs::metadata(path).and_then(|found| {
        if !found.is_file() || found.len() > LARGEST {
            return Err(io::Error::other("not a file with type information"));
        }
        fs::read(path)
    });
    read.map_err(|error| Unavailable::NoBtf {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

/// Kernel memory of all BPF maps that this process has open, in bytes, as the
/// kernel accounts it.
pub fn map_memory() -> u64 {
    let Ok(descriptors) = fs::read_dir("/proc/self/fdinfo") else {
        return 0;
    };
    let memory = |info: String| -> Option<u64> {
        let value = |key| info.lines().find_map(|line| line.strip_prefix(key));
        value("map_id:")?;
        value("memlock:")?.trim().parse().ok()
    };
    descriptors
        .flatten()
        .filter_map(|entry| fs::read_to_string(entry.path()).ok())
        .filter_map(memory)
        .sum()
}
