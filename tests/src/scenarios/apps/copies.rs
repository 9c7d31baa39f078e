//! Programs that copy.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use super::{make_file, program, witness};
use crate::harness::{Context, Process, SOON, plain};
use crate::machine;
use crate::scenarios::Scenario;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "apps_copies",
        proves: "`cat`, `cp` in two ways, `dd` past the cache, Python's copyfile and `tar` of a tree: \
                 each thread's operations and bytes of each file are what strace saw",
        run: copies,
    },
    Scenario {
        name: "apps_git_clone",
        proves: "the same for git that clones a repository",
        run: git_clone,
    },
];

/// Neither a multiple of a block nor of a buffer.
const FILE_BYTES: usize = (3 << 20) + 777;

/// `$1` is the directory, `$2` Python.
const COPIES: &str = r#"
cd "$1"
cat a > by-cat
cp a by-cp
cp --reflink=never a by-cp-never
dd if=a of=by-dd bs=64k iflag=direct oflag=direct conv=fsync
"$2" -c 'import shutil; shutil.copyfile("a", "by-python")'
tar cf by-tar tree
for copy in by-cat by-cp by-cp-never by-dd by-python; do cmp "$copy" a; done
"#;

/// How many files a tree has.
fn files() -> usize {
    if machine::is_emulated() { 60 } else { 300 }
}

/// Files of all lengths in directories.
fn make_tree(dir: &Path) -> Result<()> {
    for number in 0..files() {
        let part = dir.join(format!("part-{}", number % 7));
        fs::create_dir_all(&part)?;
        make_file(&part.join(format!("file-{number}")), number * 131)?;
    }
    Ok(())
}

fn copies(context: &Context) -> Result<()> {
    let shell = program("sh")?;
    let python = program("python3")?;
    let dir = context.make_dir("work")?;
    make_file(&dir.join("a"), FILE_BYTES)?;
    make_tree(&dir.join("tree"))?;
    let script = format!("set -e\n{COPIES}");
    let words = [
        plain(&shell)?,
        "-c",
        &script,
        "sh",
        plain(&dir)?,
        plain(&python)?,
    ];
    let sum = witness::run(context, &words)?.agree(&dir)?;
    let least = 5 * FILE_BYTES as u64;
    ensure!(sum.write_bytes > least, "only {sum}");
    Ok(())
}

/// `$1` is the directory; its home has no settings.
const COMMIT: &str = r#"
cd "$1"
git init --quiet
git add .
git -c user.name=a -c user.email=a@example.org -c gc.auto=0 commit --quiet --message=all
"#;

fn git_clone(context: &Context) -> Result<()> {
    let shell = program("sh")?;
    let git = program("git")?;
    let dir = context.make_dir("work")?;
    let (from, to) = (dir.join("from"), dir.join("to"));
    fs::create_dir(&from)?;
    make_tree(&from)?;
    let script = format!("set -e\n{COMMIT}");
    let mut commit = Command::new(shell);
    commit.args(["-c", &script, "sh"]).arg(&from);
    commit.env("HOME", &dir).env("GIT_CONFIG_NOSYSTEM", "1");
    Process::spawn(context, "git", &mut commit)?.expect_exit(0, SOON)?;

    let words = [
        plain(&git)?,
        "clone",
        "--quiet",
        "--no-hardlinks",
        plain(&from)?,
        plain(&to)?,
    ];
    let sum = witness::run(context, &words)?.agree(&dir)?;
    ensure!(
        to.join("part-0/file-0").is_file(),
        "git made no working tree"
    );
    ensure!(sum.writes >= files() as u64, "only {sum}");
    Ok(())
}
