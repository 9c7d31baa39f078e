//! What may be the matter. Each file knows one thing, by figures that it names as evidence; none
//! accuses anybody who does less than [`SHARE`] of it.

mod cached;
mod churn;
mod guest;
mod logs;
mod metadata;
mod process;
mod rewrite;
mod scan;
mod swap;
mod sync;
mod system_work;
mod wal;

use std::{cmp::Reverse, collections::HashSet};

use bytes::Bytes;

use super::{
    evidence::{FileUse, Process},
    picture::{Picture, Service},
};
use crate::{
    event::{Container, Counts, FilePath},
    output::{sanitize, units},
};

/// Who does less than this of what is going on is no culprit.
pub const SHARE: f64 = 0.4;

/// What is always there and could be the matter, is not said to be.
const LEAST_CERTAIN: f64 = 0.25;

/// Something that may be the matter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Finding {
    /// A word for it that does not change.
    pub cause: String,
    /// What is known first outranks what is only told by its looks: the least goes first.
    pub tier: u8,
    /// What part of what is going on it explains, 0 to 1.
    pub weight: f64,
    /// How sure it is that it is so, given the figures, 0 to 1.
    pub certainty: f64,
    /// It in a sentence.
    pub sentence: String,
    /// Who does it.
    pub culprit: Option<Culprit>,
    /// It counts also while the disks have next to nothing to do: it slows down who does it, or
    /// the disks will have to do it later. Of the rest, the most of nothing is nothing.
    pub on_idle_disks: bool,
    /// It is told only if nothing else is the matter.
    pub only_alone: bool,
    /// Files or patterns that it is about.
    pub files: Vec<Bytes>,
    /// The figures.
    pub evidence: Vec<String>,
    /// What to do next.
    pub next: Vec<String>,
}

/// Who does it: a process, or several that belong together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Culprit {
    /// Process id; of several, of the one that did most.
    pub pid: u32,
    /// How many they are.
    pub processes: usize,
    /// Name.
    pub comm: String,
    /// Command line, when known.
    pub command: Option<String>,
    /// Its unit.
    pub unit: Option<String>,
    /// Its container.
    pub container: Option<Container>,
    /// What part of what is going on is theirs, 0 to 1.
    pub share: f64,
}

impl Culprit {
    /// A process that does this share.
    pub fn of(process: &Process, share: f64) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let facts = &process.facts;
        Self {
            pid: process.pid,
            processes: 1,
            comm: text(&facts.comm),
            command: facts.command.as_deref().map(text),
            unit: facts.unit.clone(),
            container: facts.container.clone(),
            share,
        }
    }

    /// A process, and all that belong to the same service.
    pub fn with_service(process: &Process, service: &Service, share: f64) -> Self {
        Self {
            processes: service.active().max(1),
            ..Self::of(process, share)
        }
    }
}

/// Everything that was found, the likeliest first.
pub fn all(picture: &Picture) -> Vec<Finding> {
    let mut findings = system_work::find(picture);
    let single = [
        swap::find,
        churn::find,
        wal::find,
        logs::find,
        sync::find,
        rewrite::find,
        scan::find,
        metadata::find,
        guest::find,
        process::find,
        cached::find,
    ];
    findings.extend(single.iter().filter_map(|find| find(picture)));
    let is_idle = picture.is_idle();
    let is_worth_it = |finding: &Finding| {
        finding.weight >= SHARE
            && finding.weight * finding.certainty >= LEAST_CERTAIN
            && (!is_idle || finding.on_idle_disks)
    };
    findings.retain(is_worth_it);
    let worth = |finding: &Finding| finding.weight * finding.certainty;
    findings.sort_by(|a, b| (a.tier.cmp(&b.tier)).then(worth(b).total_cmp(&worth(a))));
    findings
}

/// `12 MiB/s`
fn rate(picture: &Picture, bytes: u64) -> String {
    format!("{}/s", units::bytes(picture.rate(bytes).round() as u64))
}

/// `96 %`
fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// A path as it may be shown.
fn shown(path: &FilePath) -> String {
    let mut text = String::new();
    sanitize::path(path, &mut text);
    text
}

/// A command of iotrace for a process: by its name when it is no more, for then others like it come
/// and go.
fn look_at(process: &Process, command: &str) -> String {
    if process.ended {
        let comm = FilePath {
            bytes: process.facts.comm.clone(),
            ..FilePath::default()
        };
        format!("iotrace {command} --comm {}", quoted(&comm))
    } else {
        format!("iotrace {command} --pid {}", process.pid)
    }
}

/// A word of a command line that is safe to be pasted into a shell.
fn quoted(path: &FilePath) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+,:@%".contains(byte);
    if path.bytes.iter().all(is_plain) {
        return shown(path);
    }
    let mut text = String::from("$'");
    for byte in &path.bytes {
        match byte {
            b'\\' | b'\'' => text.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => text += &format!("\\{byte:03o}"),
        }
    }
    text.push('\'');
    text
}

/// The first paths of these files, each once.
fn paths<'a>(files: impl Iterator<Item = &'a FileUse>) -> Vec<Bytes> {
    const MOST: usize = 5;
    let mut paths = Vec::new();
    for path in files.filter_map(|file| file.path.as_deref()) {
        if paths.len() < MOST && !paths.contains(&path.bytes) {
            paths.push(path.bytes.clone());
        }
    }
    paths
}

/// Files of a service, those first that come first by a figure.
fn service_files<'a>(
    picture: &Picture<'a>,
    service: &Service,
    figure: fn(&Counts) -> u64,
) -> Vec<&'a FileUse> {
    let pids: HashSet<u32> = service.members.iter().map(|process| process.pid).collect();
    let files = picture.evidence.files.iter();
    let files = files.filter(|((pid, _), _)| pids.contains(pid));
    let mut files: Vec<_> = files.map(|(_, file)| file).collect();
    let path = |file: &FileUse| file.path.as_ref().map(|path| path.bytes.clone());
    files.sort_by_key(|file| (Reverse(figure(&file.counts)), path(file)));
    files
}

/// The file of these that comes first by a figure: by its path where that is the same.
fn most<'a>(
    picture: &Picture<'a>,
    figure: impl Fn(u32, &FileUse) -> Option<u64>,
) -> Option<(&'a Process, &'a FileUse)> {
    let files = picture.evidence.files.iter();
    let files = files.filter_map(|((pid, _), file)| Some((figure(*pid, file)?, *pid, file)));
    let path = |file: &FileUse| file.path.as_ref().map(|path| path.bytes.clone());
    let (_, pid, file) = files.max_by(|(a, of_a, one), (b, of_b, other)| {
        let paths = || path(one).cmp(&path(other));
        a.cmp(b).then_with(paths).then(of_a.cmp(of_b))
    })?;
    Some((picture.evidence.processes.get(&pid)?, file))
}

/// `postgres (pid 812, thread 815 "worker")`
fn with_thread(process: &Process, thread: Option<(u32, &[u8])>) -> String {
    match thread {
        Some((tid, comm)) if tid != process.pid => format!(
            "{} (pid {}, thread {tid} \"{}\")",
            process.program(),
            process.pid,
            sanitize::name(comm)
        ),
        _ => process.title(),
    }
}

/// The accounts of a process, as evidence.
fn accounts(picture: &Picture, process: &Process) -> String {
    let usage = &process.usage;
    let (written, cancelled) = (usage.disk_write_bytes, usage.cancelled_write_bytes);
    let mut text = format!(
        "{}: {} read from storage, {} to be written",
        process.title(),
        rate(picture, usage.disk_read_bytes),
        rate(picture, written)
    );
    let own = cancelled.min(written);
    if own > 0 {
        text += &format!(", {} of it cancelled before it was", rate(picture, own));
    }
    if cancelled > own {
        text += &format!(
            "; {} dropped that became dirty before it was watched",
            units::bytes(cancelled - own)
        );
    }
    text
}
