//! Events to what a command line prints.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use clap::Parser as _;
use iotrace::{
    cli::{Cli, Command},
    commands::{
        End, Header, View, churn::Churn, diagnose::Diagnose, events::Events, opens::Opens,
        procs::Procs, top::Top,
    },
    event::{Event, Time},
    output::{Output, Screen},
    system::users::Users,
};

/// What `iotrace` with these arguments prints into a pipe.
pub fn text(arguments: &str, events: &[Event]) -> Vec<u8> {
    print(arguments, events, Screen::default())
}

/// The same on a terminal.
pub fn text_of_terminal(arguments: &str, events: &[Event]) -> Vec<u8> {
    print(arguments, events, Screen { terminal: true })
}

/// Parses a command line, once: it takes longer than all the rest.
fn parse(arguments: &str) -> Rc<Cli> {
    thread_local! {
        static PARSED: RefCell<HashMap<String, Rc<Cli>>> = RefCell::default();
    }
    PARSED.with_borrow_mut(|parsed| {
        let cli = parsed.entry(arguments.to_owned()).or_insert_with(|| {
            let words = ["iotrace"].into_iter().chain(arguments.split_whitespace());
            Rc::new(Cli::try_parse_from(words).expect("a command line"))
        });
        Rc::clone(cli)
    })
}

fn print(arguments: &str, events: &[Event], screen: Screen) -> Vec<u8> {
    match &parse(arguments).command {
        Command::Top(args) => {
            let config = args.config(screen).expect("a config");
            show(Top::new(config, screen), events)
        }
        Command::Opens(args) => {
            let config = args.config().expect("a config");
            show(Opens::new(config, screen), events)
        }
        Command::Churn(args) => {
            let config = args.config(screen).expect("a config");
            show(Churn::new(config, screen), events)
        }
        Command::Events(args) => show(
            Events::new(args.config().expect("a config"), screen),
            events,
        ),
        Command::Procs(args) => {
            let config = args.config(screen).expect("a config");
            show(Procs::new(config, screen, Users::default()), events)
        }
        Command::Diagnose(args) => show(
            Diagnose::new(args.config().expect("a config"), screen),
            events,
        ),
        Command::Doctor(_) => panic!("doctor has no events"),
    }
}

fn show(mut view: impl View, events: &[Event]) -> Vec<u8> {
    let header = Header {
        time: Time(0),
        backend: "fentry".into(),
        unseen: Vec::new(),
        kernel: "6.12.95".to_owned(),
        command: "test".into(),
    };
    let mut out = Output::memory();
    view.begin(&header, &mut out).expect("memory");
    for event in events {
        view.event(event.clone(), &mut out).expect("memory");
    }
    let last = End {
        time: Time(u64::MAX),
        ..End::default()
    };
    let end = view.end(&last, &mut out);
    end.expect("memory");
    out.into_bytes()
}
