//! What each kind of trouble looks like, with an application beside it that makes much ado of
//! little.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::watch::{Verdict, end, judge, start};
use crate::harness::{Context, Skip};
use crate::scenarios::Scenario;
use crate::scenarios::temp_files::python;

pub const LOG: Scenario = Scenario {
    name: "diagnose_log_flood",
    proves: "who writes a log as fast as it goes is named with that log",
    run: |context| {
        culprit(context, "log", "log_flood", "/log/server.log", |verdict| {
            verdict.has_evidence(&["server.log", "written"])
        })
    },
};

pub const WAL: Scenario = Scenario {
    name: "diagnose_wal",
    proves: "a write-ahead log of SQLite that a reader keeps from being taken over is named, with \
             its writer",
    run: |context| {
        if !has_sqlite()? {
            return Skip::because("this Python has no sqlite3");
        }
        let cause = "wal_not_checkpointed";
        culprit(context, "wal", cause, "/wal/app.db-wal", |verdict| {
            verdict.has_evidence(&["app.db-wal", "writes per second"])
        })
    },
};

pub const SYNC: Scenario = Scenario {
    name: "diagnose_sync_writes",
    proves: "who waits for the disk after each write of 4 KiB is named, with the file, and the size \
             is what it writes, not what the kernel accounts for it",
    run: |context| {
        let file = "/sync/journal.db";
        culprit(context, "sync", "sync_writes", file, |verdict| {
            verdict.has_evidence(&["syncs per second"])?;
            let is_true = verdict.sentence.contains("4.0 KiB each time");
            ensure!(is_true, "not 4 KiB: {verdict:#?}");
            Ok(())
        })
    },
};

pub const REWRITE: Scenario = Scenario {
    name: "diagnose_rewrite",
    proves: "a file that is written anew and replaced again and again is named as such, not as \
             temporary files",
    run: |context| {
        let file = "/rewrite/state.json";
        culprit(context, "rewrite", "rewrite", file, |verdict| {
            verdict.has_evidence(&["state.json", "replaced"])
        })
    },
};

pub const SCAN: Scenario = Scenario {
    name: "diagnose_full_scan",
    proves: "who reads a file from one end to the other is named, with the file",
    run: |context| {
        culprit(context, "scan", "full_scan", "/scan/disk.raw", |verdict| {
            verdict.has_evidence(&["disk.raw", "reads"])
        })
    },
};

pub const CACHED: Scenario = Scenario {
    name: "diagnose_cache_reads",
    proves: "reads that the cache serves are said to be no problem of the disk",
    run: |context| {
        culprit(context, "cached", "cache_reads", "", |verdict| {
            let is_said = verdict.sentence.starts_with("No disk problem");
            ensure!(is_said, "what is it? {verdict:#?}");
            Ok(())
        })
    },
};

pub const NAMES: Scenario = Scenario {
    name: "diagnose_metadata_storm",
    proves: "who opens and renames empty files by the thousand is named",
    run: |context| {
        culprit(context, "names", "metadata_storm", "", |verdict| {
            let moves_few = verdict.sentence.contains("moves few bytes");
            ensure!(moves_few, "what of bytes? {verdict:#?}");
            Ok(())
        })
    },
};

pub const IDLE: Scenario = Scenario {
    name: "diagnose_idle",
    proves: "where nothing is to be seen, nobody is accused",
    run: |context| {
        judge(context, &[], &["3"], |verdict| {
            ensure!(
                verdict.cause == "none" && verdict.culprit.is_none() && verdict.also.is_empty(),
                "accused: {verdict:#?}"
            );
            Ok(())
        })
    },
};

fn has_sqlite() -> Result<bool> {
    let python = python().context("no python3 in /usr/bin or PATH")?;
    let tried = Command::new(python)
        .args(["-c", "import sqlite3"])
        .output()?;
    Ok(tried.status.success())
}

/// One of a kind, beside an application that is not to be accused.
fn culprit(
    context: &Context,
    kind: &str,
    cause: &str,
    file: &str,
    check: impl Fn(&Verdict) -> Result<()>,
) -> Result<()> {
    let (one, app) = (start(context, kind, None)?, start(context, "app", None)?);
    judge(context, &[one.pid(), app.pid()], &["4"], |verdict| {
        verdict.accuses(cause, one.pid())?;
        let is_named = |name: &String| name.ends_with(file);
        ensure!(
            file.is_empty() || verdict.files.first().is_some_and(is_named),
            "not {file}: {verdict:#?}"
        );
        let culprit = verdict.culprit.as_ref();
        let command = culprit.and_then(|culprit| culprit.command.as_deref());
        let is_its = command.is_some_and(|command| command.contains(&format!("{kind}.py")));
        ensure!(is_its, "whose command line? {verdict:#?}");
        verdict.clears(app.pid())?;
        check(verdict)
    })?;
    end([one, app])
}
