//! Command lines and patterns of any kind.

use clap::Parser as _;
use iotrace::{
    cli::{Cli, Command},
    filter, flags,
    output::Screen,
};
use proptest::{collection::vec, prelude::*};

/// What patterns are made of.
const GLOB: &str = r"[/*?\[\]{},!^\\a-c\-é日 \n]{0,40}";

fn parse(words: &[String]) {
    let words = ["iotrace".to_owned()]
        .into_iter()
        .chain(words.iter().cloned());
    let Ok(cli) = Cli::try_parse_from(words) else {
        return;
    };
    // Refused or not, there is an answer. `request` asks the system, too.
    match cli.command {
        Command::Top(args) => {
            let _ = args.request();
            let _ = args.config(Screen::default());
        }
        Command::Opens(args) => {
            let _ = args.request();
        }
        Command::Churn(args) => {
            let _ = args.request();
            let _ = args.config(Screen::default());
        }
        Command::Events(args) => {
            let _ = args.request();
            let _ = args.config();
        }
        Command::Procs(args) => {
            let _ = args.request();
            let _ = args.config(Screen::default());
        }
        Command::Diagnose(args) => {
            let _ = args.request();
            let _ = args.config();
        }
        // It checks nothing before it looks at the system.
        Command::Doctor(_) => {}
    }
}

proptest! {
    #[test]
    fn any_pattern_is_taken_or_refused(
        start in r"[/*?\[{]", rest in GLOB, path in vec(any::<u8>(), 0..30),
    ) {
        if let Ok(glob) = filter::glob(&format!("{start}{rest}")) {
            use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};
            let _ = glob.is_match(OsStr::from_bytes(&path));
        }
    }

    #[test]
    fn any_text_is_a_pattern_or_is_refused(pattern: String) {
        let _ = filter::glob(&pattern);
        let _ = filter::glob(&format!("/{pattern}"));
        let _ = flags::parse(&pattern);
    }

    #[test]
    fn any_words_are_taken_or_refused(words in vec(any::<String>(), 0..5)) {
        parse(&words);
    }

    #[test]
    fn any_value_is_taken_or_refused(
        command in prop::sample::select(vec!["top", "opens"]),
        option in prop::sample::select(vec![
            "-p", "-t", "-u", "-n", "--path", "-r", "-s", "--by", "-d", "--map-rows", "--ring-kib",
            "-f", "-b", "--btf", "--",
        ]),
        value in prop_oneof![
            any::<String>(), any::<u64>().prop_map(|number| number.to_string()),
            any::<f64>().prop_map(|number| number.to_string()), GLOB.prop_map(|glob| format!("/{glob}")),
        ],
    ) {
        parse(&[command.to_owned(), option.to_owned(), value.clone()]);
        parse(&[command.to_owned(), value.clone(), value]);
    }
}

#[test]
fn the_longest_and_deepest_patterns_are_taken_or_refused() {
    for part in [
        "*",
        "?",
        "/",
        "**/",
        "{",
        "{a,",
        "{,",
        "[a-z]",
        "[acegikmoqsuwy]",
        "\\{",
        "é",
    ] {
        for count in [1, 30, 64, 65, 300, 2_000, 40_000] {
            let pattern = format!("/{}", part.repeat(count));
            let _ = filter::glob(&pattern).map(|glob| glob.is_match("/aaaa"));
            let closed = format!("{pattern}{}", "}".repeat(count));
            let _ = filter::glob(&closed).map(|glob| glob.is_match("/aaaa"));
        }
    }
    let several = format!("/{}", "{a,b}".repeat(64));
    assert!(
        filter::glob(&several).is_ok_and(|glob| glob.is_match(format!("/{}", "ab".repeat(32))))
    );
}
