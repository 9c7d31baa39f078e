//! Running scenarios one after the other and telling what came of them.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use crate::cli::RunOptions;
use crate::harness::{Context, LeftOut, Skip};
use crate::machine;
use crate::scenarios::{self, Scenario};

/// Prints every scenario and what it proves.
pub fn list() -> Result<()> {
    let mut stdout = io::stdout().lock();
    for scenario in scenarios::all() {
        writeln!(stdout, "{}: {}", scenario.name, scenario.proves)?;
    }
    Ok(())
}

/// Runs what was asked for; the value is the exit code.
pub fn run(options: &RunOptions) -> Result<u8> {
    let iotrace = fs::canonicalize(&options.iotrace)
        .with_context(|| format!("no iotrace at {}", options.iotrace.display()))?;
    // Reported paths have no symbolic links in them.
    let parent = fs::canonicalize(&options.dir)
        .with_context(|| format!("no directory {}", options.dir.display()))?;
    let left_out = |name: &str| {
        let mut without = options.without.iter();
        without.any(|begin| name.starts_with(begin))
    };
    let mut wanted = HashSet::new();
    for name in &options.names {
        let meant = meant(name).into_iter();
        let names: Vec<_> = meant.map(|scenario| scenario.name).collect();
        ensure!(
            !names.iter().all(|name| left_out(name)),
            "no scenario has {name:?} in its name"
        );
        wanted.extend(names);
    }
    let chosen: Vec<_> = scenarios::all()
        .filter(|scenario| !left_out(scenario.name))
        .filter(|scenario| wanted.is_empty() || wanted.contains(scenario.name))
        .collect();
    if machine::is_root() {
        own_mounts().context("cannot get a mount namespace")?;
    }

    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for scenario in chosen {
        let context = || Context::with_apps(&iotrace, options.backend, &parent, &options.apps);
        match run_one(scenario, &context)? {
            Outcome::Passed => passed += 1,
            Outcome::Failed => failed += 1,
            Outcome::Skipped => skipped += 1,
        }
    }
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    Ok(u8::from(failed > 0))
}

/// The scenario of that name; where none is called just so, all with it in their names.
fn meant(name: &str) -> Vec<&'static Scenario> {
    match scenarios::all().find(|scenario| scenario.name == name) {
        Some(scenario) => vec![scenario],
        None => scenarios::all()
            .filter(|scenario| scenario.name.contains(name))
            .collect(),
    }
}

enum Outcome {
    Passed,
    Failed,
    Skipped,
}

/// Most runs of one scenario, should the kernel leave out programs in each.
const MOST_RUNS: u32 = 25;

fn run_one(scenario: &Scenario, context: &dyn Fn() -> Result<Context>) -> Result<Outcome> {
    let name = scenario.name;
    let mut run = 0;
    loop {
        run += 1;
        let context = context()?;
        let started = Instant::now();
        let outcome = match (scenario.run)(&context) {
            Ok(()) => {
                println!("PASS {name} ({:.1} s)", started.elapsed().as_secs_f64());
                Outcome::Passed
            }
            Err(error) => {
                if let Some(reason) = error.downcast_ref::<Skip>() {
                    println!("SKIP {name}: kernel {}: {reason}", machine::kernel());
                    Outcome::Skipped
                } else if let Some(reason) = error.downcast_ref::<LeftOut>()
                    && run < MOST_RUNS
                {
                    println!("     again: {reason}");
                    continue;
                } else {
                    println!("FAIL {name}: {error:#}");
                    print!("{}", context.everything_seen());
                    Outcome::Failed
                }
            }
        };
        io::stdout().flush()?;
        return Ok(outcome);
    }
}

/// What scenarios mount goes with this process, however it ends.
fn own_mounts() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    let nothing: Option<&str> = None;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    Ok(mount(nothing, "/", nothing, private, nothing)?)
}

#[cfg(test)]
mod tests {
    use super::meant;

    fn names(name: &str) -> Vec<&'static str> {
        let meant = meant(name).into_iter();
        meant.map(|scenario| scenario.name).collect()
    }

    #[test]
    fn a_whole_name_means_one_scenario_and_a_part_all() {
        assert_eq!(names("churn_service"), ["churn_service"]);
        let parts = names("churn_servic");
        assert!(parts.len() > 1 && parts.contains(&"churn_service"));
        assert!(names("no such scenario").is_empty());
    }
}
