//! Real programs as culprits.

use std::os::unix::fs::chown;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::{postgres, program};
use crate::harness::{Capture, Context, Process, Skip, WORK, plain};
use crate::scenarios::Scenario;
use crate::scenarios::diagnose::watch::{Verdict, end, judge, start};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "apps_diagnose_tar",
        proves: "tar that packs a tree which is not in the cache is named as a backup",
        run: tar,
    },
    Scenario {
        name: "apps_diagnose_postgres",
        proves: "PostgreSQL is named when pgbench keeps it writing, and pgbench is not",
        run: pgbench,
    },
];

fn tar(context: &Context) -> Result<()> {
    program("tar")?;
    let (packs, app) = (start(context, "tar", None)?, start(context, "app", None)?);
    judge(context, &[packs.pid(), app.pid()], &["4"], |verdict| {
        is_by(verdict, &["backup"], "tar", "tar cf - -C /")?;
        verdict.clears(app.pid())
    })?;
    end([packs, app])
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
        is_by(
            verdict,
            &["database", "sync_writes"],
            "postgres",
            "postgres",
        )?;
        let is_application = verdict.sentence.contains("PostgreSQL");
        ensure!(is_application, "what is it? {verdict:#?}");
        let lines = verdict.also.iter().chain([&verdict.sentence]);
        let mut of_bench = lines.filter(|line| line.starts_with("pgbench"));
        ensure!(of_bench.next().is_none(), "not pgbench: {verdict:#?}");
        Ok(())
    })
}

fn is_by(verdict: &Verdict, causes: &[&str], comm: &str, command: &str) -> Result<()> {
    let culprit = verdict.culprit.as_ref();
    let culprit = culprit.with_context(|| format!("no culprit: {verdict:#?}"))?;
    let told = culprit.command.as_deref().unwrap_or_default();
    ensure!(
        causes.contains(&verdict.cause.as_str()) && culprit.comm == comm && told.contains(command),
        "not {causes:?} by {command}: {verdict:#?}"
    );
    Ok(())
}
