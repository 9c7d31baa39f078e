//! Files that are brought to storage.

use std::path::Path;

use anyhow::{Result, ensure};
use serde::Deserialize;

use crate::harness::{Context, End, Sink, Skip, Tracer, Workload, parse, plain};
use crate::scenarios::Scenario;
use crate::scenarios::paths::places::Mounted;
use crate::work::DiskReport;

pub const SYNCS: Scenario = Scenario {
    name: "procs_syncs",
    proves: "20 times fsync on a file are 20 records `sync`",
    run: |context| syncs(context, &context.make_dir("disk")?),
};

pub const ON_OVERLAY: Scenario = Scenario {
    name: "procs_syncs_on_overlay",
    proves: "so they are on an overlay, which does the same with the file below",
    run: |context| {
        Skip::unless_root("nothing can be mounted")?;
        let overlay = Mounted::overlay(context, "merged")?;
        syncs(context, overlay.path())
    },
};

const SYNCS_DONE: usize = 20;

/// Which process brought a file to storage.
#[derive(Default)]
struct Syncs(Vec<u32>);

#[derive(Deserialize)]
struct Sync {
    pid: u32,
}

impl Sink for Syncs {
    fn record(&mut self, kind: &str, line: &str) -> Result<()> {
        if kind == "sync" {
            self.0.push(parse::<Sync>(line)?.pid);
        }
        Ok(())
    }

    fn end(&mut self, _: &End) -> Result<()> {
        Ok(())
    }
}

fn syncs(context: &Context, dir: &Path) -> Result<()> {
    let times = SYNCS_DONE.to_string();
    let words = ["disk", "--dir", plain(dir)?, "--syncs", &times];
    let mut workload = Workload::start(context, &words)?;
    let pid = workload.pid();
    let id = pid.to_string();
    let options = ["--pid", &id, "--interval", "0.3"];
    let tracer = Tracer::start(context, "events", &options, Syncs::default())?;
    workload.go()?;
    let _: DiskReport = workload.finish()?;
    let (seen, _) = tracer.stop()?;
    println!("     {} of {SYNCS_DONE}", seen.0.len());
    ensure!(seen.0 == [pid; SYNCS_DONE], "not so many");
    Ok(())
}
