//! The verdict: what is the matter, how sure that is, and what it is not.

use std::collections::HashSet;

use super::{
    findings::{self, Culprit, Finding, SHARE},
    picture::{Picture, Service, total},
};
use crate::{
    event::Time,
    output::{sanitize, units},
};

/// The cause when there is something, but nobody who does enough of it.
const UNCLEAR: &str = "unclear";

/// How many others are named that it is not.
const OTHERS: usize = 4;

/// Work that weighs less is not worth a word, as long as it does less than this.
const WORTH_A_WORD: f64 = 0.3;
const NEXT_TO_NOTHING: f64 = 0.01;

/// A thread of the kernel that moves this part of all is named.
const WORTH_NAMING: f64 = 0.05;

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// When it was found.
    pub time: Time,
    /// How long it was watched, nanoseconds.
    pub watched_ns: u64,
    /// A word for it that does not change.
    pub cause: String,
    /// It in a sentence.
    pub sentence: String,
    /// How sure it is, 0 to 1.
    pub confidence: f64,
    /// Who does it.
    pub culprit: Option<Culprit>,
    /// Files or patterns that it is about.
    pub files: Vec<String>,
    /// The figures.
    pub evidence: Vec<String>,
    /// What it is not, with figures.
    pub ruled_out: Vec<String>,
    /// What else was found, less likely to be it.
    pub also: Vec<String>,
    /// What to do next.
    pub next: Vec<String>,
}

/// Judges. Nobody is accused of what he does less than [`SHARE`] of.
pub fn judge(picture: &Picture, time: Time) -> Verdict {
    let mut findings = findings::all(picture);
    let mut verdict = match findings.first().cloned() {
        Some(finding) => of(picture, finding),
        None if picture.is_idle() => nothing(picture),
        None => unclear(picture),
    };
    verdict.time = time;
    verdict.watched_ns = picture.evidence.watched_ns;
    let culprit = verdict.culprit.as_ref().map(|culprit| culprit.pid);
    // Of each process what it is first of all.
    let mut named = HashSet::from([culprit]);
    let pid = |finding: &Finding| finding.culprit.as_ref().map(|culprit| culprit.pid);
    // Who reads from the cache is ruled out, beside something that is the matter.
    findings.retain(|finding| finding.cause != "cache_reads" && named.insert(pid(finding)));
    verdict.also = findings
        .into_iter()
        .map(|finding| finding.sentence)
        .collect();
    verdict.evidence.splice(0..0, devices(picture));
    verdict.ruled_out = ruled_out(picture, culprit, &verdict.cause);
    verdict
}

fn of(picture: &Picture, finding: Finding) -> Verdict {
    Verdict {
        confidence: confidence(picture, &finding),
        cause: finding.cause,
        sentence: finding.sentence,
        culprit: finding.culprit,
        files: finding.files,
        evidence: finding.evidence,
        next: finding.next,
        ..Verdict::default()
    }
}

/// How sure a finding is: by its certainty, by how much it explains, and by how much could be seen.
fn confidence(picture: &Picture, finding: &Finding) -> f64 {
    let explains = 0.5 + 0.5 * finding.weight;
    let seen = if !picture.evidence.has_accounts {
        0.6
    } else if !picture.evidence.has_files {
        0.85
    } else {
        1.0
    };
    (finding.certainty * explains * seen).clamp(0.0, 0.99)
}

fn nothing(picture: &Picture) -> Verdict {
    Verdict {
        cause: "none".to_owned(),
        sentence:
            "No I/O problem seen: the disks have next to nothing to do, and nothing waits for them."
                .to_owned(),
        confidence: if picture.evidence.has_accounts {
            0.9
        } else {
            0.6
        },
        next: vec![
            "run it again while the problem is there, or longer: iotrace diagnose 60".to_owned(),
        ],
        ..Verdict::default()
    }
}

fn unclear(picture: &Picture) -> Verdict {
    let busiest = picture
        .services
        .first()
        .filter(|service| service.usage.is_any());
    let late = picture
        .devices
        .write_bytes
        .saturating_sub(picture.processes.disk_write_bytes);
    let sentence = match busiest {
        _ if late > picture.devices.bytes() / 2 => format!(
            "The kernel writes out what became dirty before it was watched, {}/s; nobody does as much now.",
            units::bytes(picture.rate(late).round() as u64)
        ),
        Some(service) => format!(
            "No single process stands out: the busiest, {}, does {:.0} % of {}/s, less than the {:.0} % that a culprit must.",
            service.leader.title(),
            100.0 * picture.share(&service.usage),
            units::bytes(picture.rate(picture.disk_bytes()).round() as u64),
            100.0 * SHARE
        ),
        None => "The disks are busy, but no process that can be seen keeps them so.".to_owned(),
    };
    Verdict {
        cause: UNCLEAR.to_owned(),
        sentence,
        confidence: 0.5,
        evidence: picture
            .services
            .iter()
            .take(3)
            .map(|service| line(picture, service))
            .collect(),
        next: vec![
            "iotrace procs -C 5 1".to_owned(),
            "iotrace top -C --by process".to_owned(),
        ],
        ..Verdict::default()
    }
}

/// The truth of the devices, first.
fn devices(picture: &Picture) -> Vec<String> {
    let rate = |bytes| units::bytes(picture.rate(bytes).round() as u64);
    let mut lines = Vec::new();
    let evidence = picture.evidence;
    let mut bottom: Vec<_> = evidence
        .devices
        .values()
        .filter(|device| evidence.stack.is_bottom(&device.name) && device.work.is_any())
        .collect();
    bottom.sort_by_key(|device| std::cmp::Reverse(device.work.bytes()));
    for device in bottom.iter().take(4) {
        let work = &device.work;
        lines.push(format!(
            "{}: {}/s read, {}/s written, {:.0} operations per second, {:.0} % busy",
            device.name,
            rate(work.read_bytes),
            rate(work.write_bytes),
            picture.rate(work.reads.saturating_add(work.writes)),
            100.0 * work.busy_ns as f64 / evidence.watched_ns.max(1) as f64
        ));
    }
    if let Some(coverage) = picture.coverage() {
        let names: Vec<_> = bottom.iter().map(|device| device.name.as_str()).collect();
        lines.push(format!(
            "processes explain {:.0} % of {}",
            100.0 * coverage,
            names.join(" and ")
        ));
    }
    let busy = picture
        .carriers
        .iter()
        .filter(|(process, _)| picture.share(&process.usage) >= WORTH_NAMING);
    for (process, carrier) in busy.take(OTHERS) {
        lines.push(format!(
            "kernel thread {} moves {}/s for others: {}",
            sanitize::name(&process.facts.comm),
            rate(process.usage.disk_bytes()),
            carrier.behind
        ));
    }
    if let Some(pressure) = picture.pressure {
        lines.push(format!(
            "some task waited for I/O {:.0} % of the time",
            100.0 * pressure
        ));
    }
    if evidence.by_calls {
        lines.push(
            "the kernel accounts for whole large folios, more than could be written: writes of processes are those of their calls"
                .to_owned(),
        );
    }
    if !evidence.has_accounts {
        lines.push("there are no accounts of processes: what each did is not known".to_owned());
    }
    if evidence.lost.total() > 0 {
        lines.push(format!("lost: {}", evidence.lost));
    }
    lines
}

fn line(picture: &Picture, service: &Service) -> String {
    let usage = &service.usage;
    let of_many = match service.members.len() {
        1 => String::new(),
        many => format!(", with {} more", many - 1),
    };
    let rate = |bytes| units::bytes(picture.rate(bytes).round() as u64);
    let members = service.members.iter();
    let moved = total(members.map(|process| process.counts.bytes()));
    let mut text = format!(
        "{}{of_many}: {}/s read from storage, {}/s written, {:.1} % of all disk I/O",
        service.leader.title(),
        rate(usage.disk_read_bytes),
        rate(usage.disk_write_bytes),
        100.0 * picture.share(usage)
    );
    if moved > 0 {
        text += &format!("; {}/s to and from the cache", rate(moved));
    }
    text
}

/// What it is not: system work first, checked also where there is none; then those who look busy.
fn ruled_out(picture: &Picture, culprit: Option<u32>, cause: &str) -> Vec<String> {
    let mut lines = Vec::new();
    if !picture.absent.is_empty() {
        lines.push(format!("not running: {}", picture.absent.join(", ")));
    }
    for work in &picture.works {
        let share = picture.share(&work.usage);
        let is_always_there = work.entry.weight < WORTH_A_WORD && share < NEXT_TO_NOTHING;
        if work.entry.application || work.entry.cause == cause || is_always_there {
            continue;
        }
        let sign = work.signs.first().map(String::as_str).unwrap_or_default();
        let title = &work.entry.title;
        match (work.members.is_empty(), picture.coverage()) {
            (false, _) => lines.push(format!(
                "{title}: there ({sign}), but does {:.1} % of all disk I/O",
                100.0 * share
            )),
            // What the kernel does itself is what processes do not explain.
            (true, Some(explained)) if culprit.is_some() => lines.push(format!(
                "{title}: there ({sign}), but processes explain {:.0} % of what the devices do",
                100.0 * explained
            )),
            (true, _) => {}
        }
    }
    let is_culprit = |service: &&Service| {
        service
            .members
            .iter()
            .any(|process| Some(process.pid) == culprit)
    };
    let mut others: Vec<_> = picture
        .services
        .iter()
        .filter(|service| !is_culprit(service))
        .collect();
    if cause == UNCLEAR {
        // None of them is ruled out.
        return lines;
    }
    // Those who look busy: by what they move, wherever it goes.
    let moved = |service: &Service| -> u64 {
        let moved = service.members.iter().map(|process| process.counts.bytes());
        total(moved).saturating_add(service.usage.disk_bytes())
    };
    others.retain(|service| moved(service) > 0);
    others.sort_by_key(|service| std::cmp::Reverse(moved(service)));
    lines.extend(
        others
            .into_iter()
            .take(OTHERS)
            .map(|service| line(picture, service)),
    );
    lines
}
