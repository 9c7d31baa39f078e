//! Sums by user.

use anyhow::{Result, ensure};

use super::exact::{MIB, about};
use crate::harness::{Context, Procs, Tracer, Workload, plain};
use crate::scenarios::Scenario;
use crate::work::DiskReport;

pub const BY_USER: Scenario = Scenario {
    name: "procs_by_user",
    proves: "with `--by user` a user's row has what the processes of that user did, and `--uid` \
             leaves out all others",
    run: by_user,
};

fn by_user(context: &Context) -> Result<()> {
    let uid = nix::unistd::geteuid().as_raw();
    let dir = context.make_dir("disk")?;
    let words = ["disk", "--dir", plain(&dir)?, "--write", "30"];
    let mut workload = Workload::start(context, &words)?;
    let id = workload.pid().to_string();
    let options = ["--by", "user", "--pid", &id, "0.3"];
    let tracer = Tracer::start(context, "procs", &options, Procs::default())?;
    let nobody = (uid + 1).to_string();
    let options = ["--by", "user", "--uid", &nobody, "0.3"];
    let other = Tracer::start(context, "procs", &options, Procs::of_all())?;
    workload.go()?;
    let report: DiskReport = workload.finish()?;
    let ((seen, _), (others, _)) = (tracer.stop()?, other.stop()?);
    let told = seen.sum(|_| true);
    let own = report.after.since(&report.before);
    ensure!(
        told.disk_write_bytes == own.write_bytes,
        "told {told:?}, on account {own:?}"
    );
    about(told.disk_write_bytes, 30)?;
    for row in &seen.rows {
        let is_sum = row.pid.is_none() && row.processes == Some(1) && row.uid.is_none();
        ensure!(is_sum && row.group.is_some(), "no sum: {row:?}");
    }
    ensure!(
        uid != 0
            || seen
                .rows
                .iter()
                .all(|row| row.group.as_deref() == Some("root"))
    );
    let others = others.sum(|_| true).disk_write_bytes;
    ensure!(others < 30 * MIB, "another user has {others} bytes");
    Ok(())
}
