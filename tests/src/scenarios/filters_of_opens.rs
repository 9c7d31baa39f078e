//! Every filter of `opens`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Result, anyhow, ensure};

use super::Scenario;
use super::mix::{Mix, OTHER_USER, Who, words};
use crate::harness::{Context, OF_OTHERS, Opens, Skip, Tracer};
use crate::work::Touched;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "opens_by_tid",
        proves: "`opens --tid` shows that thread and no other",
        run: |context| {
            let options = |who: &Who| vec!["--tid".to_owned(), who.tid.to_string()];
            filter(context, options, BOTH, |done, who| done.tid == who.tid)
        },
    },
    Scenario {
        name: "opens_by_uid",
        proves: "`opens --uid` shows the processes of that user and no other",
        run: |context| {
            Skip::unless_root("can not become another user")?;
            let options = |_: &Who| vec!["--uid".to_owned(), OTHER_USER.to_string()];
            filter(context, options, BOTH, |done, who| done.pid == who.second)
        },
    },
    Scenario {
        name: "opens_by_name",
        proves: "`opens --name` shows the threads with that in their name and no other",
        run: |context| {
            let options = |_: &Who| words(&["--name", "io-be"]);
            filter(context, options, BOTH, |done, _| done.comm == "io-beta")
        },
    },
    Scenario {
        name: "opens_by_flag",
        proves: "`opens --flag_filter` shows the opens with any of the flags and no other",
        run: |context| {
            let options = |who: &Who| words(&["-p", &who.pid.to_string(), "-f", "O_CREAT"]);
            filter(context, options, MAKING, |done, who| done.pid == who.pid)
        },
    },
    Scenario {
        name: "opens_for_a_time",
        proves: "`opens --duration` ends by itself, in good order",
        run: |context| {
            let tracer = Tracer::start(context, "opens", &["-d", "1"], Opens::allowing(OF_OTHERS))?;
            tracer.finish(0).map(drop)
        },
    },
];

/// The workload opens each file once to make and once to read it.
const BOTH: usize = 2;
const MAKING: usize = 1;

/// What the filter keeps is reported, `each` times, and nothing else.
fn filter(
    context: &Context,
    options: impl Fn(&Who) -> Vec<String>,
    each: usize,
    keeps: impl Fn(&Touched, &Who) -> bool,
) -> Result<()> {
    let mix = Mix::start(context)?;
    let tracer = Tracer::start(
        context,
        "opens",
        &options(&mix.who),
        Opens::allowing(OF_OTHERS),
    )?;
    let (mut done, who) = mix.work()?;
    let (seen, _) = tracer.stop()?;

    done.retain(|done| keeps(done, &who));
    ensure!(!done.is_empty(), "the filter is not tested");
    let expected: BTreeMap<(u32, PathBuf), usize> = done
        .into_iter()
        .map(|done| ((done.tid, done.path), each))
        .collect();
    let mut reported = BTreeMap::new();
    for open in &seen.opens {
        let path = open.path().ok_or_else(|| anyhow!("no path in {open:?}"))?;
        *reported.entry((open.tid, path)).or_insert(0) += 1;
    }
    ensure!(
        reported == expected,
        "reported {reported:#?}, but done {expected:#?}"
    );
    Ok(())
}
