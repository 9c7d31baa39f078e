//! `diagnose`: who does the I/O, and why; and what it is not.

mod args;
mod baseline;
pub mod catalogue;
mod evidence;
mod fields;
mod findings;
pub mod guest;
mod picture;
mod program;
#[cfg(test)]
mod tests;
mod text;
mod verdict;

use std::{fs, io, path::Path};

pub use args::{Config, DiagnoseArgs};
pub use fields::VERDICT_FIELDS;

use evidence::Evidence;
use picture::Picture;

use super::{End, Header, View, write_end, write_header};
use crate::{
    event::{Event, Lost},
    kernel::Way,
    output::{Output, Screen, ndjson, one_line, progress, tell},
};

/// Reads a file that people write, or that is kept for them: not what never ends.
fn read_small(path: &Path) -> io::Result<Vec<u8>> {
    const MOST: u64 = 16 << 20;
    let kind = fs::metadata(path)?;
    if !kind.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    if kind.len() > MOST {
        return Err(io::Error::other("it is larger than 16 MiB"));
    }
    fs::read(path)
}

/// The command at work.
pub struct Diagnose {
    config: Config,
    screen: Screen,
    evidence: Evidence,
    cause: String,
}

impl Diagnose {
    /// Nothing seen yet.
    pub fn new(config: Config, screen: Screen) -> Self {
        Self {
            config,
            screen,
            evidence: Evidence::new(),
            cause: String::new(),
        }
    }
}

impl View for Diagnose {
    fn begin(&mut self, header: &Header, out: &mut Output) -> io::Result<()> {
        self.evidence.lives.ends_seen = !header.unseen.contains(&Way::Ends);
        if self.config.json {
            write_header(header, out);
        }
        Ok(())
    }

    fn event(&mut self, event: Event, _out: &mut Output) -> io::Result<()> {
        let is_tick = matches!(event, Event::Tick(_));
        self.evidence.add(event);
        if is_tick
            && self.config.progress
            && let Some(duration) = self.config.duration
        {
            let seconds = self.evidence.watched_ns as f64 / 1e9;
            progress(&format!(
                "watched {seconds:.0} of {:.0} s",
                duration.as_secs_f64()
            ));
        }
        Ok(())
    }

    fn lost(&self) -> Lost {
        let mut lost = Lost::default();
        lost.add(
            "files_untracked",
            self.evidence.lives.untracked + self.evidence.files_untracked,
        );
        lost
    }

    fn end(&mut self, end: &End, out: &mut Output) -> io::Result<()> {
        self.evidence.finish();
        let picture = Picture::of(&self.evidence, &self.config.catalogue);
        let mut verdict = verdict::judge(&picture, end.time);
        if let Some((path, baseline)) = &mut self.config.baseline {
            verdict.evidence.extend(baseline.compare(&picture));
            // What was recorded is no further run.
            if self.config.duration.is_some()
                && let Err(error) = baseline.write(path)
            {
                tell(&format!(
                    "cannot keep the baseline {}: {error}. What is usual stays as it was",
                    one_line(&*path)
                ));
            }
        }
        if self.config.progress {
            progress("");
        }
        if self.config.json {
            ndjson::write(out.buffer(), "verdict", VERDICT_FIELDS, &verdict);
            write_end(end, out);
        } else {
            text::render(&verdict, self.screen.size().0, out.buffer());
        }
        self.cause = verdict.cause;
        Ok(())
    }

    fn summary(&self) -> String {
        format!("cause: {}", self.cause)
    }
}
