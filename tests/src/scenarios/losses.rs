//! What can not be given to a file is counted, and for the one who lost it.

use anyhow::{Result, ensure};

use super::Scenario;
use crate::cli::Backend;
use crate::harness::{Context, Rows, Tracer, Workload};
use crate::work::Report;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "lost_descriptors_are_counted",
        proves: "a read whose descriptor another thread closes is counted as lost by a backend that \
                 needs the descriptor, and by no other",
        run: counted,
    },
    Scenario {
        name: "losses_of_others_are_not_shown",
        proves: "with --pid, what another process lost does not look like a loss of that one",
        run: not_shown,
    },
];

const ROUNDS: u64 = 50;
const GONE: &str = "fd_gone";

fn closer(context: &Context) -> Result<Workload> {
    Workload::start(context, &["gone", "--rounds", &ROUNDS.to_string()])
}

fn counted(context: &Context) -> Result<()> {
    let mut closer = closer(context)?;
    let pid = closer.pid().to_string();
    let tracer = Tracer::start(
        context,
        "top",
        &["-p", &pid, "0.1"],
        Rows::allowing(&[GONE]),
    )?;
    closer.go()?;
    let report: Report = closer.finish()?;
    let (_, end) = tracer.stop()?;

    ensure!(
        report.counts.reads == ROUNDS,
        "the workload did {}",
        report.counts
    );
    let expected = match context.backend() {
        Backend::Syscall => ROUNDS,
        Backend::Fentry | Backend::Kprobe => 0,
    };
    let lost = end.lost.get(GONE).copied().unwrap_or(0);
    ensure!(lost == expected, "{lost} counted as lost, not {expected}");
    Ok(())
}

fn not_shown(context: &Context) -> Result<()> {
    // Sits and waits while the other one loses.
    let idle = closer(context)?;
    let mut closer = closer(context)?;
    let pid = idle.pid().to_string();
    let tracer = Tracer::start(context, "top", &["-p", &pid, "0.1"], Rows::default())?;
    closer.go()?;
    closer.finish::<Report>()?;
    // That nothing was lost is checked with every record.
    let (seen, _) = tracer.stop()?;
    ensure!(
        seen.rows.is_empty(),
        "rows of a process that sleeps: {:?}",
        seen.rows
    );
    Ok(())
}
