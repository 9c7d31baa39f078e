//! What each kind of call costs with each tracer: several rounds, and in each another one first.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;

use super::Common;
use super::place::Place;
use super::record::Record;
use super::tracers::Spec;
use super::workloads::{self, Workload};

/// Options of `bench calls`.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
    /// How often everything is measured.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Make that many times fewer calls.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    part: u32,
    /// Leave out tracers whose name begins so.
    #[arg(long, value_name = "BEGIN")]
    without: Vec<String>,
}

/// What a system does after its start. Where the clock counts instructions, waiting is free.
const SETTLE: Duration = Duration::from_secs(10);
const MANY: u32 = 10_000;

/// Which file each read was of, and how much.
const READS: &str = "kfunc:vfs_read /retval > 0/ { \
    @[tid, comm, str(args->file->f_path.dentry->d_name.name)] = sum((uint64)retval); }";
/// Each open with its result.
const OPENS: &str = "tracepoint:syscalls:sys_enter_openat { @name[tid] = args->filename; } \
    tracepoint:syscalls:sys_exit_openat /@name[tid]/ { \
    printf(\"%d %s %d %s\\n\", pid, comm, args->ret, str(@name[tid])); delete(@name[tid]); }";

/// All tracers; what shows tables does so seldom, because tables are another question.
fn specs(common: &Common) -> Vec<Spec> {
    let mut specs = vec![Spec::nothing(), Spec::floor()];
    for (command, words) in [("top", "top -C 100"), ("opens", "opens")] {
        for backend in ["fentry", "kprobe", "syscall"] {
            let words = common.iotrace(&format!("{words} --backend {backend}"));
            specs.push(Spec::program(&format!("{command} {backend}"), &words));
        }
    }
    specs.push(Spec::program("filetop", &["filetop", "-C", "100"]));
    specs.push(Spec::program("opensnoop", &["opensnoop"]));
    specs.push(Spec::program("bpftrace reads", &["bpftrace", "-e", READS]));
    specs.push(Spec::program("bpftrace opens", &["bpftrace", "-e", OPENS]));
    specs
}

/// Measures and prints.
pub fn run(options: &Options) -> Result<()> {
    let common = &options.common;
    let many = (MANY / options.part) as usize;
    let place = Place::new(&common.dir, &common.memory, many)?;
    let mut specs = specs(common);
    let left_out = |name: &str| options.without.iter().any(|begin| name.starts_with(begin));
    specs.retain(|spec| !left_out(&spec.name));
    workloads::warm_up(&place, &workloads::all())?;
    sleep(SETTLE);
    // A rehearsal: what came first, most often no tracer, took up to 190 instructions a call more than
    // later, and then all others seem to cost less.
    let nothing = Spec::nothing().start(&common.memory)?;
    for workload in workloads::all() {
        workload.measure(&place, &nothing, options.part)?;
    }
    nothing.stop()?;
    rounds(options.rounds, &specs, |spec, round| {
        measure(common, spec, &place, &workloads::all(), options.part, round)
    })
}

/// Does `measure` with each tracer, several times; one that fails is left out from then on.
pub fn rounds(
    rounds: u32,
    specs: &[Spec],
    mut measure: impl FnMut(&Spec, u32) -> Result<()>,
) -> Result<()> {
    let mut absent: Vec<&str> = Vec::new();
    for round in 0..rounds {
        // Each time another one is first.
        let first = specs.len() * round as usize / rounds as usize;
        let (before, after) = specs.split_at(first);
        for spec in after.iter().chain(before) {
            if absent.contains(&&*spec.name) {
                continue;
            }
            if let Err(error) = measure(spec, round) {
                Record::Absent {
                    tracer: &spec.name,
                    reason: format!("{error:#}"),
                }
                .say()?;
                absent.push(&spec.name);
            }
        }
    }
    Ok(())
}

/// Prints what calls cost with one tracer.
pub fn measure(
    common: &Common,
    spec: &Spec,
    place: &Place,
    workloads: &[Workload],
    part: u32,
    round: u32,
) -> Result<()> {
    let tracer = spec.start(&common.memory)?;
    for workload in workloads {
        let ns = workload.measure(place, &tracer, part)?;
        Record::Call {
            round,
            tracer: &spec.name,
            workload: workload.name,
            ns,
        }
        .say()?;
    }
    tracer.stop()
}
