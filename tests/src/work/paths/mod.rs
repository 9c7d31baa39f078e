//! Every way into a file, each with a known amount of I/O: on files of its own, first by one
//! thread, then by four at once.
//!
//! What is touched lies in `DIR/WAY`. Files that are there before lie still until the go, so that
//! nothing but the way itself is done to them.

mod aio;
mod aio_queue;
pub mod aligned;
pub mod cached;
mod calls;
mod copies;
pub mod crowds;
mod large;
mod ledger;
mod mapped;
pub mod opens;
mod opens_unnamed;
mod place;
mod programs;
pub mod refused;
mod uring;
mod vectors;

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Barrier;
use std::thread;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

use super::protocol::{bound_lifetime, ready, say};
use ledger::Ledger;
pub use ledger::{Done, Report, Untried};
use place::Place;

/// Bytes of a file that is read: no multiple of anything.
const LENGTH: usize = 300_007;
/// Threads of a round.
const ROUNDS: [usize; 2] = [1, 4];
/// Of a round of processes.
const PROCESSES: usize = 2;

/// A way into a file.
struct Way {
    name: &'static str,
    /// Makes what is there before, for one thread.
    make: fn(&Place) -> Result<()>,
    /// Goes it.
    work: fn(&Place, &mut Ledger) -> Result<()>,
}

const fn way(
    name: &'static str,
    make: fn(&Place) -> Result<()>,
    work: fn(&Place, &mut Ledger) -> Result<()>,
) -> Way {
    Way { name, make, work }
}

const WAYS: &[Way] = &[
    way("plain", place::source, calls::plain),
    way("vectors", place::source, vectors::vectors),
    way("direct", place::source, calls::direct),
    way("copied_up", |_| Ok(()), calls::copied_up),
    way("block_device", |_| Ok(()), calls::block_device),
    way("above_4_gib", place::sparse, large::above),
    way("above_4_gib_read", place::sparse, large::read),
    way("above_4_gib_written", |_| Ok(()), large::written),
    way("uring", place::source, uring::plain),
    way("uring_vectors", place::source, uring::vectors),
    way("uring_fixed_buffers", place::source, uring::fixed_buffers),
    way("uring_fixed_files", place::source, uring::fixed_files),
    way("uring_direct", place::source, uring::direct),
    way("uring_direct_fixed", place::source, uring::direct_fixed),
    way("uring_worker", place::source, uring::worker),
    way("uring_sqpoll", place::source, uring::sqpoll),
    way("aio", place::source, aio::buffered),
    way("aio_direct", place::source, aio::direct),
    way("aio_other_reaper", place::source, aio::other_reaper),
    way("aio_user_reaped", place::source, aio::user_reaped),
    way("sendfile", place::source, copies::sendfile),
    way("splice", place::source, copies::splice),
    way("copy_file_range", place::source, copies::copy_file_range),
    way("reflink", place::source, copies::reflink),
    way("mapped_reads", place::source, mapped::reads),
    way("mapped_reads_cold", place::source, mapped::cold),
    way("mapped_writes", place::source, mapped::writes),
    way("kernel_reads", programs::make, programs::start),
];

/// Options of the ways.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where the files are made.
    #[arg(long)]
    dir: PathBuf,
    /// Which ways (may be repeated).
    #[arg(long = "way", required = true)]
    ways: Vec<String>,
    /// A block device to read and write.
    #[arg(long)]
    device: Option<PathBuf>,
    /// Processes instead of threads.
    #[arg(long)]
    fork: bool,
}

/// Goes each way.
pub fn run(options: &Options) -> Result<()> {
    let ways = options.ways.iter().map(|name| {
        let way = WAYS.iter().find(|way| way.name == name);
        way.with_context(|| format!("no way {name:?}"))
    });
    let ways: Vec<&Way> = ways.collect::<Result<_>>()?;
    let rounds: &[usize] = if options.fork { &[PROCESSES] } else { &ROUNDS };
    for way in &ways {
        for threads in rounds {
            for place in places(options, way, *threads) {
                (way.make)(&place).with_context(|| format!("files of {}", way.name))?;
            }
        }
    }
    // Nothing of that may be written, or be young, when it is looked at.
    nix::unistd::sync();
    ready()?;
    let mut report = Report {
        pids: vec![std::process::id()],
        ..Report::default()
    };
    for way in &ways {
        for threads in rounds {
            let places = places(options, way, *threads);
            let part = match options.fork {
                true => by_processes(way, &places),
                false => by_threads(way, &places),
            };
            report.add(part.with_context(|| way.name)?);
        }
    }
    say(&report)
}

/// One for each thread of a round.
fn places(options: &Options, way: &Way, threads: usize) -> Vec<Place> {
    let place = |thread| Place {
        dir: options.dir.join(way.name),
        device: options.device.clone(),
        round: threads,
        thread,
    };
    (0..threads).map(place).collect()
}

fn by_threads(way: &Way, places: &[Place]) -> Result<Report> {
    let start = Barrier::new(places.len());
    let parts: Vec<Result<Report>> = thread::scope(|scope| {
        let start = &start;
        let spawn = |place| {
            scope.spawn(move || {
                start.wait();
                one(way, place)
            })
        };
        let workers: Vec<_> = places.iter().map(spawn).collect();
        let joined = workers.into_iter().map(|worker| worker.join());
        joined
            .map(|part| part.map_err(|_panic| anyhow!("a worker panicked"))?)
            .collect()
    });
    let mut report = Report::default();
    for part in parts {
        report.add(part?);
    }
    Ok(report)
}

fn one(way: &Way, place: &Place) -> Result<Report> {
    let mut ledger = Ledger::new(way.name);
    (way.work)(place, &mut ledger)?;
    Ok(ledger.close())
}

/// Each tells its part through a pipe, which nobody looks at.
fn by_processes(way: &Way, places: &[Place]) -> Result<Report> {
    let mut children = Vec::new();
    for place in places {
        let (reader, writer) = io::pipe()?;
        // SAFETY: this process has one thread, so the child may do whatever the parent may.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => children.push((child, reader)),
            ForkResult::Child => {
                bound_lifetime();
                let told =
                    one(way, place).and_then(|report| Ok(serde_json::to_writer(writer, &report)?));
                if let Err(error) = &told {
                    eprintln!("iotrace-tests: {error:#}");
                }
                // SAFETY: leaves without the parent's buffers and handlers.
                unsafe { libc::_exit(i32::from(told.is_err())) };
            }
        }
    }
    let mut report = Report::default();
    for (child, mut reader) in children {
        let mut said = String::new();
        reader.read_to_string(&mut said)?;
        match waitpid(child, None)? {
            WaitStatus::Exited(_, 0) => report.add(serde_json::from_str(&said)?),
            status => bail!("a child: {status:?}"),
        }
    }
    ensure!(!report.pids.is_empty(), "no child");
    Ok(report)
}
