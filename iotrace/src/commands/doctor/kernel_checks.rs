//! Checks of what was tried: programs, maps, hooks, backends.

use super::check::{Check, State};
use crate::{
    advice,
    error::Unavailable,
    kernel::{Attempt, Backend, Findings, Function, Reason, System, Trial, Types, Way},
};

/// Types of programs.
pub fn programs(findings: &Findings) -> Vec<Check> {
    const GROUP: &str = "programs";
    let trials = &findings.trials;
    let system = &findings.system;
    let check = |name, trial: &Trial, backend, means: &str| {
        let advise = |reason: &Reason| advise(system, backend, reason);
        tried(GROUP, name, trial, means, advise)
    };
    let fexit = match &trials.fexit {
        Some(trial) => check(
            "fentry/fexit",
            trial,
            Backend::Fentry,
            "backend fentry needs it",
        ),
        None => Check::new(GROUP, "fentry/fexit", State::Unknown)
            .found("not tried: where vfs_read is, only the type information tells")
            .means("backend fentry needs it"),
    };
    let kprobe = match (&trials.kprobe, system.kprobes) {
        (Ok(()), Some(false)) => Check::new(GROUP, "kprobe", State::Missing)
            .found("programs load, but this kernel has no kprobes to attach them to")
            .means("backend kprobe needs it")
            .advice(advise(
                system,
                Backend::Kprobe,
                &Reason::of_kernel(libc::ENOENT),
            )),
        (trial, _) => check("kprobe", trial, Backend::Kprobe, "backend kprobe needs it"),
    };
    let raw_tracepoint = check(
        "raw tracepoint",
        &trials.raw_tracepoint,
        Backend::Syscall,
        "backends kprobe and syscall need it",
    );
    let misses = Check::new(GROUP, "missed runs", State::Unknown);
    let misses = match trials.counts_missed_runs {
        None => misses.found("not tried: no program could be loaded"),
        Some(true) if findings.system.version() >= Some((7, 0)) => {
            Check::new(GROUP, "missed runs", State::Reduced)
                .found("counted, and to be expected: this kernel preempts programs")
                .means(
                    "with more busy threads than CPUs some operations are missed; loss `recursion` \
                     tells how many at the most",
                )
        }
        Some(true) => Check::new(GROUP, "missed runs", State::Ok)
            .found("counted by the kernel")
            .means("operations that a program did not see are told as loss `recursion`"),
        Some(false) => Check::new(GROUP, "missed runs", State::Reduced)
            .found("not counted by this kernel, only from 5.12 on")
            .means("loss `recursion` is not told"),
    };
    vec![fexit, kprobe, raw_tracepoint, misses]
}

/// Types of maps.
pub fn maps(findings: &Findings) -> Vec<Check> {
    let maps = findings.trials.maps.iter();
    maps.map(|(name, trial)| {
        let means = match *name {
            "ring buffer" => "brings opens and names of files",
            "array of maps" => "separates one interval from the next",
            _ => "counts",
        };
        let advise = |reason: &Reason| advise_all(&findings.system, reason);
        tried("maps", name, trial, means, advise)
    })
    .collect()
}

/// Functions and tracepoints.
pub fn hooks(findings: &Findings) -> Vec<Check> {
    let types = findings.types.as_ref().ok();
    let functions = types.map(|types| &types.functions[..]).unwrap_or_default();
    let functions = functions.iter().map(function);
    let tracepoints = findings.trials.tracepoints.iter().map(|(name, trial)| {
        let means = match *name {
            "sys_exit" => "where backends kprobe and syscall see the end of a call",
            _ => "`-- COMMAND` follows children by it",
        };
        let advise = |reason: &Reason| match *name {
            "sys_exit" => advise(&findings.system, Backend::Syscall, reason),
            _ => advise_all(&findings.system, reason),
        };
        tried("hooks", name, trial, means, advise)
    });
    functions.chain(tracepoints).collect()
}

fn function(function: &Function) -> Check {
    let check = |state| Check::new("hooks", function.name, state);
    const NEEDED: &str = "backends fentry and kprobe need it";
    match (&function.unusable, &function.arguments) {
        (None, Some(arguments)) => {
            let numbered: Vec<String> = arguments
                .iter()
                .enumerate()
                .map(|(at, name)| format!("{} {name}", at + 1))
                .collect();
            check(State::Ok)
                .found(format!("arguments: {}", numbered.join(", ")))
                .means("as iotrace knows them")
        }
        (Some(reason), _) => check(State::Missing).found(reason).means(NEEDED),
        (None, None) => check(State::Unknown).means(NEEDED),
    }
}

/// What iotrace can tell on this kernel.
pub fn features(types: &Types) -> Vec<Check> {
    let parts = types.parts.iter();
    parts
        .map(|part| {
            let check = |state| Check::new("features", part.name, state);
            if part.missing.is_empty() {
                return check(State::Ok).means("this kernel has all fields");
            }
            let state = if part.vital {
                State::Missing
            } else {
                State::Reduced
            };
            check(state)
                .found(format!("this kernel has no {}", part.missing.join(", ")))
                .means(part.without)
        })
        .collect()
}

/// Backends, loaded and attached.
pub fn backends(system: &System, attempts: &[Attempt]) -> Vec<Check> {
    let attempts = attempts.iter();
    attempts
        .map(|attempt| {
            let check = |state| Check::new("backends", attempt.backend.name(), state);
            match refusal(attempt) {
                None => check(State::Ok)
                    .found("loads and attaches, for `top` and `opens`")
                    .means(blind_spots(attempt)),
                Some(found) => {
                    let one_works = attempt.top.is_ok() || attempt.opens.is_ok();
                    let state = if one_works {
                        State::Reduced
                    } else {
                        State::Missing
                    };
                    check(state)
                        .found(found)
                        .advice(advice_for(system, attempt))
                }
            }
        })
        .collect()
}

/// What a backend that works does not see.
fn blind_spots(attempt: &Attempt) -> String {
    let list = |ways: &Result<Vec<Way>, _>| {
        let list = ways.as_ref().ok().and_then(|ways| Way::list(ways));
        list.unwrap_or_else(|| "nothing that is known".to_owned())
    };
    format!(
        "not seen: by `top` {}; by `opens` {}",
        list(&attempt.top),
        list(&attempt.opens)
    )
}

/// Why a backend is refused, for one of the commands or both.
pub fn refusal(attempt: &Attempt) -> Option<String> {
    let top = attempt.top.as_ref().err().map(reason);
    let opens = attempt.opens.as_ref().err().map(reason);
    match (top, opens) {
        (None, None) => None,
        (Some(top), Some(opens)) if top == opens => Some(top.brief()),
        // The same at each function.
        (Some(top), Some(opens)) if top.what == opens.what => {
            let places = dedup(top.at.into_iter().chain(opens.at).collect());
            Some(format!("{}: {}", places.join(", "), top.what))
        }
        (Some(top), Some(opens)) => Some(format!(
            "`top`: {}; `opens`: {}",
            top.brief(),
            opens.brief()
        )),
        (Some(top), None) => Some(format!("only `opens` works; `top`: {}", top.brief())),
        (None, Some(opens)) => Some(format!("only `top` works; `opens`: {}", opens.brief())),
    }
}

/// What stands in the way, as short as it can be told below the other checks.
fn reason(error: &Unavailable) -> Reason {
    match error {
        Unavailable::NoBackend { tried, .. } if !tried.is_empty() => tried[0].1.clone(),
        Unavailable::Object { reason, .. } => reason.clone(),
        Unavailable::NoBtf { .. } => Reason::from("not tried without type information".to_owned()),
        _ => Reason::from(format!("not tried: {}", error.found())),
    }
}

/// What would make it work, each advice once.
fn advice_for(system: &System, attempt: &Attempt) -> Vec<String> {
    let mut advice: Vec<String> = Vec::new();
    for error in [&attempt.top, &attempt.opens]
        .into_iter()
        .filter_map(|tried| tried.as_ref().err())
    {
        let lines = match error {
            Unavailable::NoBackend { tried, .. } => {
                let lines = tried
                    .iter()
                    .map(|(name, reason)| advice::backend(system, *name, reason));
                lines.flatten().collect()
            }
            _ => error.advice(),
        };
        advice.extend(lines);
    }
    dedup(advice)
}

fn dedup(lines: Vec<String>) -> Vec<String> {
    let mut once: Vec<String> = Vec::new();
    for line in lines {
        if !once.contains(&line) {
            once.push(line);
        }
    }
    once
}

/// Without privileges everything is refused, for that reason.
fn advise_all(system: &System, reason: &Reason) -> Vec<String> {
    match system.check_privileges() {
        Err(error) => error.advice(),
        Ok(()) => advice::of_system(system, reason.errno),
    }
}

fn advise(system: &System, backend: Backend, reason: &Reason) -> Vec<String> {
    match system.check_privileges() {
        Err(error) => error.advice(),
        Ok(()) => advice::backend(system, backend, reason),
    }
}

fn tried(
    group: &'static str,
    name: &'static str,
    trial: &Trial,
    means: &str,
    advise: impl FnOnce(&Reason) -> Vec<String>,
) -> Check {
    match trial {
        Ok(()) => Check::new(group, name, State::Ok)
            .found("works")
            .means(means),
        Err(reason) => Check::new(group, name, State::Missing)
            .found(reason.what.clone())
            .means(means)
            .advice(advise(reason)),
    }
}
