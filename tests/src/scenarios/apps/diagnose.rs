//! Real programs as culprits.

use std::os::unix::fs::chown;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::postgres;
use crate::harness::{Capture, Context, Process, Skip, WORK, plain};
use crate::scenarios::Scenario;
use crate::scenarios::diagnose::watch::{Verdict, end, judge, start};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "apps_diagnose_tar",
        proves: "tar that packs a tree which is not in the cache is named as a backup",
        run: |context| repeated(context, "tar", "backup", &["tar"]),
    },
    Scenario {
        name: "apps_diagnose_rsync",
        proves: "so is rsync that copies one",
        run: |context| repeated(context, "rsync", "backup", &["rsync"]),
    },
    Scenario {
        name: "apps_diagnose_updatedb",
        proves: "updatedb that goes through directories which are not in the cache is named as \
                 indexing",
        run: |context| {
            Skip::unless_root("only root empties the cache")?;
            repeated(context, "updatedb", "indexing", &["updatedb.plocat"])
        },
    },
    Scenario {
        name: "apps_diagnose_apt",
        proves: "apt-get that installs a package is named as that, by one of its programs",
        run: |context| {
            Skip::unless_root("only root installs packages")?;
            // Which of them it is depends on how far they are.
            let programs = ["apt-get", "dpkg", "dpkg-deb", "file"];
            repeated(context, "apt", "packages", &programs)
        },
    },
    Scenario {
        name: "apps_diagnose_postgres",
        proves: "PostgreSQL is named when pgbench keeps it writing, and pgbench is not",
        run: pgbench,
    },
];

/// A program that `culprit.py` starts again and again, or one that it starts.
fn repeated(context: &Context, kind: &str, cause: &str, programs: &[&str]) -> Result<()> {
    let (one, app) = (start(context, kind, None)?, start(context, "app", None)?);
    judge(context, &[one.pid(), app.pid()], &["4"], |verdict| {
        is_by(verdict, &[cause], programs)?;
        verdict.clears(app.pid())
    })?;
    end([one, app])
}

/// After `postgres::CLUSTER`.
const LOAD: &str = r#"
pg_ctl --pgdata=data --wait --timeout=200 --log=log start >&2
createdb bench
pgbench --initialize --scale=2 --quiet bench >&2
echo begins
pgbench --client=4 --time=100 --no-vacuum bench >&2
"#;

fn pgbench(context: &Context) -> Result<()> {
    Skip::unless_root("PostgreSQL must get another user")?;
    let packages = postgres::Packages::find(context)?;
    let programs = packages.programs()?;
    let libraries = packages.root.join("missing-libraries");
    let dir = context.make_dir("work")?;
    chown(&dir, Some(postgres::UID), Some(postgres::UID))?;
    let user = postgres::user()?;
    let (environment, cluster) = (postgres::ENVIRONMENT, postgres::CLUSTER);
    let mut command = Command::new(&user[0]);
    command.args(&user[1..]).arg("-c");
    command.arg(format!(
        "{environment}exec 3>&1 >&2\n{cluster}exec >&3\n{LOAD}"
    ));
    command.args(["sh", plain(&programs)?, plain(&libraries)?, plain(&dir)?]);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut bench = Process::spawn(context, "pgbench", &mut command)?;
    let stdout = Capture::start(bench.stdout()?);
    stdout.wait_for("begin of the load", WORK, |bytes| {
        bytes.starts_with(b"begins\n").then_some(())
    })?;
    judge(context, &[bench.pid()], &["4"], |verdict| {
        is_by(verdict, &["database", "sync_writes"], &["postgres"])?;
        let is_application = verdict.sentence.contains("PostgreSQL");
        ensure!(is_application, "what is it? {verdict:#?}");
        let lines = verdict.also.iter().chain([&verdict.sentence]);
        let mut of_bench = lines.filter(|line| line.starts_with("pgbench"));
        ensure!(of_bench.next().is_none(), "not pgbench: {verdict:#?}");
        Ok(())
    })
}

fn is_by(verdict: &Verdict, causes: &[&str], programs: &[&str]) -> Result<()> {
    let culprit = verdict.culprit.as_ref();
    let culprit = culprit.with_context(|| format!("no culprit: {verdict:#?}"))?;
    ensure!(
        causes.contains(&verdict.cause.as_str()) && programs.contains(&culprit.comm.as_str()),
        "not {causes:?} by one of {programs:?}: {verdict:#?}"
    );
    // Of a process that came and went between two looks it is not known.
    let told = culprit.command.as_deref();
    let has_name = |told: &str| programs.iter().any(|name| told.contains(name));
    ensure!(told.is_none_or(has_name), "whose? {verdict:#?}");
    Ok(())
}
