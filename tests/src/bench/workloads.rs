//! The calls that are measured.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileExt as _;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use io_uring::{IoUring, opcode, types::Fd};

use super::crowd;
use super::place::{BLOCK, Place};
use super::tracers::Tracer;

/// After that whoever shows what happens has shown it.
const SHOWN: Duration = Duration::from_millis(300);
/// Those that read the many files.
const THREADS: usize = 16;

/// One kind of call.
#[derive(Clone, Copy)]
pub struct Workload {
    /// As results name it.
    pub name: &'static str,
    calls: u32,
    /// Whether a tracer may show it later, which is part of its price.
    shown: bool,
    /// Whether doing it once more would not be the same again.
    once: bool,
    run: fn(&Place, u32) -> Result<Duration>,
}

/// All of them.
pub fn all() -> [Workload; 8] {
    let plain = |name, calls, run| Workload {
        name,
        calls,
        shown: false,
        once: false,
        run,
    };
    let shown = |name, calls, run| Workload {
        shown: true,
        ..plain(name, calls, run)
    };
    [
        plain("pread", 20_000, pread),
        plain("readv", 20_000, readv),
        plain("io_uring read", 5_000, uring),
        plain("getppid", 20_000, getppid),
        shown("open+close", 10_000, open),
        shown("open+close, long name", 5_000, open_long),
        shown("create+write+close+unlink", 2_000, create),
        Workload {
            once: true,
            ..shown("4 KiB of many files", 0, many)
        },
    ]
}

/// How often each is repeated; the median counts, because a timer may have come in between.
const BATCHES: usize = 3;

/// Makes all calls before any counts, so that the first tracer does not pay for what is done only
/// once in a boot or in a process.
pub fn warm_up(place: &Place, workloads: &[Workload]) -> Result<()> {
    // Once a process has had a second thread, each call of libc that can be cancelled has some
    // 45 instructions more.
    std::thread::spawn(|| ())
        .join()
        .ok()
        .context("a thread panicked")?;
    let warm = |workload: &Workload| {
        let calls = if workload.once {
            place.many.len() as u32
        } else {
            workload.calls / 2
        };
        (workload.run)(place, calls)
            .map(drop)
            .with_context(|| workload.name)
    };
    workloads.iter().try_for_each(warm)
}

impl Workload {
    /// Nanoseconds per call, `part` times fewer of them than usual.
    pub fn measure(&self, place: &Place, tracer: &Tracer, part: u32) -> Result<f64> {
        if self.once {
            let calls = u32::try_from(place.many.len())?;
            return self.batch(place, tracer, calls);
        }
        let calls = self.calls / part;
        (self.run)(place, calls / 4).with_context(|| self.name)?;
        let mut times = (0..BATCHES)
            .map(|_| self.batch(place, tracer, calls))
            .collect::<Result<Vec<_>>>()?;
        times.sort_by(f64::total_cmp);
        Ok(times[times.len() / 2])
    }

    fn batch(&self, place: &Place, tracer: &Tracer, calls: u32) -> Result<f64> {
        // What the tracer does anyway in that time is no price of a call.
        let idle = self.later(tracer)?;
        let mut time = (self.run)(place, calls)
            .with_context(|| self.name)?
            .as_nanos() as f64;
        time += self.later(tracer)? - idle;
        Ok(time / f64::from(calls))
    }

    /// Processor time that the tracer uses for what it has not shown yet, in nanoseconds.
    fn later(&self, tracer: &Tracer) -> Result<f64> {
        if !self.shown {
            return Ok(0.0);
        }
        let used = tracer.used_ns()?;
        sleep(SHOWN);
        Ok((tracer.used_ns()? - used) as f64)
    }
}

impl Workload {
    /// Makes so many calls per second for so long.
    pub fn paced(&self, place: &Place, rate: u32, time: Duration) -> Result<()> {
        const STEPS: u32 = 500;
        let step = Duration::from_secs(1) / STEPS;
        let start = Instant::now();
        for number in 1..=(time.as_nanos() / step.as_nanos()) as u32 {
            if rate > 0 {
                (self.run)(place, rate / STEPS)?;
            }
            sleep((start + step * number).saturating_duration_since(Instant::now()));
        }
        Ok(())
    }
}

fn timed(calls: u32, mut call: impl FnMut(u32) -> Result<()>) -> Result<Duration> {
    let start = Instant::now();
    for number in 0..calls {
        call(number)?;
    }
    Ok(start.elapsed())
}

fn pread(place: &Place, calls: u32) -> Result<Duration> {
    let mut byte = [0];
    timed(calls, |_| Ok(place.file.read_exact_at(&mut byte, 0)?))
}

fn readv(place: &Place, calls: u32) -> Result<Duration> {
    let mut bytes = [0u8; 2];
    let (head, tail) = bytes.split_at_mut(1);
    let vectors = [head, tail].map(|piece| libc::iovec {
        iov_base: piece.as_mut_ptr().cast(),
        iov_len: piece.len(),
    });
    let fd = place.file.as_raw_fd();
    // SAFETY: takes integers alone.
    ensure!(unsafe { libc::lseek(fd, 0, libc::SEEK_SET) } == 0, "lseek");
    timed(calls, |_| {
        // SAFETY: both pieces live as long as the loop, and nothing else uses them.
        let got = unsafe { libc::readv(fd, vectors.as_ptr(), 2) };
        ensure!(got == 2, "readv: {got}");
        Ok(())
    })
}

fn uring(place: &Place, calls: u32) -> Result<Duration> {
    let mut ring = IoUring::new(8).context("no ring")?;
    let mut byte = [0u8];
    let read = opcode::Read::new(Fd(place.file.as_raw_fd()), byte.as_mut_ptr(), 1).build();
    timed(calls, |_| {
        // SAFETY: file and byte outlive the request, which is waited for below.
        unsafe { ring.submission().push(&read) }.context("the queue is full")?;
        ring.submit_and_wait(1)?;
        let result = ring.completion().next().map(|done| done.result());
        ensure!(result == Some(1), "a read: {result:?}");
        Ok(())
    })
}

fn getppid(_: &Place, calls: u32) -> Result<Duration> {
    timed(calls, |_| {
        black_box(nix::unistd::getppid());
        Ok(())
    })
}

fn open(place: &Place, calls: u32) -> Result<Duration> {
    timed(calls, |_| {
        File::open(&place.path)?;
        Ok(())
    })
}

fn open_long(place: &Place, calls: u32) -> Result<Duration> {
    timed(calls, |_| {
        File::open(&place.long_path)?;
        Ok(())
    })
}

fn create(place: &Place, calls: u32) -> Result<Duration> {
    let content = [b'x'; BLOCK];
    timed(calls, |number| {
        let path = place.dir.path().join(format!("made-{number}"));
        File::create(&path)?.write_all(&content)?;
        Ok(fs::remove_file(&path)?)
    })
}

/// New threads each time: no counter has seen them.
fn many(place: &Place, calls: u32) -> Result<Duration> {
    let share = place.many.len().div_ceil(THREADS);
    let passes = crowd::passes(
        THREADS,
        1,
        |thread, _| {
            let files = place.many.iter().skip(thread * share).take(share);
            let mut block = [0; BLOCK];
            for file in files {
                file.read_exact_at(&mut block, 0)?;
            }
            Ok(())
        },
        |_| Ok(()),
    )?;
    ensure!(calls as usize == place.many.len(), "each file is read once");
    Ok(passes.into_iter().sum())
}
