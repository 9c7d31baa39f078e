//! A context of Linux AIO, by its own system calls (`io_submit(2)`, `linux/aio_abi.h`).

use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail, ensure};
use libc::{c_long, iovec, timespec};

use super::aligned::{Aligned, result};
use super::ledger::Ledger;
use super::place::Subject;
use crate::work::protocol::this_tid;

pub const PREAD: u16 = 0;
pub const PWRITE: u16 = 1;
pub const PREADV: u16 = 7;
pub const PWRITEV: u16 = 8;

/// At once.
pub const DEPTH: usize = 4;
const DEADLINE: Duration = Duration::from_secs(60);

/// `struct iocb` of a little-endian machine.
#[repr(C)]
#[derive(Default)]
struct Control {
    data: u64,
    key: u32,
    flags_of_call: u32,
    operation: u16,
    priority: i16,
    fd: u32,
    buffer: u64,
    length: u64,
    offset: i64,
    reserved: u64,
    flags: u32,
    event_fd: u32,
}

/// `struct io_event`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Event {
    data: u64,
    control: u64,
    pub result: i64,
    second: i64,
}

/// `struct aio_ring` (fs/aio.c), which lies where the context's id points; events follow.
#[repr(C)]
struct Ring {
    id: u32,
    count: u32,
    head: AtomicU32,
    tail: AtomicU32,
    magic: u32,
    compatible: u32,
    incompatible: u32,
    header_length: u32,
}

const MAGIC: u32 = 0xa10a_10a1;

/// All results of a batch, and who fetched them, if it was another thread.
pub struct Reaped {
    pub events: Vec<Event>,
    pub by: Option<u32>,
}

/// Waits for so many results.
pub type Reap = fn(&Queue, usize) -> Result<Reaped>;

/// A context of the kernel.
pub struct Queue(u64);

impl Queue {
    /// For [`DEPTH`] at once, where the kernel has AIO.
    pub fn new(ledger: &mut Ledger) -> Result<Option<Self>> {
        match Self::with_room(DEPTH) {
            Ok(queue) => Ok(Some(queue)),
            Err(error) => ledger.refused("io_setup", &error).map(|()| None),
        }
    }

    /// For so many at once.
    pub fn with_room(count: usize) -> io::Result<Self> {
        let mut id = 0_u64;
        // SAFETY: the kernel writes one word, which is there.
        let made = unsafe { libc::syscall(libc::SYS_io_setup, count as c_long, &raw mut id) };
        result(made as isize)?;
        Ok(Self(id))
    }

    /// Has the kernel refuse a request for this descriptor and a buffer where there can be none;
    /// the error is why.
    pub fn refused(&self, fd: RawFd, operation: u16) -> Result<io::Error> {
        let control = Control {
            operation,
            fd: u32::try_from(fd)?,
            // Not of this process, on any machine.
            buffer: !0xffff,
            length: 1,
            ..Control::default()
        };
        let pointer = &raw const control;
        // SAFETY: what is pointed to is there, and the kernel does not write to its own memory
        // for us.
        let submitted =
            unsafe { libc::syscall(libc::SYS_io_submit, self.0, 1 as c_long, &raw const pointer) };
        match result(submitted as isize) {
            Ok(_) => bail!("a request that can not be done was accepted"),
            Err(error) => Ok(error),
        }
    }

    /// Does one operation at each offset, all at once.
    pub fn all(
        &self,
        file: &Subject,
        operation: u16,
        offsets: &[usize],
        buffers: &mut [Aligned],
        reap: Reap,
    ) -> Result<Reaped> {
        let places: Vec<_> = offsets.iter().map(|at| (file.fd(), *at)).collect();
        self.everywhere(&places, operation, buffers, reap)
    }

    /// The same in several files: at a descriptor and an offset each.
    pub fn everywhere(
        &self,
        places: &[(RawFd, usize)],
        operation: u16,
        buffers: &mut [Aligned],
        reap: Reap,
    ) -> Result<Reaped> {
        let mut vectors: Vec<_> = buffers
            .iter_mut()
            .map(|buffer| iovec {
                iov_base: buffer.as_mut_ptr().cast(),
                iov_len: buffer.len(),
            })
            .collect();
        let mut controls = Vec::new();
        for ((fd, offset), vector) in places.iter().zip(&mut vectors) {
            let (buffer, length) = match operation {
                PREADV | PWRITEV => (&raw const *vector as u64, 1),
                _ => (vector.iov_base as u64, vector.iov_len as u64),
            };
            controls.push(Control {
                data: controls.len() as u64,
                operation,
                fd: u32::try_from(*fd)?,
                buffer,
                length,
                offset: i64::try_from(*offset)?,
                ..Control::default()
            });
        }
        let pointers: Vec<_> = controls.iter().map(|control| &raw const *control).collect();
        let count = pointers.len();
        // SAFETY: all that is pointed to lives until all is reaped below.
        let submitted = unsafe {
            libc::syscall(
                libc::SYS_io_submit,
                self.0,
                count as c_long,
                pointers.as_ptr(),
            )
        };
        let submitted = usize::try_from(result(submitted as isize)?)?;
        let reaped = reap(self, submitted)?;
        ensure!(submitted == count, "{submitted} of {count} were submitted");
        Ok(reaped)
    }

    /// Waits for results by `io_getevents`.
    pub fn reap(&self, count: usize) -> Result<Reaped> {
        let mut events = vec![Event::default(); count];
        let mut limit = timespec {
            tv_sec: i64::try_from(DEADLINE.as_secs())?,
            tv_nsec: 0,
        };
        let at_least = count as c_long;
        // SAFETY: there is room for as many events, and the time is there.
        let got = unsafe {
            libc::syscall(
                libc::SYS_io_getevents,
                self.0,
                at_least,
                at_least,
                events.as_mut_ptr(),
                &raw mut limit,
            )
        };
        let got = result(got as isize)?;
        ensure!(got == count as u64, "{got} of {count} within {DEADLINE:?}");
        Ok(Reaped { events, by: None })
    }

    /// The same in another thread.
    pub fn reap_elsewhere(&self, count: usize) -> Result<Reaped> {
        let there = || {
            let reaped = self.reap(count)?;
            Ok(Reaped {
                by: Some(this_tid()),
                ..reaped
            })
        };
        let joined = thread::scope(|scope| scope.spawn(there).join());
        joined.map_err(|_panic| anyhow!("the other thread panicked"))?
    }

    /// Waits for them in memory.
    pub fn reap_in_memory(&self, count: usize) -> Result<Reaped> {
        let ring = std::ptr::with_exposed_provenance::<Ring>(usize::try_from(self.0)?);
        // SAFETY: the kernel keeps it there, mapped, as long as the context lives.
        let header = unsafe { &*ring };
        ensure!(header.magic == MAGIC, "the ring is not as expected");
        let deadline = Instant::now() + DEADLINE;
        let mut events = Vec::new();
        while events.len() < count {
            let head = header.head.load(Ordering::Relaxed);
            if head == header.tail.load(Ordering::Acquire) {
                if Instant::now() > deadline {
                    bail!("{} of {count} within {DEADLINE:?}", events.len());
                }
                thread::yield_now();
                continue;
            }
            // SAFETY: events follow the header; the head is one of them, and it is filled.
            let event = unsafe {
                let first = ring.cast::<u8>().add(header.header_length as usize);
                first.cast::<Event>().add(head as usize).read_volatile()
            };
            events.push(event);
            header
                .head
                .store((head + 1) % header.count, Ordering::Release);
        }
        Ok(Reaped { events, by: None })
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: takes an integer. It fails only when that is no context.
        unsafe { libc::syscall(libc::SYS_io_destroy, self.0) };
    }
}
