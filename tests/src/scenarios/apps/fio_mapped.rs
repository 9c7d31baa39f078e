//! fio on mapped files: pages, as there are no calls.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde::Deserialize;

use super::fio::file_bytes;
use super::{make_file, program, trace};
use crate::harness::{Context, End, Io, Sink, parse, plain};
use crate::scenarios::Scenario;

pub const SCENARIOS: &[Scenario] = &[Scenario {
    name: "apps_fio_mmap",
    proves: "`top --mmap`: fio writes every page of a mapped file, and each is counted once; of one \
             that it reads, faults are counted, and no operations of either",
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
    let fio = program(context, "fio")?;
    let dir = context.make_dir("files")?;
    let mut jobs = format!(
        "[global]\nallow_file_create=0\nfallocate=none\ninvalidate=0\nioengine=mmap\nbs=4k\n\
         zero_buffers=1\nthread=1\nsize={}\n",
        file_bytes()
    );
    for pattern in ["read", "write", "randwrite"] {
        let path = dir.join(pattern);
        make_file(&path, file_bytes())?;
        jobs += &format!("[{pattern}]\nrw={pattern}\nfilename={}\n", plain(&path)?);
    }
    let file = context.dir().join("jobs");
    fs::write(&file, jobs)?;
    let command = [plain(&fio)?, "--eta=never", plain(&file)?];
    // Not everywhere there is such an option.
    let plainly = trace(context, &[], &command, Faults::default())?;
    ensure!(
        !plainly.seen.0.keys().any(|path| path.starts_with(&dir)),
        "without the option: {:?}",
        plainly.seen.0
    );
    let traced = trace(context, &["--mmap"], &command, Faults::default())?;
    let of = |name: &str| {
        traced
            .seen
            .0
            .get(&dir.join(name))
            .copied()
            .unwrap_or_default()
    };
    let pages = file_bytes() as u64 / page_bytes()?;
    if traced.unseen.contains("mapped") {
        println!(
            "     mapped files are unseen: {:?}, {:?}",
            of("read"),
            of("write")
        );
        return Ok(());
    }
    for name in ["read", "write", "randwrite"] {
        let seen = of(name);
        println!("     {name} of {pages} pages: {seen:?}");
        ensure!(
            (seen.reads, seen.writes) == (0, 0),
            "operations of {name}: {seen:?}"
        );
        let expected = if name == "read" { 0 } else { pages };
        ensure!(
            seen.map_writes == expected,
            "{name}: {seen:?}, not {expected} pages"
        );
    }
    let faults = of("read").map_reads;
    ensure!(
        (1..=pages).contains(&faults),
        "read: {faults} of {pages} pages"
    );
    Ok(())
}

fn page_bytes() -> Result<u64> {
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)?;
    Ok(u64::try_from(size.unwrap_or(4096))?)
}
