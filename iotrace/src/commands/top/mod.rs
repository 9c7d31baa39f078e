//! `top`: who reads and writes what, per interval.

mod args;
mod fields;
mod fold;
mod rows;
#[cfg(test)]
mod tests;

use std::io;

pub use args::{By, Config, Sort, TopArgs};
pub use fields::{IO_FIELDS, TICK_FIELDS};
pub use rows::{Row, TickRow};

use fold::Fold;

use super::{End, Header, Namer, View, write_end, write_header};
use crate::{
    event::{Counts, Event, Tick},
    output::{Output, Screen, ndjson, table::Table, units},
};

/// The command at work.
pub struct Top {
    config: Config,
    screen: Screen,
    fold: Fold,
    ticks: u64,
    total: Counts,
}

impl Top {
    /// Nothing seen yet.
    pub fn new(config: Config, screen: Screen) -> Self {
        let limit = config.rows;
        let limit = limit.or((!config.json).then_some(args::DEFAULT_ROWS));
        Self {
            fold: Fold::new(config.by, config.names.clone(), config.sort, limit),
            config,
            screen,
            ticks: 0,
            total: Counts::default(),
        }
    }

    fn tick(&mut self, tick: &Tick, out: &mut Output) -> io::Result<()> {
        self.ticks += 1;
        let (rows, tick) = self.fold.end(tick);
        self.total += tick.total;
        let buffer = out.buffer();
        if self.config.json {
            for row in &rows {
                ndjson::write(buffer, "io", IO_FIELDS, row);
            }
            ndjson::write(buffer, "tick", TICK_FIELDS, &tick);
            return Ok(());
        }
        let (width, height) = self.screen.size();
        let head = rows::headlines(&tick, width);
        let mut shown = rows.len();
        if self.config.clear {
            buffer.extend_from_slice(b"\x1b[H\x1b[J");
            // Titles, two blank lines, and the one that the cursor goes to.
            let frame = head.lines().count() + 4;
            shown = shown.min(height.saturating_sub(frame).max(1));
        }
        buffer.extend_from_slice(head.as_bytes());
        buffer.push(b'\n');
        let columns = rows::columns(&self.config);
        let mut table = Table::new(&columns, width);
        table.fit(&rows[..shown]);
        table.titles(buffer);
        for row in &rows[..shown] {
            table.row(buffer, row);
        }
        buffer.push(b'\n');
        Ok(())
    }
}

impl View for Top {
    fn begin(&mut self, header: &Header, out: &mut Output) -> io::Result<()> {
        if self.config.json {
            write_header(header, out);
        }
        Ok(())
    }

    fn names_late(&self) -> bool {
        self.fold.names_late()
    }

    fn name(&mut self, namer: &Namer<'_>) {
        self.fold.name(namer);
    }

    fn event(&mut self, event: Event, out: &mut Output) -> io::Result<()> {
        match event {
            Event::Io(io) => self.fold.add(io),
            Event::Tick(tick) => self.tick(&tick, out)?,
            _ => {}
        }
        Ok(())
    }

    fn done(&self) -> bool {
        self.config.count.is_some_and(|count| self.ticks >= count)
    }

    fn end(&mut self, end: &End, out: &mut Output) -> io::Result<()> {
        if self.config.json {
            write_end(end, out);
        }
        Ok(())
    }

    fn summary(&self) -> String {
        format!(
            "{} reads ({}), {} writes ({}) in {} intervals",
            self.total.reads,
            units::bytes(self.total.read_bytes),
            self.total.writes,
            units::bytes(self.total.write_bytes),
            self.ticks
        )
    }
}
