//! The traced command goes its own way, whatever becomes of the showing.

use std::io::{self, BufRead, BufReader};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;

use super::Scenario;
use crate::bpf::Objects;
use crate::harness::{Context, Listening, Process, Rows, SOON, Skip, Tracer};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "command_outlives_count",
        proves: "after the last tick of `top N COUNT -- COMMAND` the command runs on, nothing stays loaded, \
                 and a signal still reaches it",
        run: outlives,
    },
    Scenario {
        name: "closed_reader_still_runs_the_command",
        proves: "`top --json -- COMMAND` runs the command to its end and passes its exit code on, \
                 even if nobody reads the records",
        run: closed_reader,
    },
];

/// What the command ends with.
const EXIT_CODE: i32 = 7;

/// 128 and SIGTERM, as shells have it.
const TERMINATED: i32 = 143;

fn outlives(context: &Context) -> Result<()> {
    Skip::unless_root("bpf(2) does not list ids")?;
    let before = Objects::now()?;
    let listening = Listening::new(context, "outlives")?;
    let options = [
        vec!["0.5".to_owned(), "2".to_owned()],
        listening.command(&[])?,
    ]
    .concat();
    let tracer = Tracer::start(context, "top", &options, Rows::default())?;
    let own = Objects::now()?.since(&before);
    ensure!(
        !own.programs.is_empty(),
        "while it runs there must be programs, but new are only: {own}"
    );
    let guest = listening.accept(context)?;
    tracer.wait_for_end()?;
    own.wait_until_gone(SOON)
        .context("the command runs, but is traced no more")?;
    guest.must_be_alive()?;

    tracer.process().signal(Signal::SIGTERM)?;
    let (seen, _) = tracer.finish(TERMINATED)?;
    guest.wait()?;
    ensure!(seen.ticks.len() == 2, "{} ticks", seen.ticks.len());
    Ok(())
}

fn closed_reader(context: &Context) -> Result<()> {
    let exit_code = EXIT_CODE.to_string();
    for subcommand in ["top", "opens"] {
        // Closed before there is anything to read, and after the first line.
        for lines in [0, 1] {
            let listening = Listening::new(context, &format!("closed-{subcommand}-{lines}"))?;
            let mut args = vec!["--json".to_owned()];
            args.extend(listening.command(&["--exit-code", &exit_code])?);
            let mut command = context.iotrace(subcommand, &args);
            let (reader, writer) = io::pipe()?;
            let mut reader = Some(BufReader::new(reader)).filter(|_| lines > 0);
            command.stdin(Stdio::null()).stdout(writer);
            let mut process = Process::spawn(context, "iotrace", &mut command)?;
            if let Some(reader) = &mut reader {
                let mut line = String::new();
                reader.read_line(&mut line)?;
                ensure!(line.ends_with('\n'), "{line:?} is no line");
            }
            drop(reader);
            let mut guest = listening.accept(context)?;
            guest.go()?;
            process
                .expect_exit(EXIT_CODE, SOON)
                .with_context(|| format!("{subcommand}, closed after {lines} lines"))?;
        }
    }
    Ok(())
}
