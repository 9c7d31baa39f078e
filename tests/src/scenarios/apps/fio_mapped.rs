//! fio on mapped files: pages, as there are no calls.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use nix::errno::Errno;
use nix::unistd::{SysconfVar, sysconf};
use serde::Deserialize;

use super::fio::file_bytes;
use super::{make_file, program, trace};
use crate::cli::Backend;
use crate::harness::{Context, End, Io, Sink, parse, plain};
use crate::machine;
use crate::scenarios::Scenario;

pub const SCENARIOS: &[Scenario] = &[Scenario {
    name: "apps_fio_mmap",
    proves: "`top --mmap`: of files that fio has mapped, each page that it writes is counted once, \
             faults are where it reads, and operations nowhere",
    run,
}];

/// Faults by file.
#[derive(Default)]
struct Faults(BTreeMap<PathBuf, Pages>);

/// The fields of a row that matter here.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct Pages {
    reads: u64,
    writes: u64,
    #[serde(default)]
    map_reads: u64,
    #[serde(default)]
    map_writes: u64,
}

impl Sink for Faults {
    fn record(&mut self, kind: &str, line: &str) -> Result<()> {
        if kind == "io" {
            let of_row: Pages = parse(line)?;
            let path = Io::parse(line)?.path().unwrap_or_default();
            let sum = self.0.entry(path).or_default();
            sum.reads += of_row.reads;
            sum.writes += of_row.writes;
            sum.map_reads += of_row.map_reads;
            sum.map_writes += of_row.map_writes;
        }
        Ok(())
    }

    fn end(&mut self, _end: &End) -> Result<()> {
        Ok(())
    }
}

fn run(context: &Context) -> Result<()> {
    let fio = program("fio")?;
    let dir = context.make_dir("files")?;
    let mut jobs = format!(
        "[global]\nallow_file_create=0\nfallocate=none\ninvalidate=0\nioengine=mmap\nbs=4k\n\
         zero_buffers=1\nsize={}\n",
        file_bytes()
    );
    for pattern in ["read", "write", "randwrite"] {
        let path = dir.join(pattern);
        make_file(&path, file_bytes())?;
        drop_cache(&path)?;
        jobs += &format!("[{pattern}]\nrw={pattern}\nfilename={}\n", plain(&path)?);
    }
    let file = context.dir().join("jobs");
    fs::write(&file, jobs)?;
    let command = [plain(&fio)?, "--eta=never", plain(&file)?];
    let traced = trace(context, &["--mmap"], &command, Faults::default())?;
    let of = |name: &str| {
        let seen = traced.seen.0.get(&dir.join(name)).copied();
        let seen = seen.unwrap_or_default();
        println!("     {name}: {seen:?}");
        seen
    };
    let (read, write, random) = (of("read"), of("write"), of("randwrite"));
    for seen in [read, write, random] {
        ensure!((seen.reads, seen.writes) == (0, 0), "operations: {seen:?}");
    }
    let none = read.map_reads + write.map_writes + random.map_writes == 0;
    if traced.unseen.contains("mapped") {
        let may_be = context.backend() != Backend::Fentry || machine::kernel().starts_with("5.10.");
        ensure!(may_be && none, "mapped files have to be seen here");
        return Ok(());
    }
    let pages = file_bytes() as u64 / page_bytes()?;
    ensure!(read.map_writes == 0, "nobody wrote: {read:?}");
    ensure!(
        (1..=pages).contains(&read.map_reads),
        "read: {read:?}, of {pages} pages"
    );
    // fio tells the kernel that it goes at random, which then fetches page by page.
    ensure!(
        random.map_writes == pages,
        "randwrite: {random:?}, not {pages} pages"
    );
    // Otherwise newer kernels keep several pages as one piece, and may map it at one fault.
    ensure!(
        (1..=pages).contains(&write.map_writes),
        "write: {write:?}, of {pages} pages"
    );
    Ok(())
}

/// What was written is on the disk, and no more in memory.
fn drop_cache(path: &Path) -> Result<()> {
    let file = fs::File::open(path)?;
    file.sync_all()?;
    // SAFETY: takes numbers; the result is checked.
    let error = unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
    ensure!(error == 0, "posix_fadvise: {}", Errno::from_raw(error));
    Ok(())
}

fn page_bytes() -> Result<u64> {
    let size = sysconf(SysconfVar::PAGE_SIZE)?;
    Ok(u64::try_from(size.unwrap_or(4096))?)
}
