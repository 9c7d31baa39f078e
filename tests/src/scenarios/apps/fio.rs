//! fio, engine by engine: every file's operations and bytes are what fio says itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

use super::fio_engines::{AIO, By, CALLS, Engine, IO_URING, POSIXAIO, SPLICE, patterns};
use super::{Traced, fio_report, make_file, program, rows, trace};
use crate::cli::Backend;
use crate::counts::{Counts, compare_but};
use crate::harness::{Context, Io, Rows, plain};
use crate::machine;
use crate::scenarios::Scenario;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "apps_fio_calls",
        proves: "fio with read, pread, readv, preadv and preadv2: each file's bytes and operations \
                 are what fio says, in order and at random, through the cache and past it",
        run: |context| engines(context, &CALLS),
    },
    Scenario {
        name: "apps_fio_aio",
        proves: "the same with libaio, reaped by system calls and from the ring",
        run: |context| engines(context, &AIO),
    },
    Scenario {
        name: "apps_fio_io_uring",
        proves: "the same with io_uring: plain, vectors, fixed buffers and files, a kernel thread \
                 that submits, workers",
        run: |context| engines(context, &IO_URING),
    },
    Scenario {
        name: "apps_fio_posixaio",
        proves: "the same with POSIX AIO, whose threads come and go",
        run: |context| engines(context, &POSIXAIO),
    },
    Scenario {
        name: "apps_fio_splice",
        proves: "the same with splice from and to a pipe",
        run: |context| engines(context, &SPLICE),
    },
    Scenario {
        name: "apps_fio_processes",
        proves: "four processes of fio, each with a file and all with one: each file is exact",
        run: |context| crowd(context, false),
    },
    Scenario {
        name: "apps_fio_threads",
        proves: "four threads of fio, each with a file and all with one: each file is exact",
        run: |context| crowd(context, true),
    },
];

/// That nobody but the jobs touches their files: they are there before, as long as fio wants
/// them, and it neither reads nor makes anything more.
const GLOBAL: &str = "[global]\nallow_file_create=0\nfallocate=none\ninvalidate=0\n\
    zero_buffers=1\nrandrepeat=1\ngroup_reporting=0\nverify_state_save=0\n";

/// So that each engine moves 64 MiB and more, or 3 on an emulated CPU.
pub fn file_bytes() -> usize {
    match machine::is_emulated() {
        true => 512 << 10,
        false => 8 << 20,
    }
}

/// A run of fio over files that are made for it.
struct Jobs {
    dir: PathBuf,
    text: String,
}

impl Jobs {
    fn new(context: &Context) -> Result<Self> {
        Ok(Self {
            dir: context.make_dir("files")?,
            text: format!("{GLOBAL}size={}\n", file_bytes()),
        })
    }

    /// A job with a file of its name.
    fn add(&mut self, name: &str, options: &str) -> Result<()> {
        let path = self.dir.join(name);
        make_file(&path, file_bytes())?;
        writeln!(self.text, "[{name}]\nfilename={}\n{options}", plain(&path)?)?;
        Ok(())
    }
}

/// What each job did; several jobs may have one name.
type ByJob = BTreeMap<String, Vec<Counts>>;

/// Runs fio under iotrace; also returns what fio says.
fn run(context: &Context, jobs: &Jobs) -> Result<(Traced<Rows>, ByJob)> {
    let fio = program("fio")?;
    let (file, report) = (context.dir().join("jobs"), context.dir().join("report"));
    fs::write(&file, &jobs.text)?;
    let output = format!("--output={}", plain(&report)?);
    let command = [
        plain(&fio)?,
        "--output-format=json",
        "--eta=never",
        &output,
        plain(&file)?,
    ];
    let traced = trace(context, &[], &command, rows())?;
    Ok((traced, fio_report::read(&report)?))
}

fn engines(context: &Context, engines: &[Engine]) -> Result<()> {
    let mut jobs = Jobs::new(context)?;
    let mut by_job = BTreeMap::new();
    for engine in engines {
        // One engine after the other.
        let mut wall = "stonewall\n";
        for direct in 0..=u8::from(engine.direct) {
            for (pattern, size) in patterns() {
                let name = format!("{}-{pattern}-{direct}", engine.name);
                let how = format!("rw={pattern}\nbs={size}\ndirect={direct}\n");
                jobs.add(&name, &format!("{wall}{how}{}", engine.options))?;
                by_job.insert(name, engine);
                wall = "";
            }
        }
    }
    let (traced, done) = run(context, &jobs)?;
    ensure!(done.len() == by_job.len(), "fio ran {} jobs", done.len());

    let mut expected = BTreeMap::new();
    let mut reported = traced.seen.sums(|row| row.path().unwrap_or_default());
    reported.retain(|path, _| path.starts_with(&jobs.dir));
    for (name, engine) in &by_job {
        let path = jobs.dir.join(name);
        let counts: Counts = done.get(name).into_iter().flatten().copied().sum();
        let unseen = engine.ways.iter().find(|way| traced.unseen.contains(**way));
        if let Some(way) = unseen {
            ensure!(may_be_unseen(context, way), "{way} is unseen");
            let seen = reported.remove(&path).unwrap_or(Counts::ZERO);
            ensure!(
                seen.is_within(counts),
                "{name}: reported {seen}, but did {counts}"
            );
            continue;
        }
        check_threads(
            name,
            engine.by,
            traced
                .seen
                .rows
                .iter()
                .filter(|row| row.path().as_ref() == Some(&path)),
        )?;
        expected.insert(path, counts);
    }
    println!(
        "     {} of {} files must be exact",
        expected.len(),
        by_job.len()
    );
    compare_but(&expected, &reported, traced.seen.left_out())
}

/// Whether a way need not be seen here.
pub fn may_be_unseen(context: &Context, way: &str) -> bool {
    match way {
        "aio_user_reaped" => context.backend() == Backend::Syscall,
        "io_uring" => machine::kernel().starts_with("5.10."),
        _ => false,
    }
}

/// Who is told to have worked on one file.
fn check_threads<'a>(name: &str, by: By, rows: impl Iterator<Item = &'a Io>) -> Result<()> {
    let mut threads = BTreeSet::new();
    for row in rows {
        let comm = row.comm().context("no comm")?;
        let is_of_ring = comm.to_string_lossy().starts_with("iou-sqp-");
        ensure!(
            is_of_ring == (by == By::Kernel),
            "{name}: not the thread that submitted: {row:?}"
        );
        threads.insert((row.pid, row.tid));
    }
    let pids: BTreeSet<_> = threads.iter().map(|(pid, _)| *pid).collect();
    ensure!(
        pids.len() <= 1,
        "{name}: one process, but told are {threads:?}"
    );
    ensure!(
        threads.len() <= 1 || by == By::Threads,
        "{name}: one thread, but told are {threads:?}"
    );
    Ok(())
}

/// How many work at a time.
const CROWD: usize = 4;

fn crowd(context: &Context, threads: bool) -> Result<()> {
    let mut jobs = Jobs::new(context)?;
    // Jobs with one file share its map of blocks, and the first would take them all.
    let mode = format!(
        "ioengine=psync\nrw=randrw\nbs=4k\nnorandommap=1\nthread={}",
        u8::from(threads)
    );
    for job in 0..CROWD {
        jobs.add(&format!("own-{job}"), &mode)?;
    }
    jobs.add("shared", &format!("numjobs={CROWD}\n{mode}"))?;
    let (traced, done) = run(context, &jobs)?;

    let count = |name| done.get(name).map_or(0, Vec::len);
    ensure!(
        done.len() == CROWD + 1 && count("shared") == CROWD,
        "fio says {done:?}"
    );
    let sum = |(name, counts): (&String, &Vec<Counts>)| {
        (jobs.dir.join(name), counts.iter().copied().sum())
    };
    let expected = done.iter().map(sum).collect();
    let mut reported = traced.seen.sums(|row| row.path().unwrap_or_default());
    reported.retain(|path, _| path.starts_with(&jobs.dir));
    compare_but(&expected, &reported, traced.seen.left_out())?;

    let shared = Some(jobs.dir.join("shared"));
    let of_shared = traced.seen.rows.iter().filter(|row| row.path() == shared);
    let (pids, tids): (BTreeSet<_>, BTreeSet<_>) = of_shared.map(|row| (row.pid, row.tid)).unzip();
    ensure!(tids.len() == CROWD, "the shared file has threads {tids:?}");
    let processes = if threads { 1 } else { CROWD };
    ensure!(
        pids.len() == processes,
        "the shared file has processes {pids:?}"
    );
    Ok(())
}
