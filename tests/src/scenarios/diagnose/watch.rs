//! Programs that do one thing to a disk, and what `diagnose` says of them.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::others::Others;
use crate::harness::{Context, End, SOON, Sink, Skip, Tracer, Workload, parse};
use crate::scenarios::temp_files::python;

/// What `diagnose` said.
#[derive(Clone, Debug, Deserialize)]
pub struct Verdict {
    pub interval_ns: u64,
    pub cause: String,
    pub sentence: String,
    pub confidence: f64,
    pub culprit: Option<Culprit>,
    pub files: Vec<String>,
    pub evidence: Vec<String>,
    pub ruled_out: Vec<String>,
    pub also: Vec<String>,
    pub next: Vec<String>,
}

/// Who did it.
#[derive(Clone, Debug, Deserialize)]
pub struct Culprit {
    pub pid: u32,
    pub comm: String,
    pub command: Option<String>,
    pub container: Option<String>,
    pub runtime: Option<String>,
    pub share: f64,
}

/// Starts a program of `culprit.py`, which begins at once, in a directory of its name.
pub fn start(context: &Context, kind: &str, title: Option<&str>) -> Result<Workload> {
    let python = python().context("no python3 in /usr/bin or PATH")?;
    let dir = context.make_dir(kind)?;
    let script = context.dir().join(format!("{kind}.py"));
    fs::write(&script, include_str!("../../culprit.py"))?;
    let mut command = Command::new(python);
    command.arg("-B").arg(script).arg(kind).arg(dir).args(title);
    Workload::spawn(context, &mut command)
}

/// Lets one run, and lets it end well.
pub fn end(workloads: impl IntoIterator<Item = Workload>) -> Result<()> {
    workloads
        .into_iter()
        .try_for_each(|workload| workload.finish::<serde_json::Value>().map(drop))
}

#[derive(Default)]
struct Verdicts(Vec<Verdict>);

impl Sink for Verdicts {
    fn record(&mut self, kind: &str, line: &str) -> Result<()> {
        ensure!(kind == "verdict", "no verdict: {line}");
        self.0.push(parse(line)?);
        Ok(())
    }

    fn end(&mut self, _: &End) -> Result<()> {
        Ok(())
    }
}

/// What `diagnose --json OPTIONS…` says, which must be one thing, and must hold together.
pub fn diagnose(context: &Context, options: &[&str]) -> Result<Verdict> {
    let tracer = Tracer::start(context, "diagnose", options, Verdicts::default())?;
    let (seen, _) = tracer.finish_within(SOON, 0)?;
    let [verdict] = &seen.0[..] else {
        anyhow::bail!("{} verdicts", seen.0.len());
    };
    holds_together(verdict).with_context(|| format!("{verdict:?}"))?;
    println!("     {}", verdict.sentence);
    Ok(verdict.clone())
}

pub fn holds_together(verdict: &Verdict) -> Result<()> {
    ensure!((0.0..=1.0).contains(&verdict.confidence), "confidence");
    ensure!(verdict.interval_ns > 0, "it did not watch");
    ensure!(!verdict.next.is_empty(), "what is to be done?");
    let Some(culprit) = &verdict.culprit else {
        return Ok(());
    };
    ensure!(culprit.share >= 0.4, "accused for so little");
    ensure!(!culprit.comm.is_empty(), "the culprit has no name");
    let id = format!("(pid {}", culprit.pid);
    ensure!(verdict.sentence.contains(&id), "the culprit is not named");
    let is_other = |line: &String| !line.starts_with("not running:") && !line.contains(": there (");
    let others = verdict.ruled_out.iter().filter(|line| is_other(line));
    for line in others.chain(&verdict.also) {
        ensure!(!line.contains(&format!("{id})")), "accused and not: {line}");
    }
    Ok(())
}

impl Verdict {
    /// Fails unless it accuses this process of this.
    pub fn accuses(&self, cause: &str, pid: u32) -> Result<()> {
        let culprit = self.culprit.as_ref().map(|culprit| culprit.pid);
        ensure!(
            self.cause == cause && culprit == Some(pid),
            "not {cause} by {pid}: {self:#?}"
        );
        Ok(())
    }

    /// Fails unless this process was looked at, and is said not to be it.
    pub fn clears(&self, pid: u32) -> Result<()> {
        let id = format!("(pid {pid})");
        let clears = self.ruled_out.iter().any(|line| line.contains(&id));
        let accuses = self.also.iter().chain([&self.sentence]);
        let accuses = accuses.filter(|line| line.contains(&format!("(pid {pid}")));
        ensure!(
            clears && accuses.count() == 0,
            "{pid} is not cleared: {self:#?}"
        );
        Ok(())
    }

    /// Fails unless some line of the evidence has all of these words.
    pub fn has_evidence(&self, words: &[&str]) -> Result<()> {
        let has_all = |line: &String| words.iter().all(|word| line.contains(word));
        ensure!(
            self.evidence.iter().any(has_all),
            "no evidence of {words:?}: {self:#?}"
        );
        Ok(())
    }
}

/// How often it is tried again while others use the disks too.
const RUNS: u32 = 4;

/// KiB of others in a second that may not change what is said of the programs, and that may: as much
/// as the one moves that is to be cleared, of which nothing is said beside many that do more.
const LITTLE: u64 = 300;
const MUCH: u64 = 1024;

/// Judges a verdict while these programs run, with all that they start. When it fails though others
/// did more than a fifth of what these did, and not little, or much, it proves nothing.
pub fn judge(
    context: &Context,
    own: &[u32],
    options: &[&str],
    check: impl Fn(&Verdict) -> Result<()>,
) -> Result<()> {
    let mut of_others = 0;
    for _ in 0..RUNS {
        let before = Others::now();
        let verdict = diagnose(context, options)?;
        let (ours, others) = before.since(own);
        let outcome = check(&verdict);
        let kib = (verdict.interval_ns / 1_000_000_000) << 10;
        let allowed = (ours / 5).clamp(LITTLE * kib, MUCH * kib);
        if outcome.is_ok() || others <= allowed {
            return outcome;
        }
        of_others = others;
        println!("     again: others moved {others} bytes, these {ours}");
    }
    Skip::because(format!("others use the disks: {of_others} bytes"))
}
