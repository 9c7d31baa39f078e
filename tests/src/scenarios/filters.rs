//! Every filter and fold of `top`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::Scenario;
use super::mix::{Mix, OTHER_USER, Who, words};
use crate::counts::{Counts, compare};
use crate::harness::{Context, Io, OF_OTHERS, Rows, Skip, Tracer, Workload, plain};
use crate::work::{Report, Touched};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "filter_by_pid",
        proves: "`top --pid` counts that process and no other",
        run: |context| {
            let options = |who: &Who| vec!["--pid".to_owned(), who.pid.to_string()];
            filter(context, options, |done, who| done.pid == who.pid)
        },
    },
    Scenario {
        name: "filter_by_tid",
        proves: "`top --tid` counts that thread and no other",
        run: |context| {
            let options = |who: &Who| vec!["--tid".to_owned(), who.tid.to_string()];
            filter(context, options, |done, who| done.tid == who.tid)
        },
    },
    Scenario {
        name: "filter_by_comm",
        proves: "`top --comm` counts the threads of that name and no other",
        run: |context| {
            let options = |_: &Who| words(&["--comm", "io-beta"]);
            filter(context, options, |done, _| done.comm == "io-beta")
        },
    },
    Scenario {
        name: "filter_by_uid",
        proves: "`top --uid` counts the processes of that user and no other",
        run: |context| {
            Skip::unless_root("can not become another user")?;
            let options = |_: &Who| vec!["--uid".to_owned(), OTHER_USER.to_string()];
            filter(context, options, |done, who| done.pid == who.second)
        },
    },
    Scenario {
        name: "filter_by_path",
        proves: "`top --path GLOB` counts the files that match and no other",
        run: |context| {
            let options = |who: &Who| words(&["--path", &format!("{}/two/*", who.dir.display())]);
            filter(context, options, |done, who| {
                done.path.starts_with(who.dir.join("two"))
            })
        },
    },
    Scenario {
        name: "filter_reads",
        proves: "`top --read-only` counts reads alone",
        run: |context| fold(context, &["--read-only"], file_of, Counts::only_reads),
    },
    Scenario {
        name: "filter_writes",
        proves: "`top --write-only` counts writes alone",
        run: |context| fold(context, &["--write-only"], file_of, Counts::only_writes),
    },
    Scenario {
        name: "fold_by_file",
        proves: "`top --by file` has one row for each file, whoever touches it",
        run: |context| {
            let key = |done: &Touched| (None, None, Some(done.path.clone()));
            fold(context, &["--by", "file"], key, |counts| counts)
        },
    },
    Scenario {
        name: "fold_by_thread",
        proves: "`top --by thread` has one row for each thread",
        run: |context| {
            let key = |done: &Touched| (Some(done.pid), Some(done.tid), None);
            fold(context, &["--by", "thread"], key, |counts| counts)
        },
    },
    Scenario {
        name: "fold_by_process",
        proves: "`top --by process` has one row for each process",
        run: |context| {
            let key = |done: &Touched| (Some(done.pid), None, None);
            fold(context, &["--by", "process"], key, |counts| counts)
        },
    },
    Scenario {
        name: "fold_by_directory",
        proves: "`top --by directory` has one row for each directory",
        run: |context| {
            let key = |done: &Touched| (None, None, done.path.parent().map(Path::to_owned));
            fold(context, &["--by", "directory"], key, |counts| counts)
        },
    },
    Scenario {
        name: "fold_counts_files",
        proves: "`--by thread`, `process` and `directory` tell the number of distinct files, \
                 other rows do not",
        run: files,
    },
];

/// Process, thread and path, as far as a row has them.
type Key = (Option<u32>, Option<u32>, Option<PathBuf>);

fn file_of(done: &Touched) -> Key {
    (Some(done.pid), Some(done.tid), Some(done.path.clone()))
}

/// As far as a row says: what it was folded over is absent.
fn file_of_row(row: &Io) -> Key {
    (row.pid, row.tid, row.path())
}

/// What the filter keeps is reported file by file, and nothing else.
fn filter(
    context: &Context,
    options: impl Fn(&Who) -> Vec<String>,
    keeps: impl Fn(&Touched, &Who) -> bool,
) -> Result<()> {
    let mix = Mix::start(context)?;
    let options = options(&mix.who);
    let (mut done, who, seen) = run(context, mix, options)?;
    let all = done.len();
    done.retain(|done| keeps(done, &who));
    ensure!(
        !done.is_empty() && done.len() < all,
        "the filter is not tested"
    );
    compare(
        &sums(&done, file_of, |counts| counts),
        &seen.sums(file_of_row),
    )?;
    let users: BTreeMap<_, _> = done.iter().map(|done| (Some(done.pid), done.uid)).collect();
    for row in &seen.rows {
        ensure!(row.uid.as_ref() == users.get(&row.pid), "user of {row:?}");
    }
    Ok(())
}

/// What the first process did, put together or in part.
fn fold(
    context: &Context,
    options: &[&str],
    key: impl Fn(&Touched) -> Key,
    part: impl Fn(Counts) -> Counts,
) -> Result<()> {
    let mix = Mix::start(context)?;
    let pid = mix.who.pid.to_string();
    let options = words(&[&["--pid", &pid], options].concat());
    let (mut done, who, seen) = run(context, mix, options)?;
    done.retain(|done| done.pid == who.pid);
    compare(&sums(&done, key, part), &seen.sums(file_of_row))
}

/// Two processes touch the same files, so that pairs of thread and file are more than files.
fn files(context: &Context) -> Result<()> {
    let cases: [(&[&str], &[Option<u64>]); 5] = [
        (&[], &[None; 8]),
        (&["--by", "file"], &[None; 5]),
        (&["--by", "thread"], &[Some(3), Some(5)]),
        (&["--by", "process"], &[Some(3), Some(5)]),
        (&["--by", "directory"], &[Some(5)]),
    ];
    for (case, (by, expected)) in cases.into_iter().enumerate() {
        let dir = context.make_dir(&format!("files-{case}"))?;
        let glob = format!("{}/*", dir.display());
        // One interval, which its end ends.
        let options = [&["--path", &glob], by, &["3600"]].concat();
        let tracer = Tracer::start(context, "top", &options, Rows::allowing(OF_OTHERS))?;
        for count in ["3", "5"] {
            let options = ["files", "--count", count, "--batch", count, "--dir"];
            let options = [&options[..], &[plain(&dir)?]].concat();
            let mut workload = Workload::start(context, &options)?;
            workload.go()?;
            workload.finish::<Report>()?;
        }
        let (seen, _) = tracer.stop()?;
        let mut files: Vec<_> = seen.rows.iter().map(|row| row.files).collect();
        files.sort_unstable();
        ensure!(files == expected, "{by:?}: files of each row are {files:?}");
    }
    Ok(())
}

fn run(context: &Context, mix: Mix, mut options: Vec<String>) -> Result<(Vec<Touched>, Who, Rows)> {
    options.push("0.1".to_owned());
    let tracer = Tracer::start(context, "top", &options, Rows::allowing(OF_OTHERS))?;
    let (done, who) = mix.work()?;
    let (seen, _) = tracer.stop()?;
    Ok((done, who, seen))
}

fn sums(
    done: &[Touched],
    key: impl Fn(&Touched) -> Key,
    part: impl Fn(Counts) -> Counts,
) -> BTreeMap<Key, Counts> {
    let mut sums = BTreeMap::new();
    for done in done {
        *sums.entry(key(done)).or_insert(Counts::ZERO) += part(done.counts);
    }
    sums
}
