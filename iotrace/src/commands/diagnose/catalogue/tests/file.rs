//! The file.

use std::io::Write as _;

use proptest::prelude::*;

use super::{facts, names};
use crate::commands::diagnose::catalogue::*;

fn written(text: &str) -> Result<Catalogue, String> {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(text.as_bytes()).expect("written");
    Catalogue::with_file(file.path())
}

const OWN: &str = r#"
[[entry]]
name = "restic"
title = "our nightly restic"
cause = "backup"
exe = ["restic"]
io = "itself"
look = "ask Ada"

[[entry]]
name = "reports"
title = "the monthly reports"
cause = "reports"
exe = ["report-*"]
arguments = ["--month *"]
unit = ["reports.service"]
lock = ["/run/reports.lock"]
io = "itself"
weight = 1
look = "wait"

[[carrier]]
name = "kworker"
comm = ["kworker/*"]
behind = "somebody"
look = "iotrace top"
"#;

#[test]
fn a_file_adds_and_replaces() {
    let catalogue = written(OWN).expect("a catalogue");
    let embedded = Catalogue::embedded();
    assert_eq!(catalogue.entries().len(), embedded.entries().len() + 1);
    let found = catalogue.of_process(&facts("restic backup"));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].entry.title, "our nightly restic");
    assert_eq!(
        names(&catalogue, &facts("report-sales --month 3")),
        ["reports"]
    );
    assert_eq!(names(&catalogue, &facts("report-sales --year")), [""; 0]);
    assert_eq!(names(&catalogue, &facts("rsync -a a b")), ["rsync"]);
    assert!(catalogue.causes().contains(&"reports"));
    assert!(catalogue.lock_files().contains(&"/run/reports.lock".into()));
    let carrier = catalogue.carrier(b"kworker/u8:1").expect("a carrier");
    assert_eq!(carrier.behind, "somebody");
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_line() {
    let entry = "[[entry]]
name = 'x'
title = 'x'
cause = 'x'
io = 'itself'
look = 'x'
";
    // What follows in the entry, the line that is named, and what is said of it.
    let cases = [
        ("", 1, "has none of exe"),
        ("unit = ['x']\narguments = ['x']", 1, "no exe"),
        ("exee = ['x']", 7, "unknown field `exee`"),
        ("exe = ['x', '[']", 7, "unclosed character class"),
        ("exe = ['']", 7, "empty pattern"),
        ("exe = ['x']\nweight = 2", 8, "not from 0 to 1"),
        ("lock = ['x']", 7, "no absolute path"),
        ("work = [{ kind = 'lock', states = [] }]", 7, "in 'lock'"),
        ("work = [{ kind = 'x', states = [] }]", 7, "no kind of work"),
        ("name = 'y'", 7, "duplicate key"),
        ("exe = ['x']\n[[entry]]\nname = 'Mr X'", 9, "small letters"),
        ("exe = ['x']\n[[entry]]\nio = 'magic'", 9, "unknown variant"),
        ("exe = ['x']\n[[carriers]]", 8, "unknown field `carriers`"),
        ("exe = ['x']\n[[carrier]", 8, ""),
    ];
    let mut cases: Vec<(String, usize, &str)> = cases
        .map(|(more, line, what)| (format!("{entry}{more}"), line, what))
        .into();
    let twice = format!("{entry}exe = ['x']\n{entry}exe = ['x']");
    cases.push((twice, 8, "'x' is there twice"));
    let deep = format!("{entry}exe = ['{}']", "{".repeat(65));
    cases.push((deep, 7, "64 times"));
    for (text, line, what) in cases {
        let error = written(&text).expect_err(&text);
        assert!(
            error.contains(&format!(", line {line}: ")),
            "{text}\n{error}"
        );
        assert!(error.contains(what), "{text}\n{error}");
        assert!(
            error.ends_with("Mend it, or run without --catalogue"),
            "{error}"
        );
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    let error = Catalogue::with_file(Path::new("/nowhere/at all")).expect_err("no file");
    assert!(
        error.starts_with("cannot read the catalogue /nowhere/at all: No such file"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn any_file_is_an_answer(text in "(\\[\\[(entry|carrier)\\]\\]\n|(name|exe|io|work|comm) = (\\[\"[*a\\[{]{0,3}\"\\]|\"itself\"|\"x\")\n|\\PC){0,8}") {
        let _ = File::parse(&text, Path::new("x")).map(Catalogue::new);
    }
}
