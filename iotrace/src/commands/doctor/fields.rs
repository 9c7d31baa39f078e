//! NDJSON fields of `doctor`.

use super::{check::Check, report::Verdict};
use crate::{
    event::Time,
    output::ndjson::{Field, field},
};

/// A check, and when it was made.
pub struct CheckRow {
    /// The end of the examination.
    pub time: Time,
    /// The check.
    pub check: Check,
}

/// Fields of a `check` record.
pub const CHECK_FIELDS: &[Field<CheckRow>] = &[
    field!("ts", "when the system was examined", |row, slot| slot
        .time(row.time)),
    field!(
        "group",
        "what it belongs to: `kernel`, `types`, `privileges`, `container`, `programs`, `maps`, `hooks`, `features`, `backends` or `choice`",
        |row, slot| slot.text(row.check.group.as_bytes())
    ),
    field!(
        "name",
        "what was looked at, within its group",
        |row, slot| {
            slot.text(row.check.name.as_bytes());
        }
    ),
    field!(
        "state",
        "`ok`, `missing`, `reduced` (there in part, or with drawbacks), `unknown` or `info` (neither good nor bad)",
        |row, slot| slot.text(row.check.state.name().as_bytes())
    ),
    field!("found", "what was seen, for people", |row, slot| {
        if let Some(found) = &row.check.found {
            slot.text(found.as_bytes());
        }
    }),
    field!("means", "what that means, for people", |row, slot| {
        if let Some(means) = &row.check.means {
            slot.text(means.as_bytes());
        }
    }),
    field!(
        "advice",
        "what to do, for people; several lines, best first",
        |row, slot| {
            if !row.check.advice.is_empty() {
                slot.text(row.check.advice.join("\n").as_bytes());
            }
        }
    ),
];

/// The verdict, and what it is about.
pub struct DoctorRow {
    /// The end of the examination.
    pub time: Time,
    /// The verdict.
    pub verdict: Verdict,
    /// Release of the kernel.
    pub release: Option<String>,
    /// Architecture.
    pub architecture: &'static str,
}

/// Fields of the `doctor` record.
pub const DOCTOR_FIELDS: &[Field<DoctorRow>] = &[
    field!("ts", "when the system was examined", |row, slot| slot
        .time(row.time)),
    field!(
        "works",
        "whether `top` and `opens` will work",
        |row, slot| {
            slot.flag(row.verdict.works);
        }
    ),
    field!(
        "backend",
        "the backend that each command will use, by command: `top`, `opens`; absent for those that will not work",
        |row, slot| {
            let commands = [("top", row.verdict.top), ("opens", row.verdict.opens)];
            let works = commands.into_iter();
            slot.texts(works.filter_map(|(name, backend)| Some((name, backend?.name()))));
        }
    ),
    field!(
        "refused",
        "why backends do not work for all commands, by backend, for people",
        |row, slot| {
            let refused = row.verdict.refused.iter();
            slot.texts(refused.map(|(name, reason)| (*name, reason.as_str())));
        }
    ),
    field!(
        "verdict",
        "the verdict in one sentence, for people",
        |row, slot| {
            slot.text(row.verdict.sentence.as_bytes());
        }
    ),
    field!("version", "version of iotrace", |_, slot| slot
        .text(env!("CARGO_PKG_VERSION").as_bytes())),
    field!("kernel", "release of the running kernel", |row, slot| {
        if let Some(release) = &row.release {
            slot.text(release.as_bytes());
        }
    }),
    field!(
        "architecture",
        "architecture that iotrace was built for",
        |row, slot| slot.text(row.architecture.as_bytes())
    ),
];
