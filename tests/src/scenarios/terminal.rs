//! Ctrl-C, from the terminal's own line discipline, and signals without a terminal.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use nix::sys::signal::Signal;
use nix::unistd::setsid;

use super::Scenario;
use super::text::contains;
use crate::harness::{Context, Listening, Process, SOON, Terminal};
use crate::work::INTERRUPTED;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "ctrl_c_at_a_terminal_ends_at_once",
        proves: "one Ctrl-C at a terminal ends `top` and `opens` with exit code 0",
        run: at_once,
    },
    Scenario {
        name: "ctrl_c_reaches_the_command_once",
        proves: "one Ctrl-C at a terminal is one SIGINT for the traced command, and its \
                 exit code comes through",
        run: once,
    },
    Scenario {
        name: "signals_are_passed_on_to_the_command",
        proves: "without a terminal SIGINT and SIGTERM to iotrace are passed on to the traced command, \
                 once, and its end becomes iotrace's",
        run: passed_on,
    },
];

/// 128 and SIGTERM, as shells have it.
const TERMINATED: i32 = 143;

/// The exit code of a guest that got one SIGINT.
fn interrupted_once() -> i32 {
    i32::from(INTERRUPTED) + 1
}

fn at_once(context: &Context) -> Result<()> {
    for (subcommand, args, shown) in [
        ("top", &["-C", "0.2"][..], "READS"),
        ("top", &["0.2"], "READS"),
        ("opens", &[], "PATH"),
    ] {
        let mut command = context.iotrace(subcommand, args);
        let (mut terminal, mut process) = Terminal::spawn(context, "iotrace", &mut command)?;
        terminal.screen().wait_for("titles", SOON, |bytes| {
            contains(bytes, shown.as_bytes()).then_some(())
        })?;
        terminal.press_ctrl_c()?;
        process
            .expect_exit(0, SOON)
            .with_context(|| format!("{subcommand} {args:?}, one Ctrl-C"))?;
    }
    Ok(())
}

fn once(context: &Context) -> Result<()> {
    for subcommand in ["opens", "top"] {
        let listening = Listening::new(context, &format!("at-terminal-{subcommand}"))?;
        let command = listening.command(&["--count-interrupts"])?;
        let mut command = context.iotrace(subcommand, &command);
        let (mut terminal, mut process) = Terminal::spawn(context, "iotrace", &mut command)?;
        let _guest = listening.accept(context)?;
        terminal.press_ctrl_c()?;
        process
            .expect_exit(interrupted_once(), SOON)
            .with_context(|| format!("{subcommand}, one Ctrl-C"))?;
    }
    Ok(())
}

fn passed_on(context: &Context) -> Result<()> {
    let signals = [
        (
            Signal::SIGINT,
            &["--count-interrupts"][..],
            interrupted_once(),
        ),
        (Signal::SIGTERM, &[], TERMINATED),
    ];
    for (signal, options, exit_code) in signals {
        for subcommand in ["opens", "top"] {
            let listening = Listening::new(context, &format!("{signal}-{subcommand}"))?;
            let mut command = context.iotrace(subcommand, &listening.command(options)?);
            let mut process = without_terminal(context, &mut command)?;
            let guest = listening.accept(context)?;
            process.signal(signal)?;
            process
                .expect_exit(exit_code, SOON)
                .with_context(|| format!("{subcommand}, {signal}"))?;
            guest.wait()?;
        }
    }
    Ok(())
}

/// As a service manager or cron starts it.
fn without_terminal(context: &Context, command: &mut Command) -> Result<Process> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    // SAFETY: setsid(2) is async-signal-safe.
    unsafe { command.pre_exec(|| setsid().map(drop).map_err(Into::into)) };
    Process::spawn(context, "iotrace", command)
}
