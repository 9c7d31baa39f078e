//! Files that programs make and remove, as strace saw them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail, ensure};

use super::strace_line::Call;
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

/// Calls by which files get and lose names.
const CALLS: &str =
    "trace=open,openat,creat,unlink,unlinkat,rename,renameat,renameat2,link,linkat,mknod,mknodat";

const FILES: usize = 60;

/// The names of files, as calls made and took them.
#[derive(Default)]
struct Names {
    files: BTreeMap<PathBuf, usize>,
    /// Of each file that was made: names that it has.
    made: Vec<u32>,
    /// Last name, how it ended, by which thread.
    ended: Vec<(PathBuf, String, u32)>,
}

impl Names {
    fn make(&mut self, name: PathBuf) {
        if !self.files.contains_key(&name) {
            self.files.insert(name, self.made.len());
            self.made.push(1);
        }
    }

    fn link(&mut self, from: &Path, to: PathBuf) {
        if let Some(file) = self.files.get(from).copied() {
            self.files.insert(to, file);
            self.made[file] += 1;
        }
    }

    fn remove(&mut self, name: &Path, how: &str, thread: u32) {
        // Others are symbolic links.
        if let Some(file) = self.files.remove(name) {
            self.made[file] -= 1;
            if self.made[file] == 0 {
                let ended = (name.to_owned(), how.to_owned(), thread);
                self.ended.push(ended);
            }
        }
    }

    fn rename(&mut self, from: &Path, to: PathBuf, thread: u32) {
        if let Some(file) = self.files.get(from).copied() {
            if self.files.get(&to) == Some(&file) {
                return;
            }
            self.remove(&to, "replaced", thread);
            self.files.remove(from);
            self.files.insert(to, file);
            return;
        }
        // A directory: all below it.
        let below = self.files.keys().filter(|name| name.starts_with(from));
        for name in below.cloned().collect::<Vec<_>>() {
            if let (Ok(rest), Some(file)) = (name.strip_prefix(from), self.files.remove(&name)) {
                self.files.insert(to.join(rest), file);
            }
        }
    }

    fn call(&mut self, thread: u32, call: &Call, cwd: &Path) -> Result<()> {
        if call.returned.is_none_or(|value| value < 0) {
            return Ok(());
        }
        let plain = |at: usize| -> Result<PathBuf> {
            let name = call.named(at).context("no name")?;
            Ok(whole(&cwd.join(name)))
        };
        let at = |directory: usize| -> Result<PathBuf> {
            let name = call.named(directory + 1).context("no name")?;
            let directory = call.path(directory).unwrap_or_else(|| cwd.to_owned());
            Ok(whole(&directory.join(name)))
        };
        let has = |word: &str| call.arguments.iter().any(|flags| flags.contains(word));
        match call.name {
            "open" if has("O_CREAT") => self.make(plain(0)?),
            "openat" if has("O_CREAT") => self.make(at(0)?),
            "creat" => self.make(plain(0)?),
            "open" | "openat" if !has("O_TMPFILE") => {}
            "unlink" => self.remove(&plain(0)?, "unlink", thread),
            "unlinkat" if has("AT_REMOVEDIR") => {}
            "unlinkat" => self.remove(&at(0)?, "unlink", thread),
            "rename" => self.rename(&plain(0)?, plain(1)?, thread),
            "renameat" => self.rename(&at(0)?, at(2)?, thread),
            "renameat2" if !has("RENAME_EXCHANGE") => self.rename(&at(0)?, at(2)?, thread),
            "link" => self.link(&plain(0)?, plain(1)?),
            "linkat" => self.link(&at(0)?, at(2)?),
            name => bail!("{name} is not expected"),
        }
        Ok(())
    }

    /// Reads the file that `strace -f -y -o FILE` has written.
    fn parse(text: &str, cwd: &Path) -> Result<Self> {
        let mut names = Self::default();
        let mut begun: BTreeMap<u32, &str> = BTreeMap::new();
        for line in text.lines() {
            let not_understood = || anyhow!("strace wrote a line not understood: {line}");
            let (thread, rest) = line.split_once(' ').ok_or_else(not_understood)?;
            let thread = thread.parse().map_err(|_| not_understood())?;
            let rest = rest.trim_start();
            if rest.starts_with("+++") || rest.starts_with("---") {
                continue;
            }
            if let Some(begin) = rest.strip_suffix("<unfinished ...>") {
                begun.insert(thread, begin);
                continue;
            }
            let mut whole = rest.to_owned();
            if let Some(resumed) = rest.strip_prefix("<... ") {
                let (_, end) = resumed.split_once(" resumed>").ok_or_else(not_understood)?;
                let begin = begun.remove(&thread).ok_or_else(not_understood)?;
                whole = format!("{begin}{end}");
            }
            let call = Call::parse(&whole).ok_or_else(not_understood)?;
            names
                .call(thread, &call, cwd)
                .with_context(not_understood)?;
        }
        Ok(names)
    }
}

/// Without detours.
fn whole(path: &Path) -> PathBuf {
    let mut whole = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => _ = whole.pop(),
            part => whole.push(part),
        }
    }
    whole
}

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
