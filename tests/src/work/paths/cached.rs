//! What operations move between the page cache and storage, as the kernel itself counts it for the
//! thread that does them.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::{ptr, thread};

use anyhow::{Context as _, Result, anyhow, ensure};
use serde::{Deserialize, Serialize};

use super::aligned::{Aligned, result};
use super::mapped::Mapping;
use crate::counts::{Counts, Extra, Moved};
use crate::work::protocol::{ready, say, this_tid};

/// Options of the steps.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where the files are made.
    #[arg(long)]
    dir: PathBuf,
    /// Read a mapped file, and nothing else.
    #[arg(long)]
    mapped: bool,
}

/// What was done to one file.
#[derive(Debug, Serialize, Deserialize)]
pub struct Part {
    /// How.
    pub way: String,
    /// By which thread.
    pub tid: u32,
    /// The file.
    pub path: PathBuf,
    /// Whether it was in storage alone before, all of it.
    pub cold: bool,
    /// How much, with what the kernel counted.
    #[serde(flatten)]
    pub moved: Moved,
}

/// All of it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// Of the process.
    pub pid: u32,
    /// In order.
    pub parts: Vec<Part>,
    /// Why a file could not be made cold.
    pub warm: Option<String>,
}

/// Bytes of a file: whole pages.
pub const LENGTH: u64 = 1 << 20;
/// Of a call.
const CHUNK: usize = 64 << 10;

/// Takes each step, on files of its own.
pub fn run(options: &Options) -> Result<()> {
    let path = |name: &str| options.dir.join(name);
    for name in ["read", "direct", "overwritten", "sent", "copied", "mapped"] {
        make_cold(&path(name))?;
    }
    ready()?;
    let mut report = Report {
        pid: std::process::id(),
        ..Report::default()
    };
    if options.mapped {
        mapped(&path("mapped"), &mut report)?;
        return say(&report);
    }
    read(&path("read"), "read", &mut report)?;
    // In a thread of its own, so that it has rows of its own.
    thread::scope(|scope| {
        let again = scope.spawn(|| read(&path("read"), "again", &mut report));
        let joined = again.join();
        joined.map_err(|_panic| anyhow!("the other thread panicked"))?
    })?;
    write(&path("new"), &mut report)?;
    direct(&path("direct"), &path("overwritten"), &mut report)?;
    between(
        "sendfile",
        [&path("sent"), &path("sent-to")],
        send,
        &mut report,
    )?;
    between(
        "copy_file_range",
        [&path("copied"), &path("copied-to")],
        copy,
        &mut report,
    )?;
    say(&report)
}

/// What the kernel has counted of this thread so far: bytes fetched, bytes dirtied.
fn account() -> Result<[u64; 2]> {
    let text = fs::read_to_string("/proc/thread-self/io").context("the kernel keeps no account")?;
    let number = |name: &str| {
        let mut lines = text.lines();
        let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let number = line.with_context(|| format!("no {name} in {text:?}"))?;
        number.parse::<u64>().context(name.to_owned())
    };
    Ok([number("read_bytes")?, number("write_bytes")?])
}

/// Does something, and tells what the kernel counted meanwhile.
fn counted<T>(act: impl FnOnce() -> Result<T>) -> Result<(T, [u64; 2])> {
    let before = account()?;
    let done = act()?;
    let after = account()?;
    Ok((done, [after[0] - before[0], after[1] - before[1]]))
}

impl Report {
    fn add(&mut self, way: &str, path: &Path, cold: bool, counts: Counts, moved: [u64; 2]) {
        let extra = Extra {
            fetched_bytes: Some(moved[0]),
            dirtied_bytes: Some(moved[1]),
            ..Extra::default()
        };
        self.parts.push(Part {
            way: way.to_owned(),
            tid: this_tid(),
            path: path.to_owned(),
            cold,
            moved: Moved { counts, extra },
        });
    }

    /// Whether all of a file is in storage alone.
    fn is_cold(&mut self, file: &File) -> Result<bool> {
        let resident = Mapping::of_length(file, libc::PROT_READ, LENGTH as usize)?.resident()?;
        if resident > 0 {
            self.warm = Some(format!("{resident} pages stay in the page cache"));
        }
        Ok(resident == 0)
    }
}

/// In storage, and nowhere else if the file system lets go of it.
fn make_cold(path: &Path) -> Result<()> {
    fs::write(path, vec![b'x'; LENGTH as usize])?;
    let file = File::open(path)?;
    file.sync_all()?;
    // SAFETY: takes integers alone.
    unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
    Ok(())
}

fn reads(reads: u64, read_bytes: u64) -> Counts {
    Counts {
        reads,
        read_bytes,
        ..Counts::ZERO
    }
}

fn writes(writes: u64, write_bytes: u64) -> Counts {
    Counts {
        writes,
        write_bytes,
        ..Counts::ZERO
    }
}

/// All of it, in order.
fn read(path: &Path, way: &str, report: &mut Report) -> Result<()> {
    let file = File::open(path)?;
    let cold = way != "again" && report.is_cold(&file)?;
    let mut buffer = vec![0; CHUNK];
    let (counts, moved) = counted(|| {
        let mut counts = Counts::ZERO;
        loop {
            let got = file.read_at(&mut buffer, counts.read_bytes)? as u64;
            counts.reads += 1;
            counts.read_bytes += got;
            if got == 0 {
                return Ok(counts);
            }
        }
    })?;
    report.add(way, path, cold, counts, moved);
    Ok(())
}

/// Whole pages of a new file.
fn write(path: &Path, report: &mut Report) -> Result<()> {
    let file = File::create(path)?;
    let buffer = vec![b'w'; CHUNK];
    let (counts, moved) = counted(|| {
        let mut counts = Counts::ZERO;
        while counts.write_bytes < LENGTH {
            let put = file.write_at(&buffer, counts.write_bytes)? as u64;
            counts.writes += 1;
            counts.write_bytes += put;
        }
        Ok(counts)
    })?;
    report.add("write", path, false, counts, moved);
    Ok(())
}

/// Past the page cache, where the file system can.
fn direct(source: &Path, target: &Path, report: &mut Report) -> Result<()> {
    let open = |path: &Path| {
        let mut options = OpenOptions::new();
        options.read(true).write(true).custom_flags(libc::O_DIRECT);
        options.open(path)
    };
    let (source_file, target_file) = match (open(source), open(target)) {
        (Err(error), _) if error.kind() == io::ErrorKind::InvalidInput => return Ok(()),
        (source, target) => (source?, target?),
    };
    let mut buffer = Aligned::of(b'd', CHUNK);
    let (got, moved) = counted(|| Ok(source_file.read_at(&mut buffer, 0)? as u64))?;
    report.add("direct_read", source, false, reads(1, got), moved);
    let (put, moved) = counted(|| Ok(target_file.write_at(&buffer, 0)? as u64))?;
    report.add("direct_write", target, false, writes(1, put), moved);
    Ok(())
}

/// Moves bytes from a file to another.
type Move = fn(&File, &File) -> io::Result<u64>;

fn send(source: &File, target: &File) -> io::Result<u64> {
    let (to, from) = (target.as_raw_fd(), source.as_raw_fd());
    // SAFETY: no offset is given.
    result(unsafe { libc::sendfile(to, from, ptr::null_mut(), CHUNK) })
}

fn copy(source: &File, target: &File) -> io::Result<u64> {
    let (from, to) = (source.as_raw_fd(), target.as_raw_fd());
    let none = ptr::null_mut::<i64>();
    // SAFETY: no offsets are given.
    let moved = unsafe { libc::syscall(libc::SYS_copy_file_range, from, none, to, none, CHUNK, 0) };
    result(moved as isize)
}

/// What is fetched is of the source, what becomes dirty of the destination.
fn between(way: &str, paths: [&Path; 2], moves: Move, report: &mut Report) -> Result<()> {
    let (source, target) = (File::open(paths[0])?, File::create(paths[1])?);
    let cold = report.is_cold(&source)?;
    let (moves, [fetched, dirtied]) = counted(|| {
        let mut done = [0, 0];
        while done[1] < LENGTH {
            let moved = moves(&source, &target)?;
            ensure!(moved > 0, "ended after {} bytes", done[1]);
            done = [done[0] + 1, done[1] + moved];
        }
        Ok(done)
    })?;
    let [calls, bytes] = moves;
    report.add(way, paths[0], cold, reads(calls, bytes), [fetched, 0]);
    report.add(way, paths[1], false, writes(calls, bytes), [0, dirtied]);
    Ok(())
}

/// Every page, through a mapping. What the kernel counts may be more: the program is mapped too.
fn mapped(path: &Path, report: &mut Report) -> Result<()> {
    let file = File::open(path)?;
    let cold = report.is_cold(&file)?;
    let mapping = Mapping::of_length(&file, libc::PROT_READ, LENGTH as usize)?;
    let touch = || {
        (0..LENGTH as usize)
            .step_by(4096)
            .for_each(|at| mapping.read(at));
        Ok(())
    };
    let ((), moved) = counted(touch)?;
    report.add("mapped", path, cold, Counts::ZERO, moved);
    Ok(())
}
