//! `iotrace` tells which process, which thread, which file is doing the I/O.
//!
//! Data flows one way: [`kernel`] (programs, maps, ring) -> [`source`] (events)
//! -> [`commands`] (fold into rows) -> [`output`] (text or NDJSON). Everything
//! behind `source` builds and tests without BPF or root.

pub mod advice;
pub mod cli;
pub mod commands;
pub mod decode;
pub mod error;
pub mod event;
pub mod exit;
pub mod filter;
pub mod flags;
pub mod kernel;
pub mod output;
pub mod run;
pub mod source;
pub mod stop;
pub mod system;
mod trace;

use cli::{Cli, Command};
use commands::{churn::Churn, doctor, events::Events, opens::Opens, top::Top};
use error::Error;
use exit::Exit;
use output::Screen;
use source::Pace;
use std::time::Duration;
use trace::Trace;

/// Does what the command line asks for.
pub fn main(cli: Cli) -> Result<Exit, Error> {
    match cli.command {
        Command::Top(args) => {
            let screen = Screen::of_stdout();
            Trace {
                name: "top",
                request: args.request()?,
                pace: Pace {
                    tick: args.interval,
                    // Only names come through the ring, and they are for the tick.
                    latency: args.interval,
                },
                duration: None,
                json: args.trace.json,
                verbose: args.trace.verbose,
                fail_on_loss: args.trace.fail_on_loss,
                command: &args.command,
                replay: args.trace.replay.as_deref(),
                record: None,
            }
            .run(Top::new(args.config(screen)?, screen))
        }
        Command::Opens(args) => Trace {
            name: "opens",
            request: args.request()?,
            pace: Pace {
                tick: Duration::from_secs(1),
                // As soon as a person can see, as seldom as a machine likes.
                latency: Duration::from_millis(50),
            },
            duration: args.duration,
            json: args.trace.json,
            verbose: args.trace.verbose,
            fail_on_loss: args.trace.fail_on_loss,
            command: args.command(),
            replay: args.trace.replay.as_deref(),
            record: None,
        }
        .run(Opens::new(args.config()?, Screen::of_stdout())),
        Command::Churn(args) => {
            let screen = Screen::of_stdout();
            Trace {
                name: "churn",
                request: args.request()?,
                pace: Pace {
                    tick: args.interval,
                    // Only a full ring is in a hurry.
                    latency: args.interval,
                },
                duration: None,
                json: args.trace.json,
                verbose: args.trace.verbose,
                fail_on_loss: args.trace.fail_on_loss,
                command: &args.command,
                replay: args.trace.replay.as_deref(),
                record: None,
            }
            .run(Churn::new(args.config(screen)?, screen))
        }
        Command::Events(args) => Trace {
            name: "events",
            request: args.request()?,
            pace: Pace {
                tick: args.interval,
                latency: Duration::from_millis(50),
            },
            duration: args.duration,
            json: args.json(),
            verbose: args.trace.verbose,
            fail_on_loss: args.trace.fail_on_loss,
            command: &args.command,
            replay: args.trace.replay.as_deref(),
            record: args.recording(),
        }
        .run(Events::new(args.config()?, Screen::of_stdout())),
        Command::Doctor(args) => doctor::run(args, Screen::of_stdout()),
    }
}
