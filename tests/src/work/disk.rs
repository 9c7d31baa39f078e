//! Known amounts of disk I/O, and the kernel's own account of them.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use serde::{Deserialize, Serialize};

use super::account::Account;
use super::paths::aligned::Aligned;
use super::protocol::{bound_lifetime, listen, ready, say, this_tid};

/// Bytes of a call, and the unit of the options.
const MIB: usize = 1 << 20;

/// Options of the disk's user.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where its files are.
    #[arg(long)]
    dir: PathBuf,
    /// MiB that it writes past the cache.
    #[arg(long, default_value_t = 0)]
    write: u64,
    /// MiB that it reads past the cache, of what it wrote, round and round.
    #[arg(long, default_value_t = 0)]
    read: u64,
    /// MiB that it writes to files in the cache, and removes.
    #[arg(long, default_value_t = 0)]
    cancel: u64,
    /// Children, one after the other, each of which writes 1 MiB past the cache and ends.
    #[arg(long, default_value_t = 0)]
    children: u64,
    /// Threads, of which the first writes 1 MiB past the cache, the second 2 and so on.
    #[arg(long, default_value_t = 0)]
    threads: u64,
    /// Threads that write 1 MiB each past the cache, all of which end with the process.
    #[arg(long, default_value_t = 0)]
    ending: u64,
    /// Times that it brings a file to storage.
    #[arg(long, default_value_t = 0)]
    syncs: u64,
}

/// The sums of the disk's user.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// Process.
    pub pid: u32,
    /// Calls that it made to read its files.
    pub reads: u64,
    /// Calls that it made to write them.
    pub writes: u64,
    /// The kernel's account when it began.
    pub before: Account,
    /// And when it had done all.
    pub after: Account,
    /// Threads with the MiB that each wrote.
    pub threads: Vec<(u32, u64)>,
}

/// Waits for the end of stdin when all is done, for some of it is told only while it is there.
pub fn run(options: &Options) -> Result<()> {
    let mut buffer = Aligned::of(b'd', MIB);
    ready()?;
    let before = Account::own()?;
    let (mut reads, mut writes) = (0, 0);
    let path = options.dir.join("direct");
    if options.write > 0 {
        write_direct(&path, options.write, &buffer)?;
        writes += options.write;
    }
    if options.read > 0 {
        let file = direct(&path)?;
        for number in 0..options.read {
            let at = number % options.write * MIB as u64;
            ensure!(file.read_at(&mut buffer, at)? == MIB, "a short read");
        }
        reads += options.read;
    }
    for number in 0..options.cancel {
        let path = options.dir.join(format!("cancelled-{number}"));
        let file = File::create(&path)?;
        ensure!(file.write_at(&buffer, 0)? == MIB, "a short write");
        drop(file);
        fs::remove_file(&path)?;
        writes += 1;
    }
    for number in 0..options.children {
        child(&options.dir.join(format!("child-{number}")), &buffer)?;
    }
    for number in 0..options.syncs {
        let file = File::create(options.dir.join("synced"))?;
        ensure!(
            file.write_at(&buffer[..4096], 4096 * number)? == 4096,
            "a short write"
        );
        file.sync_all()?;
        writes += 1;
    }
    if options.ending > 0 {
        let dir = options.dir.clone();
        return end_together(
            options.ending,
            dir,
            &report(&[], before, reads, writes, options)?,
        );
    }
    let over = Barrier::new(usize::try_from(options.threads)? + 1);
    thread::scope(|scope| {
        let threads = (1..=options.threads).map(|number| {
            let (over, path) = (&over, options.dir.join(format!("thread-{number}")));
            let (done, told) = std::sync::mpsc::channel();
            scope.spawn(move || {
                let name = std::ffi::CString::new(format!("disk-{number}"));
                let named = name.map(|name| nix::sys::prctl::set_name(&name));
                let buffer = Aligned::of(b'd', MIB);
                let written = write_direct(&path, number, &buffer);
                // Nobody listens when this fails, and that is told there.
                done.send(named.is_ok().then_some((this_tid(), written)))
                    .ok();
                over.wait();
            });
            told
        });
        let told: Vec<_> = threads.collect();
        let told: Vec<_> = told.iter().map(|told| told.recv().ok().flatten()).collect();
        let said = report(&told, before, reads, writes, options).and_then(|said| say(&said));
        let heard = listen();
        over.wait();
        said?;
        heard.map(drop)
    })
}

fn report(
    told: &[Option<(u32, Result<()>)>],
    before: Account,
    reads: u64,
    writes: u64,
    options: &Options,
) -> Result<Report> {
    let mut threads = Vec::new();
    for (told, number) in told.iter().zip(1..) {
        match told {
            Some((tid, Ok(()))) => threads.push((*tid, number)),
            other => bail!("thread {number}: {other:?}"),
        }
    }
    Ok(Report {
        pid: std::process::id(),
        reads,
        writes: writes + options.threads * (options.threads + 1) / 2,
        before,
        after: Account::own()?,
        threads,
    })
}

fn direct(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true);
    let file = options.custom_flags(libc::O_DIRECT).open(path);
    file.with_context(|| path.display().to_string())
}

fn write_direct(path: &Path, count: u64, buffer: &[u8]) -> Result<()> {
    let file = direct(path)?;
    for number in 0..count {
        let written = file.write_at(buffer, number * MIB as u64)?;
        ensure!(written == MIB, "a short write of {}", path.display());
    }
    Ok(())
}

/// Ends while other threads of it, which have written, are still there.
fn end_together(threads: u64, dir: PathBuf, report: &Report) -> Result<()> {
    let (done, told) = std::sync::mpsc::channel();
    for number in 0..threads {
        let (done, path) = (done.clone(), dir.join(format!("ending-{number}")));
        thread::spawn(move || {
            let written = write_direct(&path, 1, &Aligned::of(b'd', MIB));
            // Nobody listens when this fails, and that is told there.
            done.send(written).ok();
            loop {
                thread::park();
            }
        });
    }
    for _ in 0..threads {
        told.recv()??;
    }
    say(report)?;
    listen()?;
    // All threads at once (`exit_group`).
    std::process::exit(0);
}

fn child(path: &Path, buffer: &[u8]) -> Result<()> {
    // SAFETY: this process has one thread, so the child may do whatever the parent may.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => match waitpid(child, None)? {
            WaitStatus::Exited(_, 0) => Ok(()),
            status => bail!("a child: {status:?}"),
        },
        ForkResult::Child => {
            bound_lifetime();
            let status = i32::from(write_direct(path, 1, buffer).is_err());
            // SAFETY: leaves without the parent's buffers and handlers.
            unsafe { libc::_exit(status) };
        }
    }
}
