//! NDJSON fields of what `/proc` and `/sys` tell of the system.

use super::{DeviceRow, SystemRow, WorkRow};
use crate::output::ndjson::{Field, field, put, share, text};

/// Fields of a `device` record: a block device, or a pool of them.
pub const DEVICE_FIELDS: &[Field<DeviceRow>] = &[
    field!("ts", "end of the interval", |row, slot| slot.time(row.time)),
    field!(
        "device",
        "its name in `/proc/diskstats`, or that of the pool",
        |row, slot| {
            slot.text(row.device.name.as_bytes());
        }
    ),
    field!(
        "dev",
        "its number, `MAJOR:MINOR`; absent of a pool",
        |row, slot| {
            if let Some((major, minor)) = row.device.number {
                slot.text(format!("{major}:{minor}").as_bytes());
            }
        }
    ),
    field!(
        "kind",
        "`disk`, `partition`, `raid` (md), `mapper` (LVM, encryption), `loop`, `zvol`, `pool` (ZFS) or `memory`",
        |row, slot| slot.text(row.device.kind.name().as_bytes())
    ),
    field!(
        "label",
        "name of the mapping, file behind the loop, volume of the pool",
        |row, slot| {
            text(row.device.label.as_deref().map(str::as_bytes), slot);
        }
    ),
    field!(
        "below",
        "devices that carry it: what they do is the same, once more",
        |row, slot| slot.words(row.device.below.iter().map(String::as_str))
    ),
    field!("reads", "reads completed", |row, slot| slot
        .number(row.device.work.reads)),
    field!("writes", "writes completed", |row, slot| slot
        .number(row.device.work.writes)),
    field!(
        "flushes",
        "flushes completed; 0 before Linux 5.5",
        |row, slot| {
            slot.number(row.device.work.flushes);
        }
    ),
    field!("read_bytes", "bytes read", |row, slot| slot
        .number(row.device.work.read_bytes)),
    field!("write_bytes", "bytes written", |row, slot| slot
        .number(row.device.work.write_bytes)),
    field!(
        "read_time_ns",
        "sum of the times that reads took",
        |row, slot| {
            slot.number(row.device.work.read_ns);
        }
    ),
    field!(
        "write_time_ns",
        "sum of the times that writes took",
        |row, slot| {
            slot.number(row.device.work.write_ns);
        }
    ),
    field!("busy_ns", "time with anything under way", |row, slot| {
        slot.number(row.device.work.busy_ns);
    }),
    field!(
        "queue_time_ns",
        "sum over time of how much was under way: divided by `interval_ns` the mean queue",
        |row, slot| slot.number(row.device.work.queue_ns)
    ),
];

/// Fields of a `system` record: how the whole system fared in an interval.
pub const SYSTEM_FIELDS: &[Field<SystemRow>] = &[
    field!("ts", "end of the interval", |row, slot| slot.time(row.time)),
    field!(
        "io_some",
        "share of the time in which some task waited for I/O, 0 to 1; absent when the kernel has no PSI",
        |row, slot| share(row.system.io_some, slot)
    ),
    field!(
        "io_full",
        "share in which all that had work waited for I/O",
        |row, slot| {
            share(row.system.io_full, slot);
        }
    ),
    field!(
        "memory_some",
        "share in which some task waited for memory",
        |row, slot| {
            share(row.system.memory_some, slot);
        }
    ),
    field!(
        "iowait",
        "share of its time that each CPU waited for I/O, 0 to 1",
        |row, slot| {
            slot.fractions(row.system.iowait.iter().copied());
        }
    ),
    field!("swap_in_bytes", "bytes read from swap", |row, slot| {
        put(row.system.swap_in_bytes, slot);
    }),
    field!("swap_out_bytes", "bytes written to swap", |row, slot| {
        put(row.system.swap_out_bytes, slot);
    }),
    field!(
        "dirty_bytes",
        "bytes that wait to be written to storage",
        |row, slot| {
            put(row.system.dirty_bytes, slot);
        }
    ),
    field!(
        "writeback_bytes",
        "bytes that are being written",
        |row, slot| {
            put(row.system.writeback_bytes, slot);
        }
    ),
];

/// Fields of a `work` record: something that the system does on its own account.
pub const WORK_FIELDS: &[Field<WorkRow>] = &[
    field!("ts", "end of the interval", |row, slot| slot.time(row.time)),
    field!(
        "kind",
        "what tells of it: `md` (an array), `btrfs`, `lock` (a lock file that is held)",
        |row, slot| slot.text(row.work.kind.name().as_bytes())
    ),
    field!(
        "name",
        "the array, file system or lock file",
        |row, slot| {
            slot.text(row.work.name.as_bytes());
        }
    ),
    field!(
        "state",
        "what is done: `resync`, `check`, `balance`, `held` and others",
        |row, slot| {
            slot.text(row.work.state.as_bytes());
        }
    ),
    field!(
        "done",
        "share that is done, 0 to 1, when known",
        |row, slot| {
            share(row.work.done, slot);
        }
    ),
    field!(
        "pid",
        "process that holds the lock, when known",
        |row, slot| {
            put(row.work.pid.map(u64::from), slot);
        }
    ),
];
