//! From what was found to checks and a verdict: nothing here looks at the system.

use super::{
    check::{Check, State},
    kernel_checks, system_checks,
};
use crate::kernel::{Attempt, Backend, Findings, Lockdown, System};

/// All that `doctor` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Line by line.
    pub checks: Vec<Check>,
    /// And in short.
    pub verdict: Verdict,
}

/// Whether tracing will work, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Some backend works for each command.
    pub works: bool,
    /// What `top` will use.
    pub top: Option<Backend>,
    /// What `opens` will use.
    pub opens: Option<Backend>,
    /// Backends that do not work for all commands, with the reasons.
    pub refused: Vec<(&'static str, String)>,
    /// In one sentence.
    pub sentence: String,
}

/// Judges.
pub fn report(findings: &Findings) -> Report {
    let verdict = verdict(findings);
    let mut checks = system_checks::kernel(findings);
    checks.extend(system_checks::types(findings));
    checks.extend(system_checks::privileges(&findings.system));
    checks.extend(system_checks::container(&findings.system));
    checks.extend(kernel_checks::programs(findings));
    checks.extend(kernel_checks::maps(findings));
    checks.extend(kernel_checks::hooks(findings));
    if let Ok(types) = &findings.types {
        checks.extend(kernel_checks::features(types));
    }
    checks.extend(kernel_checks::backends(
        &findings.system,
        &findings.attempts,
    ));
    checks.push(choice("top", verdict.top));
    checks.push(choice("opens", verdict.opens));
    Report { checks, verdict }
}

/// The backend that a command will use.
fn choice(command: &'static str, backend: Option<Backend>) -> Check {
    match backend {
        Some(backend) => Check::new("choice", command, State::Ok)
            .found(backend.name())
            .means(if backend == Backend::ALL[0] {
                "the best there is"
            } else {
                "the best that works; what refuses the better ones stands above"
            }),
        None => Check::new("choice", command, State::Missing)
            .found("none")
            .means(format!("`iotrace {command}` will end with exit code 69")),
    }
}

fn verdict(findings: &Findings) -> Verdict {
    let first = |works: fn(&Attempt) -> bool| {
        let mut attempts = findings.attempts.iter();
        attempts
            .find(|attempt| works(attempt))
            .map(|attempt| attempt.backend)
    };
    let top = first(|attempt| attempt.top.is_ok());
    let opens = first(|attempt| attempt.opens.is_ok());
    let refused = findings.attempts.iter().filter_map(|attempt| {
        let reason = kernel_checks::refusal(attempt)?;
        Some((attempt.backend.name(), reason))
    });
    Verdict {
        works: top.is_some() && opens.is_some(),
        top,
        opens,
        refused: refused.collect(),
        sentence: sentence(findings, top, opens),
    }
}

fn sentence(findings: &Findings, top: Option<Backend>, opens: Option<Backend>) -> String {
    match (top, opens) {
        (Some(top), Some(opens)) if top == opens => {
            format!(
                "Tracing will work: `top` and `opens` by backend {}.",
                top.name()
            )
        }
        (Some(top), Some(opens)) => format!(
            "Tracing will work: `top` by backend {}, `opens` by backend {}.",
            top.name(),
            opens.name()
        ),
        (Some(top), None) => format!(
            "Only `top` will work, by backend {}; why `opens` will not stands above.",
            top.name()
        ),
        (None, Some(opens)) => format!(
            "Only `opens` will work, by backend {}; why `top` will not stands above.",
            opens.name()
        ),
        (None, None) => format!("Tracing will not work: {}.", cause(findings)),
    }
}

/// The one cause that stands in the way of everything.
fn cause(findings: &Findings) -> String {
    let system = &findings.system;
    if let Err(error) = system.check_privileges() {
        return error.found();
    }
    if let Err(error) = &findings.types {
        return error.found();
    }
    known_cause(system)
        .unwrap_or("each backend is refused, for the reasons above")
        .to_owned()
}

fn known_cause(system: &System) -> Option<&'static str> {
    if system.user_namespace == Some(true) {
        return Some("rights inside a user namespace are not enough");
    }
    if system.is_before(crate::advice::RING_BUFFER) {
        return Some("this kernel is too old");
    }
    if system.lockdown == Some(Lockdown::Confidentiality) {
        return Some("the kernel's lockdown keeps its memory secret");
    }
    crate::advice::lacks_memlock(system)
        .then_some("the limit of locked memory is too low for this kernel")
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
