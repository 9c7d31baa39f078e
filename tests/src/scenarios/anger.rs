//! Everything at once, at random, and every number must be right.

use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::Scenario;
use super::anger_sums::{same, went_wild};
use crate::counts::Counts;
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
                by_user(context, files, seed, &[])
            })
        },
    },
    Scenario {
        name: "one_id_of_two_processes",
        proves: "when the id of a thread becomes that of another process within a millisecond, each \
                 process has its own rows",
        run: in_turn,
    },
];

/// A user that nobody is.
const USER: &str = "54322";

/// The same on every run; one more is another each time, and the only one on a slow machine.
const SEEDS: [u64; 2] = [1, 2];

/// Too small for what is written there.
const TINY: &str = "size=256k,nr_inodes=64";

fn for_each_seed(
    context: &Context,
    run: fn(&Context, &Files, u64) -> Result<(AngerReport, Rows)>,
) -> Result<()> {
    Skip::unless_root("ids and users can not be chosen")?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let new = u64::from(now.subsec_nanos());
    let seeds = match machine::is_emulated() {
        true => vec![new],
        false => SEEDS.into_iter().chain([new]).collect(),
    };
    for seed in seeds {
        let files = Files::make(context, seed)?;
        let outcome = run(context, &files, seed).and_then(|(report, seen)| {
            let rows = seen.rows.iter().filter(|row| files.have(row));
            let pairs = same(&report, rows)?;
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

fn followed(context: &Context, files: &Files, seed: u64) -> Result<(AngerReport, Rows)> {
    let listening = Listening::new(context, &format!("socket-{seed}"))?;
    let seed = seed.to_string();
    let options = [&["--seed", &seed], &files.options()?[..]].concat();
    let command = listening.workload("anger", &options)?;
    let options = [&["0.1".to_owned()], &command[..]].concat();
    let tracer = Tracer::start(context, "top", &options, Rows::of_reused_ids())?;
    let guest = listening.accept(context)?;
    let report = guest.report()?;
    let (seen, _) = tracer.finish(0)?;
    Ok((report, seen))
}

fn by_user(
    context: &Context,
    files: &Files,
    seed: u64,
    more: &[&str],
) -> Result<(AngerReport, Rows)> {
    let seed = seed.to_string();
    let options = ["anger", "--seed", &seed, "--uid", USER];
    let options = [&options, &files.options()?[..], more].concat();
    let mut workload = Workload::start(context, &options)?;
    let options = ["--uid", USER, "0.1"];
    let tracer = Tracer::start(context, "top", &options, Rows::of_reused_ids())?;
    workload.go()?;
    let report = workload.finish()?;
    let (seen, _) = tracer.stop()?;
    Ok((report, seen))
}

fn in_turn(context: &Context) -> Result<()> {
    Skip::unless_root("ids can not be chosen")?;
    let files = Files::make(context, 0)?;
    let (report, seen) = by_user(context, &files, 0, &["--ids-in-turn"])?;
    let pairs = same(&report, seen.rows.iter().filter(|row| files.have(row)))?;
    println!("     {pairs}, {} ids reused", report.reused);
    ensure!(report.reused > 0, "no id was used twice");
    files.remove()
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
        // Lazily, because a tracer may be looking.
        umount2(&self.tiny, MntFlags::MNT_DETACH)?;
        Ok(fs::remove_dir_all(&self.disk)?)
    }

    /// Whether a row may be of the workload's files. The C library reads others.
    fn have(&self, row: &Io) -> bool {
        row.path().is_none_or(|path| {
            row.path_cut || path.starts_with(&self.disk) || path.starts_with(&self.tiny)
        })
    }
}
