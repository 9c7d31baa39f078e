//! The verdict for people.

use unicode_width::UnicodeWidthStr as _;

use super::{super::text::render, *};
use crate::output::sanitize;

fn rendered(verdict: &Verdict, width: Option<usize>) -> String {
    let mut out = Vec::new();
    render(verdict, width, &mut out);
    String::from_utf8(out).expect("UTF-8")
}

fn hostile() -> Verdict {
    let long = format!(
        "/srv/{}/日本語のとても長い名前/\x1b[2J.img",
        "x".repeat(150)
    );
    let mut facts = facts("evil \u{202e}\r\nVerdict    none");
    facts.unit = Some("\x1b]0;a\x07.service".to_owned());
    let Event::Device(device) = disk(100 * MIB, 0) else {
        panic!("no device");
    };
    verdict([
        Event::Device(Device {
            name: "sd\x1ba\nb".to_owned(),
            ..device
        }),
        proc_of(10, facts.clone(), usage(60 * MIB, 0)),
        proc_of(11, facts, usage(30 * MIB, 0)),
        io(10, 1, &long, (100, 100 * MIB), (0, 0)),
        work(WorkKind::Md, "md\x1b[0m", "resync", None),
    ])
}

#[test]
fn no_line_is_wider_than_the_screen() {
    let verdict = hostile();
    assert_eq!(verdict.cause, "full_scan");
    for width in [40, 80, 120] {
        for line in rendered(&verdict, Some(width)).lines() {
            assert!(line.width() <= width, "{width}: {line}");
        }
    }
    // More is hard to read.
    assert_eq!(rendered(&verdict, Some(500)), rendered(&verdict, Some(120)));
}

#[test]
fn names_do_no_harm() {
    for width in [None, Some(40), Some(80), Some(120)] {
        let text = rendered(&hostile(), width);
        for line in text.lines() {
            assert!(!line.chars().any(sanitize::is_unsafe), "{line:?}");
        }
        // Nobody writes a section of his own.
        assert_eq!(
            text.lines()
                .filter(|line| line.starts_with("Verdict"))
                .count(),
            1
        );
    }
}

#[test]
fn what_was_escaped_is_not_escaped_again() {
    let text = rendered(&hostile(), Some(120));
    assert!(text.contains("\\x1b[2J.img"), "{text}");
    assert!(!text.contains("\\\\x1b"), "{text}");
}

#[test]
fn sections_without_anything_are_left_out() {
    let quiet = Verdict {
        sentence: "No I/O problem seen.".to_owned(),
        watched_ns: SECONDS * SECOND,
        confidence: 0.9,
        next: vec!["look later".to_owned()],
        ..Verdict::default()
    };
    let expected = "\
Verdict    No I/O problem seen. (watched 10s, confidence 90 %)

Next       look later

";
    assert_eq!(rendered(&quiet, Some(80)), expected);
}
