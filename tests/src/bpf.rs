//! The ids of everything BPF that lives in the kernel, by raw `bpf(2)`.
//!
//! This is the only proof that a killed tracer left nothing: a program that is
//! still attached has an id whether or not a process holds a descriptor of it.

use std::collections::BTreeSet;
use std::fmt;
use std::mem;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

const PROG_GET_NEXT_ID: libc::c_long = 11;
const MAP_GET_NEXT_ID: libc::c_long = 12;
const LINK_GET_NEXT_ID: libc::c_long = 31;

const PROG_GET_FD_BY_ID: libc::c_long = 13;
const OBJ_GET_INFO_BY_FD: libc::c_long = 15;

/// `bpf_attr.info`.
#[repr(C)]
struct Info {
    fd: u32,
    length: u32,
    info: u64,
}

/// How often the kernel has measured a run of a program. Needs root.
pub fn runs(program: u32) -> Result<u64> {
    /// `run_cnt` in `struct bpf_prog_info` (include/uapi/linux/bpf.h).
    const RUN_COUNT: usize = 200;
    let mut id = NextId {
        start_id: program,
        ..NextId::default()
    };
    // SAFETY: as in `walk`.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            PROG_GET_FD_BY_ID,
            &raw mut id,
            mem::size_of::<NextId>(),
        )
    };
    let fd = i32::try_from(fd)?;
    if fd < 0 {
        bail!("program {program}: {}", nix::errno::Errno::last());
    }
    // SAFETY: the kernel has just made this descriptor for us alone.
    let _open = unsafe { OwnedFd::from_raw_fd(fd) };
    let mut told = [0_u64; RUN_COUNT / 8 + 1];
    let mut info = Info {
        fd: fd as u32,
        length: mem::size_of_val(&told) as u32,
        info: told.as_mut_ptr() as u64,
    };
    // SAFETY: the kernel fills at most `length` bytes of a live array.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            OBJ_GET_INFO_BY_FD,
            &raw mut info,
            mem::size_of::<Info>(),
        )
    };
    if result != 0 {
        bail!("program {program}: {}", nix::errno::Errno::last());
    }
    Ok(told[RUN_COUNT / 8])
}

/// The part of `union bpf_attr` that the `*_GET_NEXT_ID` commands use.
#[repr(C)]
#[derive(Default)]
struct NextId {
    start_id: u32,
    next_id: u32,
    open_flags: u32,
}

/// Ids of all programs, maps and links of the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Objects {
    /// Loaded programs.
    pub programs: BTreeSet<u32>,
    /// Maps.
    pub maps: BTreeSet<u32>,
    /// Links: attachments.
    pub links: BTreeSet<u32>,
}

impl Objects {
    /// What lives now. Needs root.
    pub fn now() -> Result<Self> {
        Ok(Self {
            programs: walk(PROG_GET_NEXT_ID)?,
            maps: walk(MAP_GET_NEXT_ID)?,
            links: walk(LINK_GET_NEXT_ID)?,
        })
    }

    /// What is here and was not there.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            programs: &self.programs - &earlier.programs,
            maps: &self.maps - &earlier.maps,
            links: &self.links - &earlier.links,
        }
    }

    /// What is in both.
    pub fn common(&self, other: &Self) -> Self {
        Self {
            programs: &self.programs & &other.programs,
            maps: &self.maps & &other.maps,
            links: &self.links & &other.links,
        }
    }

    /// Waits until none of these lives any more: the kernel frees them a little after their
    /// process let go. Others may come and go on this machine meanwhile.
    pub fn wait_until_gone(&self, within: Duration) -> Result<()> {
        let deadline = Instant::now() + within;
        loop {
            let left = Self::now()?.common(self);
            if left.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("left behind: {left}");
            }
            std::thread::yield_now();
        }
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.programs.is_empty() && self.maps.is_empty() && self.links.is_empty()
    }
}

impl fmt::Display for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "programs {:?}, maps {:?}, links {:?}",
            self.programs, self.maps, self.links
        )
    }
}

/// Every id that one `*_GET_NEXT_ID` command knows.
fn walk(command: libc::c_long) -> Result<BTreeSet<u32>> {
    let mut ids = BTreeSet::new();
    let mut attribute = NextId::default();
    loop {
        // SAFETY: the kernel reads and writes `size_of::<NextId>()` bytes of a live, exclusive reference.
        let result = unsafe {
            libc::syscall(
                libc::SYS_bpf,
                command,
                &raw mut attribute,
                mem::size_of::<NextId>(),
            )
        };
        if result == 0 {
            ids.insert(attribute.next_id);
            attribute.start_id = attribute.next_id;
            continue;
        }
        match nix::errno::Errno::last() {
            nix::errno::Errno::ENOENT => return Ok(ids),
            error => bail!(
                "bpf(2) command {command} after id {}: {error}",
                attribute.start_id
            ),
        }
    }
}
