//! To the byte and to the call.

use anyhow::{Context as _, Result, ensure};

use crate::harness::{Context, Proc, Procs, Tracer, Workload, plain};
use crate::scenarios::Scenario;
use crate::work::DiskReport;

pub const DIRECT: Scenario = Scenario {
    name: "procs_direct",
    proves: "what a process writes and reads past the cache is told to the byte and to the call, and \
             its totals are those of its own /proc/self/io",
    run: direct,
};

pub const CANCELLED: Scenario = Scenario {
    name: "procs_cancelled",
    proves: "of 20 MiB in files that are removed before they are written, all are told as cancelled, \
             as /proc/self/io has them",
    run: cancelled,
};

pub const THREADS: Scenario = Scenario {
    name: "procs_threads",
    proves: "with `-t` each thread is told by name, with its own bytes",
    run: threads,
};

pub const ONE_THREAD: Scenario = Scenario {
    name: "procs_one_thread",
    proves: "with `-t` the only thread of a process is told to the byte, and that it has ended",
    run: one_thread,
};

pub const END_TOGETHER: Scenario = Scenario {
    name: "procs_threads_end_together",
    proves: "8 threads write 1 MiB each and end with their process, which is told once, with all 8 MiB",
    run: end_together,
};

pub const MIB: u64 = 1 << 20;

/// Pages that file systems dirty for themselves on behalf of who writes: inodes, bitmaps, extents.
/// They are in the kernel's account of a process as its own bytes are.
const OF_FILE_SYSTEM: u64 = MIB;

/// Fails unless these are MiB, but for what the file system adds.
pub fn about(bytes: u64, mib: u64) -> Result<()> {
    let range = mib * MIB..=mib * MIB + OF_FILE_SYSTEM;
    ensure!(range.contains(&bytes), "{bytes} bytes are not {mib} MiB");
    Ok(())
}

/// Watches it from before its go until after its end.
fn watch(context: &Context, options: &[&str]) -> Result<(DiskReport, Procs)> {
    let dir = context.make_dir("disk")?;
    let words = [&["disk", "--dir", plain(&dir)?], options].concat();
    let mut workload = Workload::start(context, &words)?;
    // All: it may end without having done anything since the look before.
    let tracer = Tracer::start(context, "procs", &["--all", "0.3"], Procs::of_all())?;
    workload.go()?;
    let report: DiskReport = workload.finish()?;
    let (seen, _) = tracer.stop()?;
    Ok((report, seen))
}

/// The same, of nothing but this process.
fn watch_pid(
    context: &Context,
    work: &[&str],
    options: &[&str],
    interval: &str,
) -> Result<(DiskReport, Procs)> {
    let dir = context.make_dir("disk")?;
    let words = [&["disk", "--dir", plain(&dir)?], work].concat();
    let mut workload = Workload::start(context, &words)?;
    let id = workload.pid().to_string();
    let options = [options, &["--pid", &id, interval]].concat();
    let tracer = Tracer::start(context, "procs", &options, Procs::default())?;
    workload.go()?;
    let report = workload.finish()?;
    let (seen, _) = tracer.stop()?;
    Ok((report, seen))
}

fn is_of(row: &Proc, report: &DiskReport) -> bool {
    row.pid == Some(report.pid)
}

/// The sums are what the kernel told the process of itself, and so are the totals.
fn as_account(report: &DiskReport, seen: &Procs) -> Result<()> {
    let told = seen.sum(|row| is_of(row, report));
    let own = report.after.since(&report.before);
    println!("     {own:?}");
    ensure!(
        (
            told.disk_read_bytes,
            told.disk_write_bytes,
            told.cancelled_write_bytes
        ) == (own.read_bytes, own.write_bytes, own.cancelled_write_bytes),
        "told {told:?}, on account {own:?}"
    );
    // Besides: the go, its two looks at its account, and the end of stdin.
    ensure!(
        told.read_syscalls == report.reads + 4,
        "{} reads, {} of them of its files",
        told.read_syscalls,
        report.reads
    );
    // Besides: its sums.
    ensure!(
        told.write_syscalls == report.writes + 1,
        "{} writes, {} of them to its files",
        told.write_syscalls,
        report.writes
    );
    let last = seen.rows.iter().rfind(|row| is_of(row, report));
    let last = last.context("no row")?;
    ensure!(last.ended, "its end is not told");
    let total = last.total.context("no totals")?;
    let told = [
        total.disk_read_bytes_total,
        total.disk_write_bytes_total,
        total.cancelled_write_bytes_total,
        total.read_syscalls_total,
        total.write_syscalls_total,
    ];
    let own = &report.after;
    let own = [
        own.read_bytes,
        own.write_bytes,
        own.cancelled_write_bytes,
        // After the look at it: that look, and the end of stdin; its sums.
        own.read_calls + 2,
        own.write_calls + 1,
    ];
    ensure!(told == own, "totals {told:?}, on account {own:?}");
    Ok(())
}

fn direct(context: &Context) -> Result<()> {
    let (report, seen) = watch(context, &["--write", "24", "--read", "40"])?;
    ensure!((report.writes, report.reads) == (24, 40), "{report:?}");
    as_account(&report, &seen)?;
    let told = seen.sum(|row| is_of(row, &report));
    about(told.disk_write_bytes, 24)?;
    ensure!(told.disk_read_bytes == 40 * MIB, "{told:?}");
    ensure!(told.cancelled_write_bytes == 0, "{told:?}");
    Ok(())
}

fn cancelled(context: &Context) -> Result<()> {
    let (report, seen) = watch(context, &["--cancel", "20"])?;
    as_account(&report, &seen)?;
    let told = seen.sum(|row| is_of(row, &report));
    about(told.disk_write_bytes, 20)?;
    about(told.cancelled_write_bytes, 20)
}

fn threads(context: &Context) -> Result<()> {
    let dir = context.make_dir("disk")?;
    let words = ["disk", "--dir", plain(&dir)?, "--threads", "4"];
    let mut workload = Workload::start(context, &words)?;
    let pid = workload.pid();
    let id = pid.to_string();
    let options = ["-t", "--pid", &id, "0.3"];
    let tracer = Tracer::start(context, "procs", &options, Procs::default())?;
    workload.go()?;
    // Threads are told as long as they are there.
    tracer.wait_until("10 MiB", |seen| {
        seen.sum(|_| true).disk_write_bytes >= 10 * MIB
    })?;
    let report: DiskReport = workload.finish()?;
    let (seen, _) = tracer.stop()?;
    ensure!(report.threads.len() == 4, "{report:?}");
    for (tid, mib) in &report.threads {
        let is_its = |row: &&Proc| row.tid == Some(*tid);
        let told = seen.sum(|row| is_its(&row));
        about(told.disk_write_bytes, *mib).with_context(|| format!("thread {tid}"))?;
        let name = format!("disk-{mib}");
        let row = seen.rows.iter().rfind(is_its).context("no row")?;
        ensure!(row.comm() == name, "{row:?} is not called {name}");
    }
    let others = seen
        .rows
        .iter()
        .find(|row| row.pid != Some(pid) || row.tid.is_none());
    ensure!(others.is_none(), "not of its threads: {others:?}");
    Ok(())
}

fn one_thread(context: &Context) -> Result<()> {
    let (report, seen) = watch_pid(context, &["--write", "8"], &["-t"], "0.3")?;
    let pid = report.pid;
    about(seen.sum(|row| row.tid == Some(pid)).disk_write_bytes, 8)?;
    let others = seen.rows.iter().find(|row| row.tid != Some(pid));
    ensure!(others.is_none(), "not its thread: {others:?}");
    ensure!(
        seen.rows.last().is_some_and(|row| row.ended),
        "its end is not told"
    );
    Ok(())
}

fn end_together(context: &Context) -> Result<()> {
    // Longer than it lives, so that all is told at its end.
    let (report, seen) = watch_pid(context, &["--ending", "8"], &[], "5")?;
    about(seen.sum(|row| is_of(row, &report)).disk_write_bytes, 8)?;
    let ended = seen
        .rows
        .iter()
        .filter(|row| is_of(row, &report) && row.ended);
    ensure!(ended.count() == 1, "told more than once, or not at all");
    Ok(())
}
