//! Names made to break terminals and parsers, and paths made to break the walk
//! through dentries and mounts, in NDJSON and in text.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::Scenario;
use super::text::{Line, Text, harmful};
use crate::counts::Counts;
use crate::harness::{Context, Opens, Rows, Tracer, Workload};
use crate::machine;
use crate::work::names::{BIND, BOUND, Case, THREADS, TMPFS, cases};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "hostile_names_in_top_json",
        proves: "`top --json` gives every name byte for byte: escape sequences, newline, not UTF-8, \
                 255 bytes, 40 levels, other mounts, deleted",
        run: top_json,
    },
    Scenario {
        name: "hostile_names_in_opens_json",
        proves: "`opens --json` gives every such name byte for byte",
        run: opens_json,
    },
    Scenario {
        name: "hostile_names_in_top_text",
        proves: "`top` shows every such name escaped, and no control character reaches the terminal",
        run: |context| text(context, "top", &["-C", "-r", "100"], &["0.5"]),
    },
    Scenario {
        name: "hostile_names_in_opens_text",
        proves: "`opens` shows every such name escaped, and no control character reaches the terminal",
        run: |context| text(context, "opens", &[], &[]),
    },
];

/// The files, their workload, and what is mounted for them.
struct Names {
    cases: Vec<Case>,
    workload: Workload,
    mounts: Vec<PathBuf>,
}

impl Names {
    fn prepare(context: &Context) -> Result<Self> {
        let dir = context.make_dir("names")?;
        let mut arguments = vec![OsString::from("names"), "--dir".into(), dir.clone().into()];
        let mut mounts = Vec::new();
        if machine::is_root() {
            mounts = mount_both(&dir)?;
            arguments.push("--mounts".into());
        } else {
            println!("     without the cases of other mounts: not root");
        }
        Ok(Self {
            cases: cases(&dir, !mounts.is_empty()),
            workload: Workload::start(context, &arguments)?,
            mounts,
        })
    }

    /// Lets it touch all files; returns the id of each thread.
    fn work(self) -> Result<Worked> {
        let Self {
            cases,
            mut workload,
            mounts,
        } = self;
        workload.go()?;
        let tids: Vec<u32> = workload.finish()?;
        ensure!(tids.len() == THREADS.len(), "{} threads", tids.len());
        // Lazily, because a tracer may be looking.
        for mount in mounts {
            umount2(&mount, MntFlags::MNT_DETACH)?;
        }
        Ok(Worked { cases, tids })
    }
}

struct Worked {
    cases: Vec<Case>,
    tids: Vec<u32>,
}

fn mount_both(dir: &Path) -> Result<Vec<PathBuf>> {
    let nothing: Option<&str> = None;
    let [tmpfs, bind, bound] = [TMPFS, BIND, BOUND].map(|name| dir.join(name));
    for path in [&tmpfs, &bind, &bound] {
        std::fs::create_dir(path)?;
    }
    mount(
        Some("tmpfs"),
        &tmpfs,
        Some("tmpfs"),
        MsFlags::empty(),
        nothing,
    )
    .context("tmpfs")?;
    mount(Some(&bound), &bind, nothing, MsFlags::MS_BIND, nothing).context("bind mount")?;
    Ok(vec![tmpfs, bind])
}

fn top_json(context: &Context) -> Result<()> {
    let names = Names::prepare(context)?;
    let pid = names.workload.pid().to_string();
    let tracer = Tracer::start(context, "top", &["-p", &pid, "0.1"], Rows::default())?;
    let worked = names.work()?;
    let (seen, _) = tracer.stop()?;

    for case in &worked.cases {
        let row = seen
            .rows
            .iter()
            .find(|row| row.path().as_ref() == Some(&case.path))
            .with_context(|| format!("no row of {case}"))?;
        let done = Counts {
            writes: 1,
            write_bytes: case.length,
            ..Counts::ZERO
        };
        ensure!(row.counts == done, "{case} is {row:?}");
        ensure!(
            row.tid == Some(worked.tids[case.thread]),
            "thread of {case}: {row:?}"
        );
        let comm = row.comm().unwrap_or_default();
        ensure!(
            comm.as_bytes() == THREADS[case.thread].to_bytes(),
            "comm of {case}: {row:?}"
        );
        ensure!(!row.path_cut, "{case} is marked as cut: {row:?}");
        if case.deleted {
            ensure!(row.deleted, "{case} is not marked as deleted: {row:?}");
        } else {
            ensure!(!row.deleted, "{case} is marked as deleted: {row:?}");
        }
    }
    ensure!(
        seen.rows.len() == worked.cases.len(),
        "{} rows of {} files",
        seen.rows.len(),
        worked.cases.len()
    );
    Ok(())
}

fn opens_json(context: &Context) -> Result<()> {
    let names = Names::prepare(context)?;
    let pid = names.workload.pid().to_string();
    let tracer = Tracer::start(context, "opens", &["-p", &pid], Opens::default())?;
    let worked = names.work()?;
    let (seen, _) = tracer.stop()?;

    for case in &worked.cases {
        let open = seen
            .opens
            .iter()
            .find(|open| open.path().as_ref() == Some(&case.path))
            .with_context(|| format!("no open of {case}"))?;
        ensure!(open.created == Some(true), "{case} was created: {open:?}");
        ensure!(
            open.tid == worked.tids[case.thread],
            "thread of {case}: {open:?}"
        );
        let comm = open.comm().unwrap_or_default();
        ensure!(
            comm.as_bytes() == THREADS[case.thread].to_bytes(),
            "comm of {case}: {open:?}"
        );
    }
    ensure!(
        seen.opens.len() == worked.cases.len(),
        "{} opens of {} files",
        seen.opens.len(),
        worked.cases.len()
    );
    Ok(())
}

fn text(context: &Context, subcommand: &str, options: &[&str], last: &[&str]) -> Result<()> {
    let names = Names::prepare(context)?;
    let pid = names.workload.pid().to_string();
    let arguments = [options, &["-p", &pid], last].concat();
    let shown = Text::start(context, subcommand, &arguments)?;
    let worked = names.work()?;
    let lines: Vec<Line> = worked
        .cases
        .iter()
        .map(|case| {
            let comm = escaped(THREADS[case.thread].to_bytes());
            let path = escaped(case.path.as_os_str().as_bytes());
            Line(vec![format!(" {comm} "), path])
        })
        .collect();
    shown.wait_for_lines(&lines)?;
    let all = shown.stop()?;
    if let Some(harm) = harmful(&all) {
        bail!("a terminal would get {harm}");
    }
    Ok(())
}

/// How a name stands in text: bytes that are no character and ASCII controls
/// as `\xNN`, other characters that do harm as `\u{NNNN}`.
fn escaped(name: &[u8]) -> String {
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\0'..='\x1f' | '\x7f' => text += &format!("\\x{:02x}", u32::from(c)),
                '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' => {
                    text += &format!("\\u{{{:04x}}}", u32::from(c));
                }
                c => text.push(c),
            }
        }
        for byte in chunk.invalid() {
            text += &format!("\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn names_are_escaped() {
        assert_eq!(escaped(b"a\x1b]0;x\x07"), "a\\x1b]0;x\\x07");
        assert_eq!(escaped(b"\xff\n"), "\\xff\\x0a");
        assert_eq!(escaped("\u{202e}\u{9b}ü".as_bytes()), "\\u{202e}\\u{009b}ü");
    }
}
