//! The documents agree with the program.

use iotrace::{
    commands::{
        END_FIELDS, HEADER_FIELDS, churn, cost, diagnose, doctor, events, opens, procs, system, top,
    },
    output::ndjson::Field,
};

const EVENTS: &str = include_str!("../../docs/events.md");
const README: &str = include_str!("../../README.md");

/// A section of docs/events.md as it must be.
fn section<R>(title: &str, fields: &[Field<R>]) -> String {
    let mut text = format!("## {title}\n\n| field | meaning |\n| --- | --- |\n");
    for field in fields {
        text += &format!("| `{}` | {} |\n", field.name(), field.doc);
    }
    text
}

#[test]
fn events_lists_every_field() {
    let sections = [
        section("`header`", HEADER_FIELDS),
        section("`io`", top::IO_FIELDS),
        section("`tick` of `top`", top::TICK_FIELDS),
        section("`open`", opens::OPEN_FIELDS),
        section("`tick` of `opens`", opens::LOSS_FIELDS),
        section(
            "`create`, `link`, `unlink`, `rmdir`, `rename`, `truncate`, `free`",
            events::CHANGE_FIELDS,
        ),
        section("`read`, `write`, `sync`", events::EACH_FIELDS),
        section("`life`", churn::LIFE_FIELDS),
        section("`churn`", churn::CHURN_FIELDS),
        section("`tick` of `churn`", churn::TICK_FIELDS),
        section("`proc`", procs::PROC_FIELDS),
        section("`device`", system::DEVICE_FIELDS),
        section("`system`", system::SYSTEM_FIELDS),
        section("`work`", system::WORK_FIELDS),
        section("`tick` of `procs`", procs::TICK_FIELDS),
        section("`verdict`", diagnose::VERDICT_FIELDS),
        section("`stats`", cost::STATS_FIELDS),
        section("`end`", END_FIELDS),
        section("`check`", doctor::CHECK_FIELDS),
        section("`doctor`", doctor::DOCTOR_FIELDS),
    ];
    for section in sections {
        assert!(
            EVENTS.contains(&section),
            "docs/events.md lacks this section:\n{section}"
        );
    }
}

#[test]
fn events_lists_every_cause_of_loss() {
    for loss in iotrace_common::Loss::ALL {
        assert!(
            EVENTS.contains(&format!("| `{}` |", loss.name())),
            "{loss:?}"
        );
    }
    for cause in [
        "recursion",
        "probe_missed",
        "rows_full",
        "unbalanced",
        "files_untracked",
        "replay_damaged",
    ] {
        assert!(EVENTS.contains(&format!("| `{cause}` |")), "{cause}");
    }
}

#[test]
fn every_command_line_of_the_readme_is_valid() {
    use clap::Parser as _;
    let mut seen = 0;
    for line in README.lines().map(str::trim) {
        let line = line.strip_prefix("sudo ").unwrap_or(line);
        if !line.starts_with("iotrace ") || line.contains("...") {
            continue;
        }
        let line = line.split(['|', '#', '>']).next().unwrap_or_default();
        let parsed = iotrace::cli::Cli::try_parse_from(line.split_whitespace());
        assert!(parsed.is_ok(), "{line}: {:?}", parsed.err());
        seen += 1;
    }
    assert!(seen >= 5, "only {seen} command lines");
}
