//! A fixed list of things that can be done with files, each in a directory of its own, with the
//! clock read before and after.

mod calls;
mod detours;
mod everything;
mod ledger;
mod ways;

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::protocol::{ready, say};
pub use ledger::{Lived, Moment};

/// Options of the lives.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where each way gets a directory.
    #[arg(long)]
    dir: PathBuf,
    /// Other files than regular ones.
    #[arg(long)]
    everything: bool,
}

/// What became of each file.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// Process.
    pub pid: u32,
    /// All files, in the order in which those of a way ended.
    pub lives: Vec<Lived>,
}

/// Files that are there before anybody looks.
const OLDER: [&str; 4] = ["older", "older_used", "older_replaced", "older_symlink"];

/// Goes all ways.
pub fn run(options: &Options) -> Result<()> {
    let dir = |way: &str| -> Result<PathBuf> {
        let dir = options.dir.join(way);
        fs::create_dir(&dir).with_context(|| dir.display().to_string())?;
        Ok(dir)
    };
    let ways = match options.everything {
        true => everything::WAYS,
        false => ways::WAYS,
    };
    let dirs = ways.iter().map(|(way, _)| dir(way));
    let dirs: Vec<PathBuf> = dirs.collect::<Result<_>>()?;
    let mut older = Vec::new();
    if !options.everything {
        for way in OLDER {
            let path = dir(way)?.join("a");
            match way {
                "older_symlink" => symlink("nowhere", &path)?,
                _ => fs::write(&path, b"older")?,
            }
            older.push((way, path));
        }
    }
    ready()?;
    let mut lives = Vec::new();
    for ((way, go), dir) in ways.iter().zip(&dirs) {
        lives.extend(go(way, dir).with_context(|| (*way).to_owned())?);
    }
    for (way, path) in older {
        lives.extend(end_older(way, &path).with_context(|| way.to_owned())?);
    }
    say(&Report {
        pid: std::process::id(),
        lives,
    })
}

/// Ends a file that was there before.
fn end_older(way: &str, path: &Path) -> Result<Vec<Lived>> {
    let mut lived = Lived::made(way, fs::symlink_metadata(path)?.ino(), None, 0);
    lived.path = Some(path.to_owned());
    Ok(match way {
        "older_used" => {
            let mut file = lived.open(path)?;
            lived.read(&mut file)?;
            drop(file);
            vec![lived.unlink(path)?]
        }
        "older_replaced" => {
            let new = path.with_extension("tmp");
            let next = Lived::make_with(way, &new, 1)?;
            let lived = lived.end("replaced", || Ok(fs::rename(&new, path)?))?;
            vec![lived, next.unlink(path)?]
        }
        _ => vec![lived.unlink(path)?],
    })
}
