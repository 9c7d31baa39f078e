//! Everything at once, at random, and every number must be right.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::Scenario;
use super::anger_sums::{same, went_wild};
use crate::counts::{Counts, compare_but};
use crate::harness::{Context, Io, Listening, Rows, Skip, Tracer, Workload, plain};
use crate::machine;
use crate::work::AngerReport;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "anger_followed",
        proves: "`top -- COMMAND` counts every operation and byte of a random tree of processes and \
                 threads, by thread, file and both, while ids and inodes are reused, files renamed, \
                 cut and unlinked, descriptors inherited and passed on, and calls fail",
        run: |context| for_each_seed(context, followed),
    },
    Scenario {
        name: "anger_by_user",
        proves: "`top --uid` counts the same for all processes of a user",
        run: |context| {
            for_each_seed(context, |context, files, seed| {
                let (report, seen) = by_user(context, files, seed, &[])?;
                let left_out = seen.left_out();
                Ok((report, seen, left_out))
            })
        },
    },
    Scenario {
        name: "one_id_of_two_processes",
        proves: "when the id of a thread becomes that of another process within a millisecond, each \
                 process has its own rows",
        run: in_turn,
    },
    Scenario {
        name: "anger_through_64_rows",
        proves: "with thousands of pairs of thread and file in a map of 64 rows, rows and overflow of \
                 all ticks are what was done, exactly, and no tick has more rows",
        run: through_64_rows,
    },
];

/// A user that nobody is.
const USER: &str = "54322";

/// The same on every run; one more is another each time, and the only one on a slow machine.
const SEEDS: [u64; 2] = [1, 2];

/// Too small for what is written there.
const TINY: &str = "size=256k,nr_inodes=64";

/// What was done, what was reported, and how many operations may be missing.
type Seen = (AngerReport, Rows, u64);

fn for_each_seed(context: &Context, run: fn(&Context, &Files, u64) -> Result<Seen>) -> Result<()> {
    Skip::unless_root("ids and users can not be chosen")?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let new = u64::from(now.subsec_nanos());
    let seeds = match machine::is_emulated() {
        true => vec![new],
        false => SEEDS.into_iter().chain([new]).collect(),
    };
    for seed in seeds {
        let files = Files::make(context, seed)?;
        let outcome = run(context, &files, seed).and_then(|(report, seen, left_out)| {
            let rows = seen.rows.iter().filter(|row| files.have(row));
            let pairs = same(&report, rows, left_out)?;
            println!("     seed {seed}: {pairs}, {} ticks", seen.ticks.len());
            ensure!(
                seen.overflow() == Counts::ZERO,
                "overflow: {}",
                seen.overflow()
            );
            went_wild(&report)
        });
        outcome.with_context(|| format!("seed {seed}"))?;
        files.remove()?;
    }
    Ok(())
}

/// `top` in a run in which ids are reused, and the kernel may leave out programs.
fn watch<A: AsRef<str>>(context: &Context, options: &[A]) -> Result<Tracer<Rows>> {
    let rows = Rows::of_reused_ids().or_left_out();
    Tracer::start(context, "top", options, rows)
}

fn followed(context: &Context, files: &Files, seed: u64) -> Result<Seen> {
    let listening = Listening::new(context, &format!("socket-{seed}"))?;
    let seed = seed.to_string();
    let options = [&["--seed", &seed], &files.options()?[..]].concat();
    let command = listening.workload("anger", &options)?;
    let options = [&["0.1".to_owned()], &command[..]].concat();
    let tracer = watch(context, &options)?;
    let guest = listening.accept(context)?;
    let report = guest.report()?;
    let (seen, _) = tracer.finish(0)?;
    // If the birth of a process was left out, all that it did is missing.
    let left_out = match seen.left_out() {
        0 => 0,
        _ => u64::MAX,
    };
    Ok((report, seen, left_out))
}

fn by_user(
    context: &Context,
    files: &Files,
    seed: u64,
    more: &[&str],
) -> Result<(AngerReport, Rows)> {
    let mut workload = start(files, context, seed, more)?;
    let options = ["--uid", USER, "0.1"];
    let tracer = watch(context, &options)?;
    workload.go()?;
    let report = workload.finish()?;
    let (seen, _) = tracer.stop()?;
    Ok((report, seen))
}

/// The workload as processes of the user.
fn start(files: &Files, context: &Context, seed: u64, more: &[&str]) -> Result<Workload> {
    let seed = seed.to_string();
    let options = ["anger", "--seed", &seed, "--uid", USER];
    Workload::start(context, &[&options, &files.options()?[..], more].concat())
}

fn in_turn(context: &Context) -> Result<()> {
    Skip::unless_root("ids can not be chosen")?;
    let files = Files::make(context, 0)?;
    let (report, seen) = by_user(context, &files, 0, &["--ids-in-turn"])?;
    let rows = seen.rows.iter().filter(|row| files.have(row));
    let pairs = same(&report, rows, seen.left_out())?;
    println!("     {pairs}, {} ids reused", report.reused);
    ensure!(report.reused > 0, "no id was used twice");
    files.remove()
}

fn through_64_rows(context: &Context) -> Result<()> {
    const ROWS: u64 = 64;
    Skip::unless_root("users can not be chosen")?;
    let files = Files::make(context, 0)?;
    let mut workload = start(&files, context, 0, &[])?;
    let rows = ROWS.to_string();
    let options = ["--uid", USER, "--map-rows", &rows, "0.1"];
    let tracer = watch(context, &options)?;
    workload.go()?;
    let report: AngerReport = workload.finish()?;
    let (seen, _) = tracer.stop()?;
    files.remove()?;

    let done: Counts = report.touched.iter().map(|touched| touched.counts).sum();
    compare_but(
        &[("all", done)].into(),
        &[("all", seen.total())].into(),
        seen.left_out(),
    )?;
    let most = seen.ticks.iter().filter_map(|tick| tick.rows).max();
    ensure!(most <= Some(ROWS), "{most:?} rows in one tick");
    let overflow = seen.overflow();
    ensure!(overflow != Counts::ZERO, "no overflow: nothing was proved");
    println!(
        "     {} pairs of thread and file, at most {most:?} rows a tick; {done}, without a row {overflow}",
        report.touched.len()
    );
    Ok(())
}

/// Where the files of one run are: on the disk, and in a mount that is soon full.
struct Files {
    disk: PathBuf,
    tiny: PathBuf,
}

impl Files {
    fn make(context: &Context, seed: u64) -> Result<Self> {
        let disk = context.make_dir(&format!("disk-{seed}"))?;
        let tiny = context.make_dir(&format!("tiny-{seed}"))?;
        let tmpfs = Some("tmpfs");
        mount(tmpfs, &tiny, tmpfs, MsFlags::empty(), Some(TINY)).context("tmpfs")?;
        Ok(Self { disk, tiny })
    }

    fn options(&self) -> Result<[&str; 8]> {
        let (disk, tiny) = (plain(&self.disk)?, plain(&self.tiny)?);
        // Most on the disk, where inode numbers are used again.
        Ok(["--dir", disk, "--dir", disk, "--dir", disk, "--dir", tiny])
    }

    fn remove(self) -> Result<()> {
        Ok(fs::remove_dir_all(&self.disk)?)
    }

    /// Whether a row may be of what the workload does itself: while a program starts, others are
    /// read.
    fn have(&self, row: &Io) -> bool {
        row.path().is_none_or(|path| {
            let places: [&Path; 3] = [&self.disk, &self.tiny, Path::new("/proc/sys/kernel")];
            row.path_cut || places.iter().any(|place| path.starts_with(place))
        })
    }
}

impl Drop for Files {
    /// Also after a failure: a directory in which something is mounted can not be removed.
    fn drop(&mut self) {
        // Lazily, because a tracer may be looking.
        umount2(&self.tiny, MntFlags::MNT_DETACH).ok();
    }
}
