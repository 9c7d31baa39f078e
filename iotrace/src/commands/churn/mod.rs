//! `churn`: files that are born and die.

mod args;
mod fields;
mod life;
mod lives;
mod names;
mod pattern;
mod patterns;
mod rows;
mod spread;
#[cfg(test)]
mod tests;
mod word;

use std::{
    cmp::{Ordering, Reverse},
    io,
};

pub use args::{ChurnArgs, Config};
pub use lives::Lives;
pub use patterns::Pattern;

pub use fields::{CHURN_FIELDS, LIFE_FIELDS, TICK_FIELDS};

use life::Ended;
use rows::{LifeRow, PatternRow, TickRow};

use super::{End, Header, View, write_end, write_header};
use crate::{
    event::{Event, FileType, Lost, Opened, Tick, Time},
    kernel::Way,
    output::{Output, Screen, ndjson, table::Table, units},
};

/// Cause of loss: a file that was made, or was unknown and removed, found no room, or it was gone
/// before it could be looked at.
const UNTRACKED: &str = "files_untracked";

/// The command at work.
pub struct Churn {
    config: Config,
    screen: Screen,
    lives: Lives,
    began: Time,
    ticks: u64,
    ended: u64,
    /// Lost since the start.
    total: Lost,
    /// Of [`Lives::untracked`], what has been told.
    told_untracked: u64,
}

impl Churn {
    /// Nothing seen yet.
    pub fn new(config: Config, screen: Screen) -> Self {
        Self {
            lives: Lives::new(config.names.clone(), config.max_files),
            config,
            screen,
            began: Time::default(),
            ticks: 0,
            ended: 0,
            total: Lost::default(),
            told_untracked: 0,
        }
    }

    fn admits(&self, file_type: FileType) -> bool {
        self.config.everything || file_type == FileType::Regular
    }

    fn tick(&mut self, tick: &Tick, out: &mut Output) {
        self.ticks += 1;
        self.total += &tick.lost;
        let ended = self.lives.tick(Some(tick.time));
        self.show_lives(ended, out);
        self.show_patterns(tick.time, false, out);
        if self.config.json {
            let row = TickRow {
                time: tick.time,
                interval_ns: tick.interval_ns,
                files: self.lives.count() as u64,
                lost: self.with_own(&tick.lost),
            };
            ndjson::write(out.buffer(), "tick", TICK_FIELDS, &row);
        }
    }

    /// Losses with those of the fold itself since the last time.
    fn with_own(&mut self, lost: &Lost) -> Lost {
        let mut all = lost.clone();
        all.add(UNTRACKED, self.lives.untracked - self.told_untracked);
        self.told_untracked = self.lives.untracked;
        all
    }

    fn show_lives(&mut self, ended: Vec<Ended>, out: &mut Output) {
        self.ended += ended.len() as u64;
        if !self.config.files && !self.config.json {
            return;
        }
        let table = Table::new(&rows::FILES, self.screen.size().0);
        for ended in ended {
            let is_young = |age: u64| ended.lifetime_ns().is_some_and(|life| life <= age);
            if !self.config.max_age_ns.is_none_or(is_young) {
                continue;
            }
            let row = LifeRow {
                watched_ns: ended.time.0.saturating_sub(self.began.0),
                ended,
            };
            if self.config.json {
                ndjson::write(out.buffer(), "life", LIFE_FIELDS, &row);
            } else {
                table.row(out.buffer(), &row);
            }
        }
    }

    fn show_patterns(&mut self, time: Time, last: bool, out: &mut Output) {
        if !self.config.json && (self.config.files || last) {
            return;
        }
        let all = last || !self.config.json;
        let patterns = self.lives.patterns.iter();
        let mut patterns: Vec<&Pattern> = patterns
            .filter(|pattern| (all || pattern.changed) && self.shows(pattern))
            .collect();
        patterns.sort_by(|a, b| order(a, b));
        let limit = self.config.rows;
        let limit = limit.or((!self.config.json).then_some(args::DEFAULT_ROWS));
        let found = patterns.len();
        patterns.truncate(limit.unwrap_or(usize::MAX));
        let rows: Vec<_> = patterns
            .into_iter()
            .map(|pattern| PatternRow {
                time,
                pattern: pattern.clone(),
            })
            .collect();
        self.lives.patterns.shown();
        if self.config.json {
            for row in &rows {
                ndjson::write(out.buffer(), "churn", CHURN_FIELDS, row);
            }
            return;
        }
        let (width, height) = self.screen.size();
        let mut shown = &rows[..];
        if self.config.clear {
            out.buffer().extend_from_slice(b"\x1b[H\x1b[J");
            // Three lines above, a blank one, and the one that the cursor goes to.
            shown = &rows[..rows.len().min(height.saturating_sub(5).max(1))];
        }
        let mut lost = self.total.clone();
        lost.add(UNTRACKED, self.lives.untracked);
        let head = rows::headline(time, found, shown.len(), &lost, width);
        out.buffer().extend_from_slice(head.as_bytes());
        let mut table = Table::new(&rows::PATTERNS, width);
        table.fit(shown);
        table.titles(out.buffer());
        for row in shown {
            table.row(out.buffer(), row);
        }
        out.buffer().push(b'\n');
    }

    fn shows(&self, pattern: &Pattern) -> bool {
        let is_young = |age: u64| {
            let half = pattern.lifetimes.quantile(0.5);
            half.is_some_and(|life| life <= age)
        };
        pattern.created.max(pattern.deleted) >= self.config.min_files
            && self.config.max_age_ns.is_none_or(is_young)
    }
}

/// Most files first; ties so that the same events give the same table.
fn order(a: &Pattern, b: &Pattern) -> Ordering {
    let files = |pattern: &Pattern| Reverse(pattern.created + pattern.deleted);
    (files(a), &a.name).cmp(&(files(b), &b.name))
}

impl View for Churn {
    fn begin(&mut self, header: &Header, out: &mut Output) -> io::Result<()> {
        self.began = header.time;
        self.lives.ends_seen = !header.unseen.contains(&Way::Ends);
        if self.config.json {
            write_header(header, out);
        } else if self.config.files {
            Table::new(&rows::FILES, self.screen.size().0).titles(out.buffer());
        }
        Ok(())
    }

    fn event(&mut self, event: Event, out: &mut Output) -> io::Result<()> {
        match event {
            Event::Io(io) if self.admits(io.file_type) => self.lives.io(&io),
            Event::Open(open) => {
                let file_type = match open.result {
                    Opened::Ok { file, .. } => file.map(|(_, file_type)| file_type),
                    Opened::Failed { .. } => None,
                };
                if self.admits(file_type.unwrap_or(FileType::Regular)) {
                    self.lives.open(open);
                }
            }
            Event::Change(change) => {
                if self.admits(change.file_type.unwrap_or(FileType::Regular)) {
                    self.lives.change(change);
                } else {
                    self.lives.other(&change);
                }
            }
            Event::Tick(tick) => self.tick(&tick, out),
            _ => {}
        }
        Ok(())
    }

    fn done(&self) -> bool {
        self.config.count.is_some_and(|count| self.ticks >= count)
    }

    fn lost(&self) -> Lost {
        let mut lost = Lost::default();
        lost.add(UNTRACKED, self.lives.untracked);
        lost
    }

    fn end(&mut self, end: &End, out: &mut Output) -> io::Result<()> {
        let ended = self.lives.tick(None);
        self.show_lives(ended, out);
        self.show_patterns(end.time, true, out);
        if self.config.json {
            write_end(end, out);
        }
        Ok(())
    }

    fn summary(&self) -> String {
        let (mut created, mut alive, mut older, mut written) = (0, 0, 0, 0_u64);
        for pattern in self.lives.patterns.iter() {
            created += pattern.created;
            alive += pattern.alive;
            older += pattern.older;
            written = written.saturating_add(pattern.write_bytes);
        }
        format!(
            "{created} files made, {} ended ({older} of them older), {alive} alive; {} written to them",
            self.ended,
            units::bytes(written)
        )
    }
}
