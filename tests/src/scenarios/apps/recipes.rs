//! The recipes of the README, run as they stand there.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::program;
use crate::harness::Context;
use crate::scenarios::Scenario;

pub const SCENARIOS: &[Scenario] = &[Scenario {
    name: "apps_recipes_of_the_readme",
    proves: "each recipe of the README gives lines about a recording of what it is about",
    run: recipes,
}];

const README: &str = include_str!("../../../../README.md");

/// Files that are read back, one that is renamed into place.
const WORK: &str = "for i in 1 2 3; do echo $i > a$i; cat a$i; rm a$i; done; \
                    echo new > b.tmp; mv b.tmp b";

fn recipes(context: &Context) -> Result<()> {
    program("jq")?;
    let recording = context.dir().join("rec.ndjson.zst");
    let recorded = context
        .iotrace("events", &["-o"])
        .arg(&recording)
        .args(["--", "sh", "-c", WORK])
        .current_dir(context.dir())
        .stdout(Stdio::null())
        .output()?;
    ensure!(recorded.status.success(), "{recorded:?}");

    let blocks = README.split("\n    # ").map(|block| {
        let lines = block.lines().skip(1);
        let code = lines.take_while(|line| line.starts_with("    "));
        code.collect::<Vec<_>>().join("\n")
    });
    let recipes: Vec<String> = blocks
        .filter(|code| code.contains("--replay rec.ndjson.zst") && code.contains("jq"))
        .collect();
    ensure!(recipes.len() == 3, "{} recipes", recipes.len());
    let own = context.binary().parent().context("a directory")?;
    for recipe in recipes {
        let path = std::env::var("PATH").unwrap_or_default();
        let output = Command::new("sh")
            .args(["-ec", &recipe])
            .current_dir(context.dir())
            .env("PATH", format!("{}:{path}", own.display()))
            .output()?;
        let (printed, said) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        ensure!(
            output.status.success() && said.is_empty(),
            "{recipe}: {said}"
        );
        let expected = if recipe.contains("rename") {
            "b.tmp -> "
        } else if recipe.contains("life") {
            "a1"
        } else {
            "\"written\""
        };
        ensure!(printed.contains(expected), "{recipe}: {printed}");
    }
    Ok(())
}
