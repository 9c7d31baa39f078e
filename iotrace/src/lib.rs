//! `iotrace` tells which process, which thread, which file is doing the I/O.
//!
//! Data flows one way: [`kernel`] (programs, maps, ring) -> [`source`] (events)
//! -> [`commands`] (fold into rows) -> [`output`] (text or NDJSON). Everything
//! behind `source` builds and tests without BPF or root.

pub mod advice;
pub mod cli;
pub mod commands;
pub mod cost;
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
use commands::{
    churn::Churn,
    diagnose::{Diagnose, catalogue::Catalogue},
    doctor,
    events::Events,
    opens::Opens,
    procs::Procs,
    top::Top,
};
use error::Error;
use exit::Exit;
use output::Screen;
use source::Pace;
use std::{path::Path, time::Duration};
use system::{
    survey::Subjects,
    users::{self, Users},
};
use trace::{Bpf, Trace};

/// How long what is shown as it happens may wait: as soon as a person can see, as seldom as a
/// machine likes.
const SOON: Duration = Duration::from_millis(50);

/// Does what the command line asks for.
pub fn main(cli: Cli) -> Result<Exit, Error> {
    match cli.command {
        Command::Top(args) => {
            let screen = Screen::of_stdout();
            // Only names come through the ring, and they are for the tick.
            let pace = Pace {
                tick: args.interval,
                latency: args.interval,
            };
            Trace::new("top", &args.trace, args.request()?, pace, &args.command)
                .run(Top::new(args.config(screen)?, screen))
        }
        Command::Opens(args) => {
            let pace = Pace {
                tick: Duration::from_secs(1),
                latency: SOON,
            };
            Trace {
                duration: args.duration,
                ..Trace::new("opens", &args.trace, args.request()?, pace, args.command())
            }
            .run(Opens::new(args.config()?, Screen::of_stdout()))
        }
        Command::Churn(args) => {
            let screen = Screen::of_stdout();
            // Only a full ring is in a hurry.
            let pace = Pace {
                tick: args.interval,
                latency: args.interval,
            };
            Trace::new("churn", &args.trace, args.request()?, pace, &args.command)
                .run(Churn::new(args.config(screen)?, screen))
        }
        Command::Procs(args) => {
            let screen = Screen::of_stdout();
            // Ends of processes, and names, are for the tick.
            let pace = Pace {
                tick: args.interval,
                latency: args.interval,
            };
            let subjects = Subjects {
                threads: args.threads,
                system: true,
                lock_files: Vec::new(),
                own: args.include_self,
            };
            let bpf = match args.no_bpf {
                true => Bpf::Off,
                false if args.files || args.backend.is_some() => Bpf::Needed,
                false => Bpf::Wanted,
            };
            let users = Users::read(Path::new(users::PASSWD));
            let shared = args.trace();
            Trace {
                survey: Some(subjects),
                bpf,
                ..Trace::new("procs", &shared, args.request()?, pace, &[])
            }
            .run(Procs::new(args.config(screen)?, screen, users))
        }
        Command::Diagnose(args) => {
            let config = args.config()?;
            let pace = Pace {
                tick: Duration::from_secs(1),
                latency: Duration::from_secs(1),
            };
            let subjects = Subjects {
                threads: false,
                system: true,
                lock_files: config.catalogue.lock_files(),
                own: false,
            };
            let shared = args.trace();
            Trace {
                survey: Some(subjects),
                bpf: match args.no_bpf {
                    true => Bpf::Off,
                    false if args.backend.is_some() => Bpf::Needed,
                    false => Bpf::Wanted,
                },
                duration: config.duration,
                ..Trace::new("diagnose", &shared, args.request()?, pace, &[])
            }
            .run(Diagnose::new(config, Screen::of_stdout()))
        }
        Command::Events(args) => {
            let pace = Pace {
                tick: args.interval,
                latency: SOON,
            };
            let subjects = Subjects {
                threads: false,
                system: true,
                lock_files: Catalogue::embedded().lock_files(),
                own: args.trace.include_self,
            };
            Trace {
                survey: args.json().then_some(subjects),
                duration: args.duration,
                json: args.json(),
                record: args.recording(),
                ..Trace::new("events", &args.trace, args.request()?, pace, &args.command)
            }
            .run(Events::new(args.config()?, Screen::of_stdout()))
        }
        Command::Doctor(args) => doctor::run(args, Screen::of_stdout()),
    }
}
