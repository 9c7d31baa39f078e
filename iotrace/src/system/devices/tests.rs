//! Trees of files as kernels make them.

mod changes;
mod machines;
mod pools;

use super::{super::fixture::Tree, *};

/// Makes a line of `/proc/diskstats`.
#[derive(Clone, Copy, Default)]
struct Stat {
    reads: u64,
    read_sectors: u64,
    read_ms: u64,
    writes: u64,
    write_sectors: u64,
    write_ms: u64,
    busy_ms: u64,
    queue_ms: u64,
    flushes: u64,
}

impl Stat {
    fn read(reads: u64, read_sectors: u64) -> Self {
        Self {
            reads,
            read_sectors,
            ..Self::default()
        }
    }

    fn line(self, number: (u32, u32), name: &str) -> String {
        let Self {
            reads,
            read_sectors,
            read_ms,
            writes,
            write_sectors,
            write_ms,
            busy_ms,
            queue_ms,
            flushes,
        } = self;
        let (major, minor) = number;
        format!(
            "{major:4} {minor:7} {name} {reads} 3 {read_sectors} {read_ms} {writes} 4 \
             {write_sectors} {write_ms} 0 {busy_ms} {queue_ms} 5 6 7 8 {flushes} 9\n"
        )
    }
}

impl Tree {
    fn stats(&self, lines: &[(&str, (u32, u32), Stat)]) {
        let lines = lines.iter();
        let text: String = lines
            .map(|(name, number, stat)| stat.line(*number, name))
            .collect();
        self.write("proc/diskstats", text);
    }

    fn devices(&self) -> Devices {
        Devices::new(self.proc(), self.sys(), self.dev())
    }
}

fn find<'a>(devices: &'a [Device], name: &str) -> &'a Device {
    let found = devices.iter().find(|device| device.name == name);
    found.unwrap_or_else(|| panic!("{name} in {devices:?}"))
}

fn names(devices: &[Device]) -> Vec<&str> {
    devices.iter().map(|device| device.name.as_str()).collect()
}

const IDLE: Stat = Stat {
    reads: 1,
    read_sectors: 8,
    read_ms: 0,
    writes: 0,
    write_sectors: 0,
    write_ms: 0,
    busy_ms: 0,
    queue_ms: 0,
    flushes: 0,
};
