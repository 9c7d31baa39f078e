//! More files than are followed.

use anyhow::{Context as _, Result, ensure};

use crate::harness::{Context, Lives, Tracer, Workload, plain};
use crate::scenarios::Scenario;
use crate::work::Report;

pub const FULL: Scenario = Scenario {
    name: "churn_full",
    proves: "with `--max-files 100`, of 1,000 files that live at a time 100 are followed, and the \
             others counted as lost",
    run: full,
};

const FILES: u64 = 1000;
const ROOM: u64 = 100;

fn full(context: &Context) -> Result<()> {
    let dir = context.make_dir("files")?;
    let words = ["files", "--dir", plain(&dir)?, "--count", "1000"];
    let mut files = Workload::start(context, &[&words[..], &["--batch", "1000"]].concat())?;
    let pid = files.pid().to_string();
    let options = ["--pid", &pid, "--max-files", "100", "0.1"];
    let sink = Lives::allowing(&["files_untracked"]);
    let tracer = Tracer::start(context, "churn", &options, sink)?;
    files.go()?;
    let report: Report = files.finish()?;
    let (seen, end) = tracer.stop()?;

    ensure!(report.files == FILES, "{report:?}");
    let untracked = end.lost.get("files_untracked").copied();
    let untracked = untracked.context("no `files_untracked`")?;
    let (created, alive) = (seen.sum(|one| one.created), seen.sum(|one| one.alive));
    ensure!(
        (created, alive, untracked) == (ROOM, ROOM, FILES - ROOM),
        "made, alive, lost: {:?}",
        (created, alive, untracked)
    );
    ensure!(seen.lives.is_empty(), "nothing ended: {:?}", seen.lives);
    ensure!(
        seen.most_files == ROOM,
        "a tick says that {} files are followed",
        seen.most_files
    );
    Ok(())
}
