//! io_uring: several operations at a time, each completed with its own result.

use anyhow::{Context as _, Result, bail, ensure};
use io_uring::squeue::{Entry, Flags};
use io_uring::types::Fd;
use io_uring::{IoUring, opcode};
use libc::iovec;

use super::LENGTH;
use super::aligned::Aligned;
use super::calls::open_direct;
use super::ledger::Ledger;
use super::place::{Place, Subject};

/// At once.
const DEPTH: usize = 4;
const CHUNK: usize = 40_961;
const DIRECT_CHUNK: usize = 40_960;
/// How long the kernel's thread looks for work, in milliseconds.
const IDLE: u32 = 50;

/// What is special.
#[derive(Clone, Copy, Default)]
struct How {
    vectors: bool,
    fixed_buffers: bool,
    fixed_files: bool,
    direct: bool,
    /// By a thread of the kernel's pool.
    worker: bool,
    /// By a thread of the kernel that polls.
    sqpoll: bool,
}

const PLAIN: How = How {
    vectors: false,
    fixed_buffers: false,
    fixed_files: false,
    direct: false,
    worker: false,
    sqpoll: false,
};

macro_rules! ways {
    ($($(#[$doc:meta])* $name:ident: $($part:ident),*;)*) => {$(
        $(#[$doc])*
        pub fn $name(place: &Place, ledger: &mut Ledger) -> Result<()> {
            go(place, ledger, How { $($part: true,)* ..PLAIN })
        }
    )*};
}

ways! {
    /// READ and WRITE.
    plain: ;
    /// READV and WRITEV.
    vectors: vectors;
    /// READ_FIXED and WRITE_FIXED.
    fixed_buffers: fixed_buffers;
    /// Registered files.
    fixed_files: fixed_files;
    /// O_DIRECT: completed by the disk's interrupt.
    direct: direct;
    /// The same with registered buffers and files.
    direct_fixed: direct, fixed_buffers, fixed_files;
    /// IOSQE_ASYNC.
    worker: worker;
    /// SQPOLL; before 5.11 it wants registered files.
    sqpoll: sqpoll, fixed_files;
}

/// Where a file stands among the registered ones.
const SOURCE: usize = 0;
const TARGET: usize = 1;

struct Session {
    ring: IoUring,
    how: How,
    files: [Subject; 2],
    buffers: Vec<Aligned>,
    /// The buffers, in two pieces each.
    vectors: Vec<[iovec; 2]>,
}

fn go(place: &Place, ledger: &mut Ledger, how: How) -> Result<()> {
    let files = if how.direct {
        match open_direct(place, ledger)? {
            Some((source, target)) => [source, target],
            None => return Ok(()),
        }
    } else {
        [place.source()?, place.create("target", 0)?]
    };
    let mut builder = IoUring::builder();
    if how.sqpoll {
        builder.setup_sqpoll(IDLE);
    }
    let ring = match builder.build(2 * DEPTH as u32) {
        Ok(ring) => ring,
        Err(error) => {
            return ledger.refused("no ring", &error);
        }
    };
    if how.sqpoll {
        ledger.any_thread();
    }
    let mut session = Session::new(ring, how, files)?;
    session.copy(ledger)?;
    session.fail()
}

impl Session {
    fn new(ring: IoUring, how: How, files: [Subject; 2]) -> Result<Self> {
        let length = if how.direct { DIRECT_CHUNK } else { CHUNK };
        let mut buffers: Vec<_> = (0..DEPTH).map(|_| Aligned::of(b'u', length)).collect();
        let piece = |bytes: &mut [u8]| iovec {
            iov_base: bytes.as_mut_ptr().cast(),
            iov_len: bytes.len(),
        };
        let vectors = buffers.iter_mut().map(|buffer| {
            let (head, tail) = buffer.split_at_mut(4096);
            [piece(head), piece(tail)]
        });
        let vectors = vectors.collect();
        if how.fixed_buffers {
            let whole: Vec<iovec> = buffers.iter_mut().map(|buffer| piece(buffer)).collect();
            // SAFETY: the buffers live as long as the ring, in the same struct.
            unsafe { ring.submitter().register_buffers(&whole) }.context("registered buffers")?;
        }
        if how.fixed_files {
            let fds = files.each_ref().map(Subject::fd);
            ring.submitter()
                .register_files(&fds)
                .context("registered files")?;
        }
        Ok(Self {
            ring,
            how,
            files,
            buffers,
            vectors,
        })
    }

    /// Reads all of the source and beyond, and writes as much as there is room in whole chunks.
    fn copy(&mut self, ledger: &mut Ledger) -> Result<()> {
        let chunk = self.buffers[0].len();
        let offsets: Vec<usize> = (0..=LENGTH.div_ceil(chunk)).map(|at| at * chunk).collect();
        for offsets in offsets.chunks(DEPTH) {
            for (offset, got) in offsets.iter().zip(self.all(SOURCE, offsets, true)?) {
                let got = u64::try_from(got).with_context(|| format!("a read: {got}"))?;
                ledger.read(&self.files[SOURCE].path, got);
                let there = LENGTH.saturating_sub(*offset).min(chunk);
                ensure!(got <= there as u64, "{got} bytes of {there}");
            }
            for put in self.all(TARGET, offsets, false)? {
                let put = u64::try_from(put).with_context(|| format!("a write: {put}"))?;
                ledger.write(&self.files[TARGET].path, put);
            }
        }
        Ok(())
    }

    /// None of these may be counted.
    fn fail(&mut self) -> Result<()> {
        for (file, read) in [(TARGET, true), (SOURCE, false)] {
            let results = self.all(file, &[0, 1 << 20], read)?;
            ensure!(
                results.iter().all(|result| *result == -libc::EBADF),
                "not open for that, but {results:?}"
            );
        }
        Ok(())
    }

    /// Does one operation at each offset, all at once; returns their results in this order.
    fn all(&mut self, file: usize, offsets: &[usize], read: bool) -> Result<Vec<i32>> {
        for (index, offset) in offsets.iter().enumerate() {
            let entry = self.entry(file, index, *offset as u64, read);
            let mut flags = Flags::empty();
            flags.set(Flags::FIXED_FILE, self.how.fixed_files);
            flags.set(Flags::ASYNC, self.how.worker);
            let entry = entry.flags(flags).user_data(index as u64);
            // SAFETY: what it points to lives as long as the ring, in the same struct.
            unsafe { self.ring.submission().push(&entry) }.context("the queue is full")?;
        }
        let mut results = vec![None; offsets.len()];
        while results.contains(&None) {
            self.ring.submit_and_wait(1)?;
            for completion in self.ring.completion() {
                let index = usize::try_from(completion.user_data())?;
                let Some(result @ None) = results.get_mut(index) else {
                    bail!("operation {index} is completed once more");
                };
                *result = Some(completion.result());
            }
        }
        Ok(results.into_iter().flatten().collect())
    }

    fn entry(&mut self, file: usize, index: usize, offset: u64, read: bool) -> Entry {
        // A registered file has its number in place of a descriptor, and a flag.
        let fd = Fd(match self.how.fixed_files {
            true => file as i32,
            false => self.files[file].fd(),
        });
        let buffer = &mut self.buffers[index];
        let (at, length) = (buffer.as_mut_ptr(), buffer.len() as u32);
        let vectors = self.vectors[index].as_ptr();
        let number = index as u16;
        match (read, self.how.vectors, self.how.fixed_buffers) {
            (true, true, _) => opcode::Readv::new(fd, vectors, 2).offset(offset).build(),
            (false, true, _) => opcode::Writev::new(fd, vectors, 2).offset(offset).build(),
            (true, _, true) => {
                let read = opcode::ReadFixed::new(fd, at, length, number);
                read.offset(offset).build()
            }
            (false, _, true) => {
                let write = opcode::WriteFixed::new(fd, at, length, number);
                write.offset(offset).build()
            }
            (true, ..) => opcode::Read::new(fd, at, length).offset(offset).build(),
            (false, ..) => opcode::Write::new(fd, at, length).offset(offset).build(),
        }
    }
}
