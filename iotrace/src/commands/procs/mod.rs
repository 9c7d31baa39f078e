//! `procs`: which process does the disk I/O, by the kernel's own accounts.

mod args;
mod devices;
mod fields;
mod fold;
mod headlines;
mod rows;
#[cfg(test)]
mod tests;

use std::{collections::HashSet, io};

pub use args::{By, Config, ProcsArgs, Sort};
pub use fields::{PROC_FIELDS, TICK_FIELDS};
pub use rows::{Row, Subject, TickRow};

use fold::Fold;
use headlines::headlines;

use super::{
    End, Header, View,
    system::{self, DeviceRow},
    top, write_end, write_header,
};
use crate::{
    event::{Event, Io, System, Tick, Time, Usage, Work},
    output::{Output, Screen, ndjson, table::Table, units},
    system::users::Users,
};

/// The command at work.
pub struct Procs {
    config: Config,
    screen: Screen,
    fold: Fold,
    system: Option<System>,
    works: Vec<Work>,
    ios: Vec<Io>,
    ticks: u64,
    total: Usage,
    /// The kernel accounts for time waited.
    waits_known: bool,
}

impl Procs {
    /// Nothing seen yet.
    pub fn new(config: Config, screen: Screen, users: Users) -> Self {
        Self {
            fold: Fold::new(config.clone(), users),
            config,
            screen,
            system: None,
            works: Vec::new(),
            ios: Vec::new(),
            ticks: 0,
            total: Usage::default(),
            waits_known: false,
        }
    }

    fn tick(&mut self, tick: &Tick, out: &mut Output) {
        self.ticks += 1;
        let limit = self.config.rows;
        let limit = limit.or((!self.config.json).then_some(args::DEFAULT_ROWS));
        let (rows, summary) = self.fold.end(tick, limit);
        let devices = self.fold.devices(tick);
        self.total += summary.total;
        if self.config.json {
            self.write(tick.time, &rows, &devices, &summary, out);
            return;
        }
        let (width, height) = self.screen.size();
        let system = self.system.take();
        self.works.clear();
        let head = headlines(
            tick,
            &summary,
            system.as_ref(),
            &self.fold.disks(&devices),
            width,
        );
        let buffer = out.buffer();
        let mut room = usize::MAX;
        if self.config.clear {
            buffer.extend_from_slice(b"\x1b[H\x1b[J");
            // Titles, a blank line, and the one that the cursor goes to.
            room = height.saturating_sub(head.lines().count() + 3).max(1);
        }
        buffer.extend_from_slice(head.as_bytes());
        if self.config.by == By::Device {
            let most = room.min(limit.unwrap_or(usize::MAX));
            let shown = &devices[..devices.len().min(most)];
            let mut table = Table::new(devices::OF_DEVICES, width);
            table.fit(shown);
            table.titles(buffer);
            shown.iter().for_each(|row| table.row(buffer, row));
        } else {
            let columns = match self.config.by {
                By::Process if self.config.threads => rows::OF_THREADS,
                By::Process | By::Device => rows::OF_PROCESSES,
                By::User => rows::OF_USERS,
                By::Container => rows::OF_CONTAINERS,
            };
            let shown = rows::fitting(&rows, room);
            let mut table = Table::new(columns, width);
            table.fit(shown);
            table.titles(buffer);
            for row in shown {
                table.row(buffer, row);
                rows::files(row, width, buffer);
            }
        }
        buffer.push(b'\n');
    }

    fn write(
        &mut self,
        time: Time,
        rows: &[Row],
        devices: &[DeviceRow],
        tick: &TickRow,
        out: &mut Output,
    ) {
        let buffer = out.buffer();
        for row in rows {
            ndjson::write(buffer, "proc", PROC_FIELDS, row);
        }
        // Of those processes that were asked for.
        let shown: HashSet<u32> = rows
            .iter()
            .filter_map(|row| Some(row.proc()?.pid))
            .collect();
        let is_any = self.config.names.comm.is_none();
        let ios = std::mem::take(&mut self.ios).into_iter();
        for io in ios.filter(|io| is_any || shown.contains(&io.thread.pid)) {
            let row = top::Row {
                time,
                ..top::Row::of(io)
            };
            ndjson::write(buffer, "io", top::IO_FIELDS, &row);
        }
        let works = std::mem::take(&mut self.works);
        system::write(buffer, time, devices, self.system.take(), works);
        ndjson::write(buffer, "tick", TICK_FIELDS, tick);
    }
}

impl View for Procs {
    fn begin(&mut self, header: &Header, out: &mut Output) -> io::Result<()> {
        if self.config.json {
            write_header(header, out);
        }
        Ok(())
    }

    fn event(&mut self, event: Event, out: &mut Output) -> io::Result<()> {
        match event {
            Event::Proc(proc) => {
                self.waits_known |= proc.io_wait_ns.is_some();
                self.fold.proc(proc);
            }
            Event::Device(device) => self.fold.device(device),
            Event::System(system) => self.system = Some(system),
            Event::Work(work) => self.works.push(work),
            Event::Io(io)
                if self.config.files
                    && !io.lower
                    && self.config.paths.admits(&io.thread, io.path.as_deref()) =>
            {
                if self.config.json {
                    self.ios.push(io);
                } else {
                    self.fold.io(io);
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

    fn end(&mut self, end: &End, out: &mut Output) -> io::Result<()> {
        if self.config.json {
            write_end(end, out);
        }
        Ok(())
    }

    fn summary(&self) -> String {
        let mut text = format!(
            "{} read from storage, {} to be written, {} of them cancelled, in {} intervals",
            units::bytes(self.total.disk_read_bytes),
            units::bytes(self.total.disk_write_bytes),
            units::bytes(self.total.cancelled_write_bytes),
            self.ticks
        );
        if !self.waits_known && self.ticks > 0 {
            text += "; I/O wait is not known, because the kernel does not account for it: \
                     `sysctl kernel.task_delayacct=1` switches that on, for tasks that start \
                     later";
        }
        text
    }
}
