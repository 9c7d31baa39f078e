//! Every kind of open is told, or named as not told.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};

use super::gaps::Here;
use crate::harness::{Context, OF_OTHERS, Open, Opens, Tracer, Workload, plain};
use crate::machine;
use crate::scenarios::Scenario;
use crate::work::{OpenPathsReport, Opened};

pub const OPENS: Scenario = Scenario {
    name: "paths_opens",
    proves: "`opens` tells opens relative to a directory, by handle, by io_uring and by exec, and \
             files without a name, with absolute path, descriptor and `created`, and their failures \
             with the error",
    run: opens,
};

/// An open, done or told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    pid: u32,
    tid: u32,
    path: Option<PathBuf>,
    fd: Option<i32>,
    created: Option<bool>,
    via: Option<String>,
    errno: Option<i32>,
}

/// How often it was done, and told.
#[derive(Default)]
struct Times {
    done: usize,
    told: usize,
}

fn opens(context: &Context) -> Result<()> {
    let dir = context.make_dir("opens")?;
    let command = ["open-paths", "--dir", plain(&dir)?];
    let mut workload = Workload::start(context, &command)?;
    let no_options: [&str; 0] = [];
    let sink = Opens::allowing(OF_OTHERS);
    let tracer = Tracer::start(context, "opens", &no_options, sink)?;
    let here = Here::new(context, tracer.unseen()?)?;
    workload.go()?;
    let report: OpenPathsReport = workload.finish()?;
    let (seen, _) = tracer.stop()?;

    for untried in &report.untried {
        println!("untried: open_{}: {}", untried.way, untried.why);
    }
    ensure!(
        report.untried.is_empty() || !machine::is_emulated(),
        "untried, where all can be tried: {:?}",
        report.untried
    );
    let mut ways: BTreeMap<&str, BTreeMap<Key, Times>> = BTreeMap::new();
    let mut way_of = BTreeMap::new();
    for done in &report.opened {
        let key = key_of_done(done);
        way_of.insert(key.clone(), done.way.as_str());
        let times = ways.entry(&done.way).or_default().entry(key).or_default();
        times.done += 1;
    }
    let mut wrong = Vec::new();
    for open in of_workload(&seen.opens, &dir, &report) {
        let key = key_of(open);
        match way_of.get(&key) {
            Some(way) => {
                let times = ways.entry(way).or_default().entry(key).or_default();
                times.told += 1;
            }
            None => wrong.push(format!("was not done: {open:?}")),
        }
    }
    for (way, opens) in &ways {
        if let Err(error) = judge(&here, &format!("open_{way}"), opens) {
            wrong.push(format!("open_{way}: {error:#}"));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// Those of the workload: it is alone in the directory. Of failures, those that are no calls of the
/// open family, which libraries use for themselves.
fn of_workload<'a>(
    opens: &'a [Open],
    dir: &'a Path,
    report: &OpenPathsReport,
) -> impl Iterator<Item = &'a Open> {
    let pids: BTreeSet<u32> = report.opened.iter().map(|done| done.pid).collect();
    opens.iter().filter(move |open| match open.errno {
        Some(_) => open.via.is_some() && pids.contains(&open.pid),
        None => open.path().is_some_and(|path| path.starts_with(dir)),
    })
}

fn key_of_done(done: &Opened) -> Key {
    Key {
        pid: done.pid,
        tid: done.tid,
        path: done.path.clone(),
        fd: done.fd,
        created: done.created,
        via: done.via.clone(),
        errno: done.errno,
    }
}

/// Of what `opens` told. A file without a name is told as `#INODE` in its directory, and what is
/// executed was surely not created.
fn key_of(open: &Open) -> Key {
    let mut path = open.path();
    if let Some(path) = &mut path {
        let name = path.file_name().map(|name| name.to_string_lossy());
        if name.is_some_and(|name| name.starts_with('#')) {
            path.pop();
        }
    }
    Key {
        pid: open.pid,
        tid: open.tid,
        path,
        fd: open.fd,
        created: open.created.filter(|created| open.fd.is_some() || *created),
        via: open.via.clone(),
        errno: open.errno,
    }
}

fn judge(here: &Here, way: &str, opens: &BTreeMap<Key, Times>) -> Result<()> {
    let done: usize = opens.values().map(|times| times.done).sum();
    let told: usize = opens.values().map(|times| times.told).sum();
    let judged = compare(here, way, opens, told);
    // Figures that are equal only as a whole must not look exact in the table.
    if judged.is_ok() || told != done {
        let note = if matches!(judged, Ok(true)) {
            " gap"
        } else {
            ""
        };
        println!("accuracy: {way} {told}/{done}{note}");
    }
    judged.map(drop)
}

/// Whether it is a gap.
fn compare(here: &Here, way: &str, opens: &BTreeMap<Key, Times>, told: usize) -> Result<bool> {
    if here.is_gap(way)? {
        ensure!(told == 0, "named as not told, but told {told} times");
        return Ok(true);
    }
    let mut different = opens.iter().filter(|(_, times)| times.done != times.told);
    if let Some((key, Times { done, told })) = different.next() {
        bail!("done {done} times, told {told} times: {key:?}");
    }
    Ok(false)
}
