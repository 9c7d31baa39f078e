//! The least privileges: what suffices to start, and what is left of it afterwards.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::{fs, io};

use anyhow::{Context as _, Result, ensure};
use caps::{CapSet, Capability};
use nix::sys::resource::{RLIM_INFINITY, Resource, setrlimit};

use super::Scenario;
use super::usage::{UNAVAILABLE, refused};
use crate::cli::Backend;
use crate::harness::{Context, Rows, Skip, Tracer, Workload};
use crate::work::{Report, bytes_of_file};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "two_capabilities_suffice",
        proves: "with CAP_BPF and CAP_PERFMON alone every byte is counted as with all of them, or it is \
                 said why the kernel wants more",
        run: two_suffice,
    },
    Scenario {
        name: "privileges_are_given_up",
        proves: "while it traces, iotrace has CAP_BPF and nothing else",
        run: given_up,
    },
    Scenario {
        name: "command_keeps_its_privileges",
        proves: "a traced command has all the capabilities that it would have without iotrace",
        run: command_keeps,
    },
];

/// `iotrace top --json …` as root whose bounding set lets through only these.
pub fn with_only(context: &Context, kept: &[Capability], args: &[&str]) -> Command {
    let mut command = context.iotrace("top", args);
    let dropped: Vec<Capability> = caps::all()
        .into_iter()
        .filter(|capability| !kept.contains(capability))
        .collect();
    let limit = move || {
        // Kernels before 5.11 count maps as locked memory, of which there may be little. Where
        // the limit may not be raised, iotrace says what is missing.
        let _ = setrlimit(Resource::RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY);
        for capability in &dropped {
            // A capability that this kernel does not know can not be held either.
            match caps::drop(None, CapSet::Bounding, *capability) {
                Ok(()) => {}
                Err(_) if io::Error::last_os_error().raw_os_error() == Some(libc::EINVAL) => {}
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(())
    };
    // SAFETY: setrlimit(2) and prctl(2) are all that happens between fork and exec as long as
    // nothing fails.
    unsafe { command.pre_exec(limit) };
    command
}

/// The bit mask of a line of `/proc/PID/status`.
fn mask(pid: u32, line: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let value = status.lines().find_map(|l| l.strip_prefix(line));
    let value = value.with_context(|| format!("no {line} in {status}"))?;
    Ok(u64::from_str_radix(value.trim(), 16)?)
}

fn two_suffice(context: &Context) -> Result<()> {
    Skip::unless_root("it takes root to have capabilities to give away")?;
    let dir = context.make_dir("files")?;
    let dir = dir.to_str().context("the directory has a plain name")?;
    let arguments = ["files", "--count", "3", "--batch", "3", "--dir", dir];
    let mut workload = Workload::start(context, &arguments)?;
    let pid = workload.pid().to_string();
    let two = [Capability::CAP_BPF, Capability::CAP_PERFMON];
    let mut command = with_only(context, &two, &["--json", "-p", &pid, "0.1"]);
    if context.backend() == Backend::Kprobe && paranoid_level()? > 2 {
        // Debian's kernels let only `CAP_SYS_ADMIN` attach kprobes then.
        let said = refused(context, &mut command, UNAVAILABLE)?;
        for word in ["perf_event_paranoid", "CAP_SYS_ADMIN"] {
            ensure!(said.contains(word), "{word} is not named in: {said}");
        }
        return Ok(());
    }
    let tracer = Tracer::spawn(context, "top", &mut command, Rows::default())?;
    workload.go()?;
    let report: Report = workload.finish()?;
    let (seen, _) = tracer.stop()?;
    let expected: u64 = (0..3).map(bytes_of_file).sum();
    ensure!(report.counts.write_bytes == expected, "{}", report.counts);
    ensure!(
        seen.total() == report.counts,
        "reported {}, done {}",
        seen.total(),
        report.counts
    );
    Ok(())
}

/// `kernel.perf_event_paranoid`.
fn paranoid_level() -> Result<i32> {
    let level = fs::read_to_string("/proc/sys/kernel/perf_event_paranoid")?;
    Ok(level.trim().parse()?)
}

fn given_up(context: &Context) -> Result<()> {
    Skip::unless_root("it takes root to have capabilities to give up")?;
    let tracer = Tracer::start(
        context,
        "top",
        &["0.1"],
        Rows::allowing(crate::harness::OF_OTHERS),
    )?;
    // A tick comes after everything that is done at the start.
    tracer.wait_until("a tick", |rows| !rows.ticks.is_empty())?;
    for line in ["CapPrm:", "CapEff:"] {
        let held = mask(tracer.process().pid(), line)?;
        let bpf = Capability::CAP_BPF.bitmask();
        ensure!(held == bpf, "{line} {held:#x}, not {bpf:#x}");
    }
    tracer.stop()?;
    Ok(())
}

fn command_keeps(context: &Context) -> Result<()> {
    let own = mask(std::process::id(), "CapEff:")?;
    let shown = context.dir().join("shown");
    let script = format!("grep CapEff: /proc/self/status > {}", shown.display());
    let mut command = context.iotrace("opens", &["--json", "--", "sh", "-c", &script]);
    let output = command.output()?;
    ensure!(output.status.success(), "{output:?}");
    let shown = fs::read_to_string(&shown)?;
    let told = shown.trim().strip_prefix("CapEff:").unwrap_or_default();
    let told = u64::from_str_radix(told.trim(), 16)?;
    ensure!(told == own, "the command has {told:#x}, not {own:#x}");
    Ok(())
}
