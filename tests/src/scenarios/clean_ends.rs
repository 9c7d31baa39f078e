//! Every way to end, in good order.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use nix::errno::Errno;
use nix::sys::signal::{SigHandler, Signal, signal};

use super::Scenario;
use crate::harness::{Capture, Context, OF_OTHERS, Opens, Process, Rows, SOON, Tracer};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "sigint_and_sigterm_end_in_order",
        proves: "SIGINT and SIGTERM end `top` and `opens` with an `end` record and exit code 0",
        run: signals,
    },
    Scenario {
        name: "closed_pipe_ends_in_order",
        proves: "`| head -1` ends `top` and `opens` soon, quietly and with exit code 0",
        run: closed_pipe,
    },
    Scenario {
        name: "count_ends_in_order",
        proves: "`top 0.1 3` prints exactly three ticks and ends with exit code 0",
        run: count,
    },
    Scenario {
        name: "nohup_is_honoured",
        proves: "a SIGHUP that was ignored at the start stays ignored, and SIGINT still ends",
        run: nohup,
    },
    Scenario {
        name: "stderr_closed",
        proves: "without a stderr, or with one that is full, `top` and `opens` work, and end \
                 with exit code 0",
        run: no_stderr,
    },
];

fn signals(context: &Context) -> Result<()> {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let top = Tracer::start(context, "top", &["0.1"], Rows::allowing(OF_OTHERS))?;
        top.wait_until("second tick", |seen| seen.ticks.len() >= 2)?;
        top.process().signal(signal)?;
        top.finish(0).with_context(|| format!("top, {signal}"))?;

        let opens = Tracer::start(context, "opens", &[""; 0], Opens::allowing(OF_OTHERS))?;
        opens.process().signal(signal)?;
        opens
            .finish(0)
            .with_context(|| format!("opens, {signal}"))?;
    }
    Ok(())
}

fn closed_pipe(context: &Context) -> Result<()> {
    for (subcommand, args) in [("top", &["--json", "0.1"][..]), ("opens", &["--json"])] {
        let mut command = context.iotrace(subcommand, args);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = Process::spawn(context, "iotrace", &mut command)?;
        let mut line = String::new();
        BufReader::new(process.stdout()?).read_line(&mut line)?;
        ensure!(line.ends_with('\n'), "{subcommand}: {line:?} is no line");
        process.expect_exit(0, SOON)?;
        let said = process.stderr().to_end(SOON)?;
        let said = String::from_utf8_lossy(&said).to_lowercase();
        for complaint in ["panic", "broken pipe", "error"] {
            ensure!(!said.contains(complaint), "{subcommand} complains: {said}");
        }
    }
    Ok(())
}

fn count(context: &Context) -> Result<()> {
    let tracer = Tracer::start(context, "top", &["0.1", "3"], Rows::allowing(OF_OTHERS))?;
    let (seen, _) = tracer.finish(0)?;
    ensure!(seen.ticks.len() == 3, "{} ticks", seen.ticks.len());
    Ok(())
}

fn nohup(context: &Context) -> Result<()> {
    let mut command = context.iotrace("top", &["--json", "0.1"]);
    // SAFETY: signal(2) is async-signal-safe, and installs no handler.
    unsafe {
        command.pre_exec(|| {
            signal(Signal::SIGHUP, SigHandler::SigIgn)?;
            Ok(())
        });
    }
    let tracer = Tracer::spawn(context, "top", &mut command, Rows::allowing(OF_OTHERS))?;
    tracer.wait_until("first tick", |seen| !seen.ticks.is_empty())?;
    tracer.process().signal(Signal::SIGHUP)?;
    let before = tracer.look(|seen| seen.ticks.len()).unwrap_or_default();
    // One more could be the last one before its end.
    tracer.wait_until("ticks after SIGHUP", |seen| seen.ticks.len() > before + 2)?;
    tracer.stop()?;
    Ok(())
}

fn no_stderr(context: &Context) -> Result<()> {
    let full = File::options().write(true).open("/dev/full")?;
    for full in [None, Some(full.as_raw_fd())] {
        for (subcommand, args) in [("top", ["-v", "0.1", "2"]), ("opens", ["-v", "-d", "1"])] {
            let mut command = context.iotrace(subcommand, &args);
            command.stdin(Stdio::null()).stdout(Stdio::piped());
            // SAFETY: dup2(2) and close(2) are async-signal-safe; descriptor 2 is nobody's object.
            unsafe {
                command.pre_exec(move || {
                    Errno::result(match full {
                        Some(full) => libc::dup2(full, 2),
                        None => libc::close(2),
                    })?;
                    Ok(())
                });
            }
            let mut process = Process::spawn(context, "iotrace", &mut command)?;
            let stdout = Capture::start(process.stdout()?);
            context.remember(format!("{}: stdout", process.label()), stdout.clone());
            process
                .expect_exit(0, SOON)
                .with_context(|| format!("{subcommand}, full: {}", full.is_some()))?;
            ensure!(
                String::from_utf8_lossy(&stdout.to_end(SOON)?).contains("COMM"),
                "{subcommand} printed no titles"
            );
        }
    }
    Ok(())
}
