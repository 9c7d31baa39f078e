//! `events`: everything, one record each; also what other commands replay.

mod args;
mod fields;
mod rows;

use std::io;

pub use args::{Config, EventsArgs};
pub use fields::{CHANGE_FIELDS, EACH_FIELDS};

use super::{
    End, Header, View, opens, procs,
    system::{self, DeviceRow},
    top, write_end, write_header,
};
use crate::{
    event::{Change, Counts, Device, Each, Event, Io, Open, Proc, System, Tick, Work},
    output::{Output, Screen, ndjson, table::Table, units},
};
use rows::{COLUMNS, Row};

/// The command at work.
pub struct Events {
    config: Config,
    screen: Screen,
    /// Of the started interval.
    ios: Vec<Io>,
    procs: Vec<Proc>,
    devices: Vec<Device>,
    system: Option<System>,
    works: Vec<Work>,
    filtered: Counts,
    opens: u64,
    changes: u64,
    total: Counts,
}

impl Events {
    /// Nothing seen yet.
    pub fn new(config: Config, screen: Screen) -> Self {
        Self {
            config,
            screen,
            ios: Vec::new(),
            procs: Vec::new(),
            devices: Vec::new(),
            system: None,
            works: Vec::new(),
            filtered: Counts::default(),
            opens: 0,
            changes: 0,
            total: Counts::default(),
        }
    }

    fn table(&self) -> Table<Row> {
        Table::new(&COLUMNS, self.screen.size().0)
    }

    fn open(&mut self, open: Open, out: &mut Output) {
        if !self.config.names.admits(&open.thread, open.path.as_ref()) {
            return;
        }
        self.opens += 1;
        if self.config.json {
            let row = opens::Row::of(open);
            ndjson::write(out.buffer(), "open", opens::OPEN_FIELDS, &row);
        } else {
            self.table().row(out.buffer(), &Row::open(open));
        }
    }

    fn change(&mut self, change: Change, out: &mut Output) {
        // The end of a file has no name to look at.
        let is_nameless = change.path.is_none();
        if !is_nameless
            && !self
                .config
                .names
                .admits(&change.thread, change.path.as_ref())
        {
            return;
        }
        self.changes += 1;
        if self.config.json {
            ndjson::write(out.buffer(), change.what.name(), CHANGE_FIELDS, &change);
        } else if !is_nameless {
            self.table().row(out.buffer(), &Row::change(change));
        }
    }

    fn each(&mut self, each: &Each, out: &mut Output) {
        if !self.config.names.admits(&each.thread, each.path.as_deref()) {
            return;
        }
        if self.config.json {
            ndjson::write(out.buffer(), each.operation.name(), EACH_FIELDS, each);
        } else {
            self.table().row(out.buffer(), &Row::each(each));
        }
    }

    fn tick(&mut self, tick: Tick, out: &mut Output) {
        let ios = std::mem::take(&mut self.ios);
        let filtered = std::mem::take(&mut self.filtered);
        let total = tick.total.without(&filtered).unwrap_or(tick.total);
        self.total += total;
        let time = tick.time;
        if !self.config.json {
            let table = self.table();
            // Each has been shown already.
            let ios = if self.config.each { Vec::new() } else { ios };
            for row in ios.into_iter().flat_map(|io| Row::io(io, time)) {
                table.row(out.buffer(), &row);
            }
            return;
        }
        let rows = ios.len() as u64;
        self.system_records(&tick, out);
        for io in ios {
            let row = top::Row {
                time,
                ..top::Row::of(io)
            };
            ndjson::write(out.buffer(), "io", top::IO_FIELDS, &row);
        }
        let row = top::TickRow {
            time,
            interval_ns: tick.interval_ns,
            rows,
            total,
            overflow: tick.overflow,
            lost: tick.lost,
            load: tick.load,
        };
        ndjson::write(out.buffer(), "tick", top::TICK_FIELDS, &row);
    }
}

impl Events {
    /// What `/proc` and `/sys` told of the interval.
    fn system_records(&mut self, tick: &Tick, out: &mut Output) {
        let (time, interval_ns) = (tick.time, tick.interval_ns);
        let buffer = out.buffer();
        for proc in self.procs.drain(..) {
            let row = procs::Row::of(proc, time, interval_ns);
            ndjson::write(buffer, "proc", procs::PROC_FIELDS, &row);
        }
        let row = |device| DeviceRow {
            time,
            interval_ns,
            device,
        };
        let devices: Vec<_> = self.devices.drain(..).map(row).collect();
        let works = self.works.drain(..);
        system::write(buffer, time, &devices, self.system.take(), works);
    }
}

impl View for Events {
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
            Event::Io(io) => {
                if self.config.names.admits(&io.thread, io.path.as_deref()) {
                    self.ios.push(io);
                } else {
                    self.filtered += io.counts;
                }
            }
            Event::Open(open) => self.open(open, out),
            Event::Change(change) => self.change(change, out),
            Event::Each(each) => self.each(&each, out),
            Event::Tick(tick) => self.tick(tick, out),
            Event::Proc(proc) if !self.config.names.admits_comm(&proc.facts.comm) => {}
            Event::Proc(proc) => self.procs.push(proc),
            Event::Device(device) => self.devices.push(device),
            Event::System(system) => self.system = Some(system),
            Event::Work(work) => self.works.push(work),
        }
        Ok(())
    }

    fn end(&mut self, end: &End, out: &mut Output) -> io::Result<()> {
        if self.config.json {
            write_end(end, out);
        }
        Ok(())
    }

    fn summary(&self) -> String {
        format!(
            "{} opens, {} changes, {} reads ({}), {} writes ({})",
            self.opens,
            self.changes,
            self.total.reads,
            units::bytes(self.total.read_bytes),
            self.total.writes,
            units::bytes(self.total.write_bytes),
        )
    }
}
