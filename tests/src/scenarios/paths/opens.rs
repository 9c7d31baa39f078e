//! Every kind of open is told, or named as not told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};

use super::gaps::Here;
use crate::harness::{Context, OF_OTHERS, Open, Opens, Tracer, Workload, plain};
use crate::scenarios::Scenario;
use crate::work::{OpenPathsReport, Opened};

pub const OPENS: Scenario = Scenario {
    name: "paths_opens",
    proves: "`opens` tells opens relative to a directory, by handle, by io_uring and by exec, and \
             files without a name, with absolute path, descriptor and `created`",
    run: opens,
};

/// Process, thread, path, descriptor, `created` and `via`.
type Key = (u32, u32, PathBuf, Option<i32>, Option<bool>, Option<String>);

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
    let mut ways: BTreeMap<&str, BTreeMap<Key, Times>> = BTreeMap::new();
    let mut way_of = BTreeMap::new();
    for done in &report.opened {
        let key = key_of_done(done);
        way_of.insert(key.clone(), done.way.as_str());
        let times = ways.entry(&done.way).or_default().entry(key).or_default();
        times.done += 1;
    }
    let mut wrong = Vec::new();
    for open in succeeded(&seen.opens, &dir) {
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

/// Those of the workload: it is alone in the directory.
fn succeeded<'a>(opens: &'a [Open], dir: &'a Path) -> impl Iterator<Item = &'a Open> {
    opens.iter().filter(move |open| {
        let path = open.path();
        open.errno.is_none() && path.is_some_and(|path| path.starts_with(dir))
    })
}

fn key_of_done(done: &Opened) -> Key {
    (
        done.pid,
        done.tid,
        done.path.clone(),
        done.fd,
        done.created,
        done.via.clone(),
    )
}

/// Of what `opens` told. A file without a name is told as `#INODE` in its directory, and what is
/// executed was surely not created.
fn key_of(open: &Open) -> Key {
    let mut path = open.path().unwrap_or_default();
    let name = path.file_name().map(|name| name.to_string_lossy());
    if name.is_some_and(|name| name.starts_with('#')) {
        path.pop();
    }
    let created = open.created.filter(|created| open.fd.is_some() || *created);
    let (fd, via) = (open.fd, open.via.clone());
    (open.pid, open.tid, path, fd, created, via)
}

fn judge(here: &Here, way: &str, opens: &BTreeMap<Key, Times>) -> Result<()> {
    let done: usize = opens.values().map(|times| times.done).sum();
    let told: usize = opens.values().map(|times| times.told).sum();
    let gap = here.is_gap(way);
    let proven = matches!(gap, Ok(true)) && told == 0;
    let note = if proven { " gap" } else { "" };
    println!("accuracy: {way} {told}/{done}{note}");
    if gap? {
        ensure!(proven, "named as not told, but told {told} times");
        return Ok(());
    }
    let mut different = opens.iter().filter(|(_, times)| times.done != times.told);
    if let Some((key, Times { done, told })) = different.next() {
        bail!("done {done} times, told {told} times: {key:?}");
    }
    Ok(())
}
