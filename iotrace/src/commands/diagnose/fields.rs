//! NDJSON fields of `diagnose`.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{findings::Culprit, verdict::Verdict};
use crate::output::ndjson::{Field, Slot, field};

fn texts(list: &[String], slot: Slot<'_>) {
    slot.words(list.iter().map(String::as_str));
}

fn text(value: Option<&str>, slot: Slot<'_>) {
    if let Some(value) = value {
        slot.text(value.as_bytes());
    }
}

/// Fields of a `verdict` record.
pub const VERDICT_FIELDS: &[Field<Verdict>] = &[
    field!("ts", "when it was found", |verdict, slot| slot
        .time(verdict.time)),
    field!("interval_ns", "how long it was watched", |verdict, slot| {
        slot.number(verdict.watched_ns);
    }),
    field!(
        "cause",
        "a word that does not change: `none`, `unclear`, `process`, one of the patterns (`temp_file_churn`, `log_flood`, `wal_not_checkpointed`, `sync_writes`, `rewrite`, `full_scan`, `metadata_storm`, `swap`, `vm_guest`, `cache_reads`), or a cause of the catalogue (`backup`, `scrub`, `database` and others)",
        |verdict, slot| slot.text(verdict.cause.as_bytes())
    ),
    field!("sentence", "the verdict for people", |verdict, slot| {
        slot.text(verdict.sentence.as_bytes());
    }),
    field!("confidence", "how sure it is, 0 to 1", |verdict, slot| {
        slot.fraction(verdict.confidence);
    }),
    field!(
        "culprit",
        "who does it: `pid`, `processes` (how many belong together; `pid` is the one that did most), `comm`, `command`, `unit`, `container`, `runtime`, `pod`, `share` (theirs of what is going on, 0 to 1); absent when nobody is",
        |verdict, slot| {
            if let Some(culprit) = &verdict.culprit {
                slot.record(CULPRIT_FIELDS, culprit);
            }
        }
    ),
    field!(
        "files",
        "files, or patterns of them, that it is about",
        |verdict, slot| {
            let files = verdict.files.iter();
            let files: Vec<_> = files.map(|file| String::from_utf8_lossy(file)).collect();
            slot.words(files.iter().map(|file| &**file));
        }
    ),
    field!(
        "files_b64",
        "the same in Base64, when one of them is not UTF-8",
        |verdict, slot| {
            let files = &verdict.files;
            if files.iter().any(|file| std::str::from_utf8(file).is_err()) {
                let files: Vec<_> = files.iter().map(|file| STANDARD.encode(file)).collect();
                slot.words(files.iter().map(String::as_str));
            }
        }
    ),
    field!("evidence", "the figures, as sentences", |verdict, slot| {
        texts(&verdict.evidence, slot);
    }),
    field!(
        "ruled_out",
        "what it is not, with figures",
        |verdict, slot| {
            texts(&verdict.ruled_out, slot);
        }
    ),
    field!(
        "also",
        "what else was found, less likely to be it",
        |verdict, slot| {
            texts(&verdict.also, slot);
        }
    ),
    field!("next", "what to do next", |verdict, slot| texts(
        &verdict.next,
        slot
    )),
];

const CULPRIT_FIELDS: &[Field<Culprit>] = &[
    field!("pid", "", |culprit, slot| slot.number(culprit.pid.into())),
    field!("processes", "", |culprit, slot| slot
        .number(culprit.processes as u64)),
    field!("comm", "", |culprit, slot| slot
        .text(culprit.comm.as_bytes())),
    field!("command", "", |culprit, slot| text(
        culprit.command.as_deref(),
        slot
    )),
    field!("unit", "", |culprit, slot| text(
        culprit.unit.as_deref(),
        slot
    )),
    field!("container", "", |culprit, slot| {
        text(
            culprit
                .container
                .as_ref()
                .map(|container| container.id.as_str()),
            slot,
        );
    }),
    field!("runtime", "", |culprit, slot| {
        text(
            culprit
                .container
                .as_ref()
                .map(|container| container.runtime.as_str()),
            slot,
        );
    }),
    field!("pod", "", |culprit, slot| {
        text(
            culprit
                .container
                .as_ref()
                .and_then(|container| container.pod.as_deref()),
            slot,
        );
    }),
    field!("share", "", |culprit, slot| slot.fraction(culprit.share)),
];
