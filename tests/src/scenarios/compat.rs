//! 32-bit programs, whose system calls have other numbers.

use anyhow::{Result, ensure};

use super::Scenario;
use crate::cli::Backend;
use crate::counts::Counts;
use crate::harness::{Context, Opens, Rows, Skip, Tracer, Workload, plain};
use crate::work::Report;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "compat_calls_in_top",
        proves: "reads and writes of a 32-bit program are counted, but by the syscall backend",
        run: top,
    },
    Scenario {
        name: "compat_calls_in_opens",
        proves: "opens of a 32-bit program are told, but by the syscall backend",
        run: opens,
    },
];

fn start(context: &Context) -> Result<Workload> {
    if !cfg!(target_arch = "x86_64") {
        Skip::because("64-bit programs of this architecture can make no 32-bit system calls")?;
    }
    let file = context.dir().join("file");
    Workload::start(context, &["compat", "--file", plain(&file)?])
}

fn skip_unless_done(report: &Report) -> Result<()> {
    if report.files == 0 {
        return Skip::because("this kernel has no 32-bit system calls for a 64-bit program");
    }
    Ok(())
}

fn top(context: &Context) -> Result<()> {
    let mut workload = start(context)?;
    let pid = workload.pid().to_string();
    let tracer = Tracer::start(context, "top", &["-p", &pid, "0.1"], Rows::default())?;
    workload.go()?;
    let report: Report = workload.finish()?;
    let (seen, _) = tracer.stop()?;
    skip_unless_done(&report)?;
    let expected = match context.backend() {
        Backend::Syscall => Counts::ZERO,
        Backend::Fentry | Backend::Kprobe => report.counts,
    };
    ensure!(seen.total() == expected, "{}, not {expected}", seen.total());
    Ok(())
}

fn opens(context: &Context) -> Result<()> {
    let mut workload = start(context)?;
    let pid = workload.pid().to_string();
    let tracer = Tracer::start(context, "opens", &["-p", &pid], Opens::default())?;
    workload.go()?;
    let report: Report = workload.finish()?;
    let (seen, _) = tracer.stop()?;
    skip_unless_done(&report)?;
    let expected = usize::from(context.backend() != Backend::Syscall);
    ensure!(seen.opens.len() == expected, "{:?}", seen.opens);
    for open in &seen.opens {
        ensure!(open.path() == Some(context.dir().join("file")), "{open:?}");
        ensure!(open.created == Some(true), "not created: {open:?}");
    }
    Ok(())
}
