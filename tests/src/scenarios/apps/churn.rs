//! Files that programs make and remove, as strace saw them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::lives_of_names::{CALLS, Names};
use super::{make_file, program, tied};
use crate::harness::{Context, Lives, Tracer, WORK, plain};
use crate::scenarios::Scenario;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "apps_churn_unpack",
        proves: "`churn` tells the files that tar unpacks and rm removes as strace saw them: so many \
                 made, each removed once, by that thread",
        run: |context| against_strace(context, UNPACK, "tar"),
    },
    Scenario {
        name: "apps_churn_git",
        proves: "the same of git, which makes, links, renames and replaces files",
        run: |context| against_strace(context, GIT, "git"),
    },
];

/// `$1` is an empty directory, `$2` one with files. Some stay.
const UNPACK: &str = r#"
cd "$1"
tar cf all.tar -C "$2" .
mkdir there
tar xf all.tar -C there
rm -r there/part-1 there/part-2 all.tar
"#;

const GIT: &str = r#"
cd "$1"
cp -r "$2" tree
git init --quiet
for round in 1 2; do
    echo "$round" > changing
    git add .
    git -c user.name=a -c user.email=a@example.org -c gc.auto=0 commit --quiet --message="$round"
done
git gc --quiet
rm -r tree
"#;

const FILES: usize = 60;

fn against_strace(context: &Context, script: &str, needed: &str) -> Result<()> {
    let [strace, shell, _] = [program("strace")?, program("sh")?, program(needed)?];
    let (dir, from) = (context.make_dir("work")?, context.make_dir("from")?);
    for number in 0..FILES {
        let part = from.join(format!("part-{}", number % 4));
        fs::create_dir_all(&part)?;
        make_file(&part.join(format!("file-{number}")), number * 131)?;
    }
    let log = context.dir().join("strace.log");
    let path = format!("{}/*", plain(&dir)?);
    let script = format!("set -e\nexport HOME=/nonexistent GIT_CONFIG_NOSYSTEM=1\n{script}");
    let tied = tied()?;
    let tied: Vec<_> = tied.iter().map(String::as_str).collect();
    let traced = [
        plain(&strace)?,
        "-f",
        "-y",
        "-qq",
        "-e",
        CALLS,
        "-o",
        plain(&log)?,
        "--",
    ];
    let command = [
        plain(&shell)?,
        "-c",
        &script,
        "sh",
        plain(&dir)?,
        plain(&from)?,
    ];
    let options = ["--path", &path, "0.2", "--"];
    let words = [&options[..], &tied, &traced, &tied, &command].concat();
    let tracer = Tracer::start(context, "churn", &words, Lives::default().or_left_out())?;
    let (seen, _) = tracer.finish_within(WORK, 0)?;

    let text = fs::read(&log).with_context(|| log.display().to_string())?;
    let mut names = Names::parse(&String::from_utf8_lossy(&text), &dir)?;
    names.files.retain(|name, _| name.starts_with(&dir));
    let left = files_below(&dir)?;
    let known = names.files.keys().collect::<Vec<_>>();
    ensure!(
        known == left.iter().collect::<Vec<_>>(),
        "strace missed files"
    );

    let lives = seen.lives.iter();
    let mut told: Vec<_> = lives
        .map(|life| {
            (
                life.path().unwrap_or_default(),
                life.end.clone(),
                life.end_tid,
            )
        })
        .collect();
    told.sort();
    names.ended.retain(|(name, ..)| name.starts_with(&dir));
    names.ended.sort();
    for one in &names.ended {
        ensure!(told.contains(one), "not told: {one:?}");
    }
    ensure!(told == names.ended, "told more: {told:#?}");
    let alive = names.files.values().collect::<BTreeSet<_>>().len() as u64;
    ensure!(seen.sum(|one| one.alive) == alive, "{alive} are alive");
    let made = names.ended.len() as u64 + alive;
    println!("     {made} files made, {} ended", told.len());
    ensure!(seen.sum(|one| one.older) == 0, "nothing was there before");
    ensure!(seen.sum(|one| one.created) == made, "made {made}");
    Ok(())
}

/// All regular files, in order.
fn files_below(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut directories = vec![dir.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            match entry.file_type()? {
                kind if kind.is_dir() => directories.push(entry.path()),
                kind if kind.is_file() => files.push(entry.path()),
                _ => {}
            }
        }
    }
    files.sort();
    Ok(files)
}
