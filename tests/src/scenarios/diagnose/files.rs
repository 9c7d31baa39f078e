//! Files that `diagnose` keeps and reads.

use std::fs;
use std::process::Command;

use anyhow::{Result, ensure};

use super::watch::{diagnose, end, judge, start};
use crate::harness::{Context, plain};
use crate::scenarios::Scenario;
use crate::scenarios::usage::refused;

pub const BASELINE: Scenario = Scenario {
    name: "diagnose_baseline",
    proves: "with `--baseline` three runs say that there is nothing to compare with, and the fourth \
             that a new load is unusual",
    run: baseline,
};

pub const CATALOGUE: Scenario = Scenario {
    name: "diagnose_catalogue",
    proves: "with an entry of its own in `--catalogue` a program is recognised by it",
    run: catalogue,
};

pub const BROKEN_CATALOGUE: Scenario = Scenario {
    name: "diagnose_broken_catalogue",
    proves: "a catalogue that can not be used is refused with its file and line, exit code 2",
    run: broken,
};

fn baseline(context: &Context) -> Result<()> {
    let path = context.dir().join("baseline");
    let options = ["--baseline", plain(&path)?, "1"];
    let compared = |verdict: &super::watch::Verdict| -> Vec<String> {
        let words = ["nothing to compare", "nothing is unusual", "unusual: "];
        let is_of_it = |line: &&String| words.iter().any(|word| line.starts_with(word));
        verdict.evidence.iter().filter(is_of_it).cloned().collect()
    };
    for run in 0..3 {
        let said = compared(&diagnose(context, &options)?);
        let expected = format!("nothing to compare with yet: {run} runs are kept, 3 are needed");
        ensure!(said == [expected], "run {run}: {said:?}");
    }
    let load = start(context, "write", None)?;
    let said = compared(&diagnose(context, &options)?);
    let is_of_load = |line: &String| line.starts_with("unusual: write.py moves ");
    ensure!(said.iter().any(is_of_load), "of the load: {said:?}");
    end([load])?;
    // What was kept is kept.
    let text = fs::read_to_string(&path)?;
    let kept: serde_json::Value = serde_json::from_str(&text)?;
    ensure!(
        kept["runs"].as_array().is_some_and(|runs| runs.len() == 4),
        "kept: {text}"
    );
    Ok(())
}

const ENTRY: &str = r#"
[[entry]]
name = "nightly-archive"
title = "the archive of the night"
cause = "archive"
exe = ["nightly-archive*"]
io = "itself"
look = "cat /opt/nightly/README"
"#;

fn catalogue(context: &Context) -> Result<()> {
    let path = context.dir().join("catalogue.toml");
    fs::write(&path, ENTRY)?;
    let archive = start(context, "scan", Some("/opt/nightly-archive-3 --all"))?;
    let options = ["--catalogue", plain(&path)?, "4"];
    judge(context, &[archive.pid()], &options, |verdict| {
        verdict.accuses("archive", archive.pid())?;
        ensure!(
            verdict.sentence.starts_with("The archive of the night: ")
                && verdict.next == ["cat /opt/nightly/README"],
            "not as the catalogue has it: {verdict:#?}"
        );
        Ok(())
    })?;
    end([archive])
}

fn broken(context: &Context) -> Result<()> {
    let path = context.dir().join("broken.toml");
    let wrong_title = ENTRY.replace("\"the archive of the night\"", "5");
    let unknown = ENTRY.replace("look =", "looks =");
    for (text, line) in [(wrong_title, "line 4"), (unknown, "line 8")] {
        fs::write(&path, text)?;
        let mut command = Command::new(context.binary());
        command.args(["diagnose", "--catalogue", plain(&path)?, "1"]);
        let said = refused(context, &mut command, 2)?;
        for word in ["broken.toml", line] {
            ensure!(said.contains(word), "{word} is not named: {said}");
        }
    }
    Ok(())
}
