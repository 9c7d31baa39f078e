//! `opens`: every open as it happens.

mod args;
mod fields;
mod rows;

use std::io;

pub use args::{Config, OpensArgs};
pub use fields::{LOSS_FIELDS, OPEN_FIELDS};

use super::{End, Header, View, write_end, write_header};
use crate::{
    event::{Event, Open, Opened, Time},
    output::{
        Output, Screen, ndjson,
        table::{Column, Table},
    },
};
use rows::LossRow;
pub use rows::Row;

/// The command at work.
pub struct Opens {
    config: Config,
    columns: Vec<Column<Row>>,
    /// For the width that the screen had last; it may change at any time.
    table: Table<Row>,
    screen: Screen,
    first: Option<Time>,
    shown: u64,
    failed: u64,
}

impl Opens {
    /// Nothing seen yet.
    pub fn new(config: Config, screen: Screen) -> Self {
        let columns = rows::columns(&config);
        Self {
            table: Table::new(&columns, screen.size().0),
            columns,
            config,
            screen,
            first: None,
            shown: 0,
            failed: 0,
        }
    }

    fn table(&mut self) -> &mut Table<Row> {
        let width = self.screen.size().0;
        if !self.table.has_width(width) {
            self.table = Table::new(&self.columns, width);
        }
        &mut self.table
    }

    fn open(&mut self, open: Open, out: &mut Output) -> io::Result<()> {
        if !self.config.admits(&open) {
            return Ok(());
        }
        self.shown += 1;
        self.failed += u64::from(matches!(open.result, Opened::Failed { .. }));
        let since = *self.first.get_or_insert(open.time);
        let row = Row { open, since };
        if self.config.json {
            ndjson::write(out.buffer(), "open", OPEN_FIELDS, &row);
        } else {
            self.table().row(out.buffer(), &row);
        }
        Ok(())
    }
}

impl View for Opens {
    fn begin(&mut self, header: &Header, out: &mut Output) -> io::Result<()> {
        if self.config.json {
            write_header(header, out);
        } else {
            self.table().titles(out.buffer());
        }
        Ok(())
    }

    fn event(&mut self, event: Event, out: &mut Output) -> io::Result<()> {
        match event {
            Event::Open(open) => self.open(open, out),
            Event::Tick(tick) => {
                if self.config.json {
                    let row = LossRow {
                        time: tick.time,
                        interval_ns: tick.interval_ns,
                        lost: tick.lost,
                    };
                    ndjson::write(out.buffer(), "tick", LOSS_FIELDS, &row);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn end(&mut self, end: &End, out: &mut Output) -> io::Result<()> {
        if self.config.json {
            write_end(end, out);
        }
        Ok(())
    }

    fn summary(&self) -> String {
        format!("{} opens, {} of them failed", self.shown, self.failed)
    }
}
