//! `doctor`: what this system allows, what is missing, and how to get it.

mod args;
mod check;
mod fields;
#[cfg(test)]
mod fixtures;
mod kernel_checks;
mod report;
mod system_checks;
mod text;

use std::io::{self, Write as _};

pub use args::DoctorArgs;
pub use check::{Check, State};
pub use fields::{CHECK_FIELDS, CheckRow, DOCTOR_FIELDS, DoctorRow};
pub use report::{Report, Verdict};

use crate::{
    error::{Error, Failure},
    exit::Exit,
    kernel::Findings,
    output::{Screen, ndjson},
    system::{clock::Clock, usage},
};

/// Examines the system and tells.
pub fn run(args: DoctorArgs, screen: Screen) -> Result<Exit, Error> {
    // Else who is refused for want of them seems to lack something else.
    usage::has_descriptors()?;
    let findings = Findings::gather(args.btf);
    let report = report::report(&findings);
    let exit = if report.verdict.works {
        Exit::Done
    } else {
        Exit::Unavailable
    };
    let mut out = Vec::new();
    if args.json {
        write_records(&findings, report, &mut out);
    } else {
        text::write(&report, screen.size().0, &mut out);
    }
    let mut stdout = io::stdout().lock();
    match stdout.write_all(&out).and_then(|()| stdout.flush()) {
        // Who has seen enough may go; the exit code still tells.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Output(error).into())
        }
        _ => Ok(exit),
    }
}

fn write_records(findings: &Findings, report: Report, out: &mut Vec<u8>) {
    let time = Clock::new().now();
    for check in report.checks {
        let row = CheckRow { time, check };
        ndjson::write(out, "check", CHECK_FIELDS, &row);
    }
    let row = DoctorRow {
        time,
        verdict: report.verdict,
        release: findings.system.release.clone(),
        architecture: findings.architecture,
    };
    ndjson::write(out, "doctor", DOCTOR_FIELDS, &row);
}
