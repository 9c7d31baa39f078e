//! Every way in which a file begins, goes on and ends.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::expected::{Backends, Expected, check};
use crate::harness::{Context, Life, Lives, Tracer, Workload, plain};
use crate::scenarios::Scenario;
use crate::work::LivesReport;

pub const WAYS: Scenario = Scenario {
    name: "churn_ways",
    proves: "each way in which a file is made, renamed, linked, cut, replaced and removed gives the \
             lives that it must, with their times and threads; what a backend can not know is told \
             as not known, and named",
    run: |context| go(context, &[]),
};

pub const EVERYTHING: Scenario = Scenario {
    name: "churn_everything",
    proves: "with `-a`, directories, symbolic links, pipes, sockets and devices are born and end",
    run: |context| go(context, &["--everything"]),
};

fn go(context: &Context, options: &[&str]) -> Result<()> {
    let dir = context.make_dir("lives")?;
    let words = [&["lives", "--dir", plain(&dir)?], options].concat();
    let mut workload = Workload::start(context, &words)?;
    let path = format!("{}/*", plain(&dir)?);
    // One interval, so that what each backend misses does not depend on when it looks.
    let mut args = vec!["--path", &path, "100"];
    args.extend(options.first().map(|_| "-a"));
    let sink = Lives::allowing(crate::harness::OF_OTHERS);
    let tracer = Tracer::start(context, "churn", &args, sink)?;
    let backend = Backends::new(context, &tracer.unseen()?)?;
    workload.go()?;
    let report: LivesReport = workload.finish()?;
    let (seen, _) = tracer.stop()?;

    let mut told: BTreeMap<String, Vec<&Life>> = BTreeMap::new();
    for life in &seen.lives {
        let path = life.path().with_context(|| format!("no path: {life:?}"))?;
        let way = path.strip_prefix(&dir).ok().and_then(way_of);
        let way = way.with_context(|| format!("of no way: {life:?}"))?;
        told.entry(way).or_default().push(life);
    }
    let mut ways: BTreeMap<&str, Vec<Expected>> = BTreeMap::new();
    let (mut created, mut alive) = (0, 0);
    for lived in &report.lives {
        let lives = ways.entry(&lived.way).or_default();
        for expected in backend.expect(lived) {
            created += u64::from(expected.is_young);
            alive += u64::from(expected.is_young && expected.end.is_none());
            lives.extend(expected.end.is_some().then_some(expected));
        }
    }
    let mut wrong = Vec::new();
    for (way, mut expected) in ways {
        expected.sort_by_key(|one| one.end.as_ref().map(|(moment, _)| moment.before_ns));
        let lives = told.remove(way).unwrap_or_default();
        if let Err(error) = compare(&expected, &lives).with_context(|| way.to_owned()) {
            wrong.push(format!("{error:#}"));
        }
    }
    ensure!(told.is_empty(), "nothing ended there: {told:#?}");
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    let told = (seen.sum(|one| one.created), seen.sum(|one| one.alive));
    ensure!(
        told == (created, alive),
        "made, alive: {:?}, told {told:?}",
        (created, alive)
    );
    println!(
        "     {} files: {} lives, {created} made, {alive} alive",
        report.lives.len(),
        seen.lives.len()
    );
    Ok(())
}

fn way_of(path: &Path) -> Option<String> {
    Some(path.iter().next()?.to_str()?.to_owned())
}

fn compare(expected: &[Expected], lives: &[&Life]) -> Result<()> {
    ensure!(
        expected.len() == lives.len(),
        "{} lives, not {}: {lives:#?}",
        lives.len(),
        expected.len()
    );
    for (expected, life) in expected.iter().zip(lives) {
        check(expected, life).with_context(|| format!("{life:#?}\nis not {expected:#?}"))?;
    }
    Ok(())
}
