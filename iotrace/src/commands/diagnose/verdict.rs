//! The verdict: what is the matter, how sure that is, and what it is not.

use std::cmp::Reverse;

use bytes::Bytes;

use super::{
    findings::{self, Culprit, Finding, SHARE},
    picture::{Picture, Service, share},
};
use crate::{
    event::Time,
    output::{sanitize, units},
};

/// The cause when there is something, but nobody who does enough of it.
const UNCLEAR: &str = "unclear";

/// How many devices are named.
const DEVICES: usize = 4;

/// How many others are named that it is not.
const OTHERS: usize = 4;

/// Work that weighs less is not worth a word, as long as it does less than this.
const WORTH_A_WORD: f64 = 0.3;
const NEXT_TO_NOTHING: f64 = 0.01;

/// Who does this part of it is not ruled out.
const MUCH: f64 = 0.1;

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
    pub files: Vec<Bytes>,
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
    let mut findings = findings::all(picture).into_iter();
    let first = if picture.evidence.watched_ns == 0 {
        None
    } else {
        findings.next()
    };
    let also: Vec<Finding> = findings.filter(|finding| !finding.only_alone).collect();
    let mut verdict = match first {
        Some(finding) => of(picture, finding),
        None if picture.evidence.watched_ns == 0 => unseen("It was not watched for any time."),
        None if picture.is_blind() => unseen(
            "Neither disks nor what processes do to them can be seen here, so nothing can be said.",
        ),
        None if picture.is_idle() => nothing(picture),
        None => unclear(picture),
    };
    verdict.time = time;
    verdict.watched_ns = picture.evidence.watched_ns;
    verdict.evidence.splice(0..0, devices(picture));
    // Of each process what it is first of all.
    let pid = |culprit: &Option<Culprit>| culprit.as_ref().map(|culprit| culprit.pid);
    let mut named: Vec<u32> = pid(&verdict.culprit).into_iter().collect();
    for finding in also {
        let culprit = pid(&finding.culprit);
        if culprit.is_none_or(|pid| !named.contains(&pid)) {
            named.extend(culprit);
            verdict.also.push(finding.sentence);
        }
    }
    if !picture.is_blind() && verdict.watched_ns > 0 {
        let others = others(picture, &verdict.cause, &named);
        verdict.ruled_out = ruled_out(picture, &verdict);
        // Named already, where it was found to be enough.
        if verdict.also.is_empty() {
            verdict.also = works_beside(picture, &verdict);
        }
        // Who does much, if less than it takes, is neither it nor ruled out.
        let (much, little): (Vec<_>, Vec<_>) = others
            .into_iter()
            .partition(|service| !picture.is_idle() && picture.share(&service.usage) >= MUCH);
        let lines = |services: Vec<&Service>| -> Vec<String> {
            let services = services.into_iter().take(OTHERS);
            services.map(|service| line(picture, service)).collect()
        };
        if verdict.cause != UNCLEAR {
            verdict.also.extend(lines(much));
            verdict.ruled_out.extend(lines(little));
        }
    }
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

/// Nothing can be said.
fn unseen(sentence: &str) -> Verdict {
    Verdict {
        cause: UNCLEAR.to_owned(),
        sentence: sentence.to_owned(),
        next: vec!["iotrace doctor".to_owned()],
        ..Verdict::default()
    }
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
        // What cannot be seen may be anything.
        _ if picture.evidence.has_hidden && picture.coverage().is_none_or(|part| part < 0.5) => {
            "The disks are busy, but the accounts of other users' processes cannot be read; run it as root."
                .to_owned()
        }
        _ if late > picture.devices.bytes() / 2 => format!(
            "Most of it, {}/s, is written on nobody's account: it became dirty before it was watched, or file systems add it to what is written now.",
            units::bytes(picture.rate(late).round() as u64)
        ),
        Some(service) => format!(
            "No single process stands out: the busiest, {}, does {:.0} % of {}/s, less than the {:.0} % that it takes to name a culprit.",
            service.who(&service.leader.title()),
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
    let bottom = evidence.bottom();
    let mut bottom: Vec<_> = bottom.filter(|device| device.work.is_any()).collect();
    bottom.sort_by_key(|device| Reverse(device.work.bytes()));
    for device in bottom.iter().take(DEVICES) {
        let work = &device.work;
        lines.push(format!(
            "{}: {}/s read, {}/s written, {:.0} operations per second, {:.0} % busy",
            device.name,
            rate(work.read_bytes),
            rate(work.write_bytes),
            picture.rate(work.reads.saturating_add(work.writes)),
            100.0 * share(work.busy_ns, evidence.watched_ns)
        ));
    }
    if let Some(coverage) = picture.coverage() {
        let names = bottom.iter().take(DEVICES);
        let mut names: Vec<_> = names.map(|device| device.name.as_str()).collect();
        if bottom.len() > DEVICES {
            names.push("others");
        }
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
    if let Some(pressure) = evidence.system.io_some() {
        lines.push(format!(
            "some task waited for I/O {:.0} % of the time",
            100.0 * pressure
        ));
    }
    if evidence.by_calls {
        lines.push(
            "accounts of processes hold more than disks and memory could take, as they do where a small write counts with its large folio: writes are those of their calls"
                .to_owned(),
        );
    }
    if !evidence.has_accounts {
        lines.push(
            "the accounts of other users' processes cannot be read: what each did is not known"
                .to_owned(),
        );
    }
    if evidence.lost.total() > 0 {
        lines.push(format!("lost: {}", evidence.lost));
    }
    lines
}

fn line(picture: &Picture, service: &Service) -> String {
    let usage = &service.usage;
    let rate = |bytes| units::bytes(picture.rate(bytes).round() as u64);
    let moved = service.called_bytes();
    let mut text = format!(
        "{}: {}/s read from storage, {}/s written, {:.1} % of all disk I/O",
        service.who(&service.leader.title()),
        rate(usage.disk_read_bytes),
        rate(usage.disk_write_bytes),
        100.0 * picture.share(usage)
    );
    if moved > 0 {
        text += &format!("; {}/s by its calls", rate(moved));
    }
    text
}

/// Work of the system that it is not, checked also where there is none.
fn ruled_out(picture: &Picture, verdict: &Verdict) -> Vec<String> {
    let mut lines = Vec::new();
    // Who sees no processes can not say which there are not.
    if picture.evidence.has_accounts && !picture.absent.is_empty() {
        lines.push(format!("not running: {}", picture.absent.join(", ")));
    }
    for work in &picture.works {
        let share = picture.share_of_work(work);
        let is_always_there = work.entry.weight < WORTH_A_WORD && share < NEXT_TO_NOTHING;
        let is_it = work.entry.cause == verdict.cause || share >= MUCH;
        if work.entry.application || is_it || is_always_there {
            continue;
        }
        lines.push(format!(
            "{}: there ({}), but does {:.1} % of all disk I/O",
            work.entry.title,
            work.signs.first().map(String::as_str).unwrap_or_default(),
            100.0 * share
        ));
    }
    lines
}

/// Work of the system that does much, but is not it.
fn works_beside(picture: &Picture, verdict: &Verdict) -> Vec<String> {
    let works = picture.works.iter().filter(|work| {
        !work.entry.application
            && work.entry.cause != verdict.cause
            && work.entry.weight >= WORTH_A_WORD
    });
    let works = works.map(|work| (work, picture.share_of_work(work)));
    works
        .filter(|(_, share)| *share >= MUCH)
        .map(|(work, share)| {
            format!(
                "{}: there ({}), up to {:.1} % of all disk I/O",
                work.entry.title,
                work.signs.first().map(String::as_str).unwrap_or_default(),
                100.0 * share
            )
        })
        .collect()
}

/// Those who look busy beside it, by what they move, wherever it goes.
fn others<'a, 'p>(picture: &'a Picture<'p>, cause: &str, named: &[u32]) -> Vec<&'a Service<'p>> {
    let moved = |service: &Service| {
        let moved = service.called_bytes();
        moved.saturating_add(service.usage.disk_bytes())
    };
    // Who takes part in the work is not beside it.
    let works = picture.works.iter();
    let works: Vec<_> = works.filter(|work| work.entry.cause == cause).collect();
    let takes_part = |pid: u32| named.contains(&pid) || works.iter().any(|work| work.has(pid));
    let services = picture.services.iter();
    let mut others: Vec<_> = services
        .filter(|service| {
            let mut members = service.members.iter();
            moved(service) > 0 && !members.any(|process| takes_part(process.pid))
        })
        .collect();
    others.sort_by_key(|service| Reverse(moved(service)));
    others
}
