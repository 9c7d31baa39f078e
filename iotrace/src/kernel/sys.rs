//! The few bpf(2) commands that aya has no function for, and the memory of arrays.

use std::{
    io,
    num::NonZero,
    ops::Range,
    os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
    ptr::NonNull,
};

use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

// Commands (include/uapi/linux/bpf.h).
const BPF_MAP_CREATE: libc::c_int = 0;
const BPF_MAP_LOOKUP_ELEM: libc::c_int = 1;
const BPF_MAP_UPDATE_ELEM: libc::c_int = 2;
const BPF_OBJ_GET_INFO_BY_FD: libc::c_int = 15;
const BPF_MAP_LOOKUP_AND_DELETE_BATCH: libc::c_int = 25;

const BPF_MAP_TYPE_ARRAY_OF_MAPS: u32 = 12;

/// Calls bpf(2).
///
/// # Safety
/// `attr` is the argument of `command`, and what it points to is as that
/// command needs it.
pub(super) unsafe fn bpf<T>(command: libc::c_int, attr: &mut T) -> io::Result<libc::c_long> {
    // SAFETY: the caller vouches for the attribute, whose size goes with it.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, &raw mut *attr, size_of::<T>()) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

/// `bpf_attr.batch`.
#[repr(C)]
#[derive(Default)]
struct BatchAttr {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: u32,
    elem_flags: u64,
    flags: u64,
}

/// Room for elements that are thrown away at a time, unless a bucket has more.
const BATCH: usize = 4096;

/// Takes all elements out of a hash map.
///
/// Nothing else may write to the map meanwhile. One call of the kernel moves
/// thousands of elements, 5 to 6 times cheaper than one by one. The command is
/// older (5.6) than the ring buffer (5.8), so each supported kernel has it.
pub fn clear<K: aya::Pod, V: aya::Pod>(map: BorrowedFd<'_>) -> io::Result<()> {
    let (mut keys, mut values) = (Vec::<K>::new(), Vec::<V>::new());
    let mut room = BATCH;
    let mut retries = 100;
    // The kernel's place in the table: a bucket number.
    let mut place: Option<u32> = None;
    loop {
        keys.reserve(room);
        values.reserve(room);
        let mut next = 0u32;
        let mut attr = BatchAttr {
            in_batch: place.as_ref().map_or(0, |place| &raw const *place as u64),
            out_batch: &raw mut next as u64,
            keys: keys.as_mut_ptr() as u64,
            values: values.as_mut_ptr() as u64,
            count: room as u32,
            map_fd: map.as_raw_fd() as u32,
            ..BatchAttr::default()
        };
        // SAFETY: both arrays have room for `count` elements of the map's types.
        let result = unsafe { bpf(BPF_MAP_LOOKUP_AND_DELETE_BATCH, &mut attr) };
        let errno = result.as_ref().err().and_then(io::Error::raw_os_error);
        match errno {
            None => {}
            Some(libc::ENOENT) => return Ok(()),
            // One bucket has more elements than there is room for; none was taken.
            Some(libc::ENOSPC) => {
                room *= 2;
                continue;
            }
            // A bucket was locked: what was taken until then counts.
            Some(libc::EBUSY | libc::EDEADLK | libc::ETIMEDOUT) if retries > 0 => retries -= 1,
            Some(_) => return result.map(drop),
        }
        if errno.is_none() || attr.count > 0 {
            place = Some(next);
        }
    }
}

/// Elements of an array map, in this process's memory.
pub struct Mapped<T> {
    start: NonNull<T>,
    count: usize,
}

// SAFETY: the mapping belongs to no thread; whoever asks for a part of it vouches that nobody else uses it.
unsafe impl<T: Send> Send for Mapped<T> {}

impl<T: aya::Pod> Mapped<T> {
    /// Maps the whole of an array with `BPF_F_MMAPABLE` (5.5).
    ///
    /// # Safety
    /// It has `count` elements, of type `T`, whose size is a multiple of eight bytes: the kernel rounds that
    /// up.
    pub unsafe fn new(map: BorrowedFd<'_>, count: usize) -> io::Result<Self> {
        let bytes = count.checked_mul(size_of::<T>()).and_then(NonZero::new);
        let bytes = bytes.ok_or(io::ErrorKind::InvalidInput)?;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: new memory, where the kernel chooses; the elements begin where the mapping does
        // (`array_map_mmap`, kernel/bpf/arraymap.c), which is aligned to a page.
        let start = unsafe { mmap(None, bytes, access, MapFlags::MAP_SHARED, map, 0) }?;
        Ok(Self {
            start: start.cast(),
            count,
        })
    }

    /// Some of the elements, if there are as many.
    ///
    /// # Safety
    /// Nobody else uses these elements meanwhile.
    pub unsafe fn part(&mut self, range: Range<usize>) -> Option<&mut [T]> {
        if range.start > range.end || range.end > self.count {
            return None;
        }
        // SAFETY: within the mapping, which any bytes make elements; the caller vouches that they are
        // ours alone.
        unsafe {
            let first = self.start.add(range.start).as_ptr();
            Some(std::slice::from_raw_parts_mut(first, range.len()))
        }
    }
}

impl<T> Drop for Mapped<T> {
    fn drop(&mut self) {
        // SAFETY: what was mapped, to which no reference is left.
        let unmapped = unsafe { munmap(self.start.cast(), self.count * size_of::<T>()) };
        debug_assert_eq!(unmapped, Ok(()));
    }
}

/// `bpf_attr` of `BPF_MAP_CREATE`, as far as it is needed.
#[repr(C)]
#[derive(Default)]
struct CreateAttr {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
    inner_map_fd: u32,
}

/// `bpf_attr` of commands on one element.
#[repr(C)]
#[derive(Default)]
struct ElementAttr {
    map_fd: u32,
    pad: u32,
    key: u64,
    value: u64,
    flags: u64,
}

/// Largest value, in bytes, of a map that [`contains`] may be asked of.
pub const LARGEST_MEMBER: usize = 64;

/// Whether a map with 64-bit keys and values of at most [`LARGEST_MEMBER`] bytes
/// has this key.
pub fn contains(map: BorrowedFd<'_>, key: u64) -> io::Result<bool> {
    let mut value = [0u8; LARGEST_MEMBER];
    let mut attr = ElementAttr {
        map_fd: map.as_raw_fd() as u32,
        key: &raw const key as u64,
        value: value.as_mut_ptr() as u64,
        ..ElementAttr::default()
    };
    // SAFETY: the key has the map's size and the value has room enough.
    match unsafe { bpf(BPF_MAP_LOOKUP_ELEM, &mut attr) } {
        Ok(_) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Waits until every program that runs now has ended.
///
/// An update of a map of maps promises just that: when it returns, no program
/// still sees the old inner map (`maybe_wait_bpf_programs`, kernel/bpf/syscall.c,
/// since 4.20). The map itself is of no use.
pub struct Barrier {
    outer: OwnedFd,
    inner: OwnedFd,
}

impl Barrier {
    /// Makes the map; `like` is any map, only its type and size matter.
    pub fn new(like: BorrowedFd<'_>) -> io::Result<Self> {
        let mut attr = CreateAttr {
            map_type: BPF_MAP_TYPE_ARRAY_OF_MAPS,
            key_size: 4,
            value_size: 4,
            max_entries: 1,
            inner_map_fd: like.as_raw_fd() as u32,
            ..CreateAttr::default()
        };
        // SAFETY: no pointers.
        let fd = unsafe { bpf(BPF_MAP_CREATE, &mut attr) }?;
        Ok(Self {
            // SAFETY: the kernel just gave us this descriptor.
            outer: unsafe { OwnedFd::from_raw_fd(fd as i32) },
            inner: like.try_clone_to_owned()?,
        })
    }

    /// Blocks for an RCU grace period, typically 5 to 30 ms.
    pub fn wait(&self) -> io::Result<()> {
        let key = 0u32;
        let value = self.inner.as_raw_fd();
        let mut attr = ElementAttr {
            map_fd: self.outer.as_raw_fd() as u32,
            key: &raw const key as u64,
            value: &raw const value as u64,
            ..ElementAttr::default()
        };
        // SAFETY: key and value live on this stack frame and have 4 bytes each.
        unsafe { bpf(BPF_MAP_UPDATE_ELEM, &mut attr) }.map(|_| ())
    }
}

/// `bpf_attr.info`.
#[repr(C)]
struct InfoAttr {
    bpf_fd: u32,
    info_len: u32,
    info: u64,
}

/// Fills `info` with what the kernel tells about a program or link, as far as it
/// goes; returns how many bytes that are.
fn object_info(object: BorrowedFd<'_>, info: &mut [u64]) -> io::Result<usize> {
    let mut attr = InfoAttr {
        bpf_fd: object.as_raw_fd() as u32,
        info_len: size_of_val(info) as u32,
        info: info.as_mut_ptr() as u64,
    };
    // SAFETY: the buffer has `info_len` bytes; the kernel fills at most those.
    unsafe { bpf(BPF_OBJ_GET_INFO_BY_FD, &mut attr) }?;
    Ok(attr.info_len as usize)
}

/// The 64-bit field at byte `at`, if the kernel told so much.
fn field(info: &[u64], told: usize, at: usize) -> Option<u64> {
    (told >= at + 8).then(|| info[at / 8])
}

/// Where `run_time_ns` and `run_cnt` stand in `struct bpf_prog_info` (since 5.1).
const RUN_TIME: usize = 192;
const RUN_COUNT: usize = 200;

/// How often a program ran while the kernel measured, and for how many nanoseconds in all.
pub fn runs(program: BorrowedFd<'_>) -> io::Result<(u64, u64)> {
    let mut info = [0; RUN_COUNT / 8 + 1];
    let told = object_info(program, &mut info)?;
    let field = |at| field(&info, told, at).ok_or(io::ErrorKind::Unsupported);
    Ok((field(RUN_COUNT)?, field(RUN_TIME)?))
}

/// Where `recursion_misses` stands in `struct bpf_prog_info` (since 5.12).
const RECURSION_MISSES: usize = 208;

/// How often the kernel did not run a program because it, or for kprobes another
/// one, was already active on that CPU. `None` where the kernel does not tell:
/// before 5.12, for kprobes before 6.7.
pub fn recursion_misses(program: BorrowedFd<'_>) -> io::Result<Option<u64>> {
    let mut info = [0; RECURSION_MISSES / 8 + 1];
    let told = object_info(program, &mut info)?;
    Ok(field(&info, told, RECURSION_MISSES))
}

/// `BPF_LINK_TYPE_PERF_EVENT` and `BPF_PERF_EVENT_KPROBE` (include/uapi/linux/bpf.h).
const LINK_PERF_EVENT: u32 = 7;
const EVENT_KPROBE: u32 = 3;
/// Where `perf_event.type` and `perf_event.kprobe.missed` stand in `struct
/// bpf_link_info` (the second since 6.7).
const LINK_EVENT_TYPE: usize = 16;
const LINK_MISSED: usize = 48;

/// How often a kprobe was not hit because the kernel was in another one. `None`
/// where the kernel does not tell, and for links to anything else.
pub fn probe_misses(link: BorrowedFd<'_>) -> io::Result<Option<u64>> {
    let mut info = [0; LINK_MISSED / 8 + 1];
    let told = object_info(link, &mut info)?;
    let is_kprobe =
        info[0] as u32 == LINK_PERF_EVENT && info[LINK_EVENT_TYPE / 8] as u32 == EVENT_KPROBE;
    Ok(field(&info, told, LINK_MISSED).filter(|_| is_kprobe))
}
