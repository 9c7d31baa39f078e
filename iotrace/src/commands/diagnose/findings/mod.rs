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

use super::{
    evidence::{FileUse, Process},
    picture::Picture,
};
use crate::{
    event::{Container, FilePath},
    output::{sanitize, units},
};

/// Who does less than this of what is going on is no culprit.
pub const SHARE: f64 = 0.4;

/// What is always there and could be the matter, is not said to be.
const LEAST_CERTAIN: f64 = 0.25;

/// What is the matter also while the disks have next to nothing to do: it slows down who does it,
/// or the disks will have to do it later. Of the rest, the most of nothing is nothing.
const OF_IDLE_DISKS: [&str; 5] = [
    "temp_file_churn",
    "log_flood",
    "wal_not_checkpointed",
    "metadata_storm",
    "cache_reads",
];

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
    /// Files or patterns that it is about.
    pub files: Vec<String>,
    /// The figures.
    pub evidence: Vec<String>,
    /// What to do next.
    pub next: Vec<String>,
}

/// Who does it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Culprit {
    /// Process id.
    pub pid: u32,
    /// Name.
    pub comm: String,
    /// Command line, when known.
    pub command: Option<String>,
    /// Its unit.
    pub unit: Option<String>,
    /// Its container.
    pub container: Option<Container>,
    /// What part of it is its own, 0 to 1.
    pub share: f64,
}

impl Culprit {
    /// A process that does this share.
    pub fn of(process: &Process, share: f64) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let facts = &process.facts;
        Self {
            pid: process.pid,
            comm: text(&facts.comm),
            command: facts.command.as_deref().map(text),
            unit: facts.unit.clone(),
            container: facts.container.clone(),
            share,
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
            && (!is_idle || OF_IDLE_DISKS.contains(&finding.cause.as_str()))
    };
    findings.retain(is_worth_it);
    findings.sort_by(|a, b| {
        (a.tier, -a.weight)
            .partial_cmp(&(b.tier, -b.weight))
            .unwrap_or(std::cmp::Ordering::Equal)
    });
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

/// The first paths of these files, each once.
fn paths<'a>(files: impl Iterator<Item = &'a FileUse>) -> Vec<String> {
    const MOST: usize = 5;
    let mut paths = Vec::new();
    for path in files.filter_map(|file| file.path.as_deref()).map(shown) {
        if paths.len() < MOST && !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
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
    let mut text = format!(
        "{}: {} read from storage, {} to be written",
        process.title(),
        rate(picture, usage.disk_read_bytes),
        rate(picture, usage.disk_write_bytes)
    );
    if usage.cancelled_write_bytes > 0 {
        text += &format!(
            ", {} of it cancelled before it was",
            rate(picture, usage.cancelled_write_bytes)
        );
    }
    text
}
