//! NDJSON fields of `procs`.

use super::rows::{DeviceRow, Row, SystemRow, TickRow, WorkRow};
use crate::{
    event::{Accounts, Container, Facts},
    output::ndjson::{Field, Slot, field},
};

fn put(value: Option<u64>, slot: Slot<'_>) {
    if let Some(value) = value {
        slot.number(value);
    }
}

fn text(value: Option<&[u8]>, slot: Slot<'_>) {
    if let Some(value) = value {
        slot.text(value);
    }
}

fn raw(value: Option<&[u8]>, slot: Slot<'_>) {
    if let Some(value) = value {
        slot.raw(value);
    }
}

fn share(value: Option<f64>, slot: Slot<'_>) {
    if let Some(value) = value {
        slot.fraction(value);
    }
}

fn accounts(row: &Row, value: fn(&Accounts) -> u64, slot: Slot<'_>) {
    put(row.proc.accounts.as_ref().map(value), slot);
}

/// What a process is; of a sum of them nothing.
fn facts(row: &Row) -> Option<&Facts> {
    (!row.is_sum).then_some(&*row.proc.facts)
}

fn container(row: &Row) -> Option<&Container> {
    facts(row)?.container.as_ref()
}

/// A counter in the interval.
macro_rules! interval {
    ($name:literal, $doc:literal, $field:ident) => {
        field!($name, $doc, |row, slot| accounts(
            row,
            |accounts| accounts.interval.$field,
            slot
        ))
    };
}

/// A counter since the process began.
macro_rules! total {
    ($name:literal, $field:ident) => {
        field!($name, "the same since the process began", |row, slot| {
            accounts(row, |accounts| accounts.total.$field, slot);
        })
    };
}

/// Fields of a `proc` record: a process, a thread, or a sum of processes.
pub const PROC_FIELDS: &[Field<Row>] = &[
    field!("ts", "end of the interval", |row, slot| slot.time(row.time)),
    field!("pid", "process id; absent of sums", |row, slot| {
        put(facts(row).map(|_| row.proc.pid.into()), slot);
    }),
    field!("tid", "thread id, with --threads", |row, slot| {
        put(row.proc.tid.map(u64::from), slot);
    }),
    field!("ppid", "process id of its parent", |row, slot| {
        put(facts(row).and_then(|facts| facts.ppid).map(u64::from), slot);
    }),
    field!("uid", "real user id", |row, slot| {
        put(facts(row).and_then(|facts| facts.uid).map(u64::from), slot);
    }),
    field!("user", "name of that user, when known", |row, slot| {
        text(facts(row).and(row.user.as_deref()).map(str::as_bytes), slot);
    }),
    field!(
        "group",
        "with --by, the user, container or unit that is summed here; absent of processes that belong to none",
        |row, slot| {
            text(row.group.as_deref().map(str::as_bytes), slot);
        }
    ),
    field!(
        "processes",
        "processes that are summed here; absent of one",
        |row, slot| {
            put(row.is_sum.then_some(row.processes), slot);
        }
    ),
    field!("comm", "name of the process, or thread", |row, slot| {
        text(facts(row).map(|facts| &facts.comm[..]), slot);
    }),
    field!(
        "comm_b64",
        "the same in Base64, when it is not UTF-8",
        |row, slot| {
            raw(facts(row).map(|facts| &facts.comm[..]), slot);
        }
    ),
    field!(
        "command",
        "its command line, with spaces between arguments, or the title that it gave itself; absent of kernel threads, and of what ended before it was looked at",
        |row, slot| text(facts(row).and_then(|facts| facts.command.as_deref()), slot)
    ),
    field!(
        "command_b64",
        "the same in Base64, when it is not UTF-8",
        |row, slot| {
            raw(facts(row).and_then(|facts| facts.command.as_deref()), slot);
        }
    ),
    field!(
        "exe",
        "the program that it runs, when known",
        |row, slot| {
            text(facts(row).and_then(|facts| facts.exe.as_deref()), slot);
        }
    ),
    field!("started_ts", "when it began", |row, slot| {
        if let Some(started) = facts(row).and_then(|facts| facts.started) {
            slot.time(started);
        }
    }),
    field!("threads", "threads that it has", |row, slot| {
        put(facts(row).and(row.proc.threads).map(u64::from), slot);
    }),
    field!(
        "kernel",
        "`true` of a thread of the kernel, which does the I/O of others",
        |row, slot| slot.mark(facts(row).is_some_and(|facts| facts.kernel))
    ),
    field!(
        "ended",
        "`true` when it has ended in the interval",
        |row, slot| {
            slot.mark(facts(row).is_some() && row.proc.ended);
        }
    ),
    field!("unit", "its systemd unit", |row, slot| {
        text(
            facts(row)
                .and_then(|facts| facts.unit.as_deref())
                .map(str::as_bytes),
            slot,
        );
    }),
    field!(
        "container",
        "id of its container, or name where there is no id",
        |row, slot| {
            text(
                container(row).map(|container| container.id.as_bytes()),
                slot,
            );
        }
    ),
    field!(
        "runtime",
        "what runs the container: `docker`, `podman`, `containerd`, `crio`, `lxc`, `kubernetes`, `nspawn`",
        |row, slot| text(
            container(row).map(|container| container.runtime.as_bytes()),
            slot
        )
    ),
    field!("pod", "uid of its Kubernetes pod", |row, slot| {
        text(
            container(row)
                .and_then(|container| container.pod.as_deref())
                .map(str::as_bytes),
            slot,
        );
    }),
    interval!(
        "disk_read_bytes",
        "bytes that it made storage read; absent, with all that follow, when this user may not know",
        disk_read_bytes
    ),
    total!("disk_read_bytes_total", disk_read_bytes),
    interval!(
        "disk_write_bytes",
        "bytes of pages that it made dirty, to be written to storage, and of direct writes",
        disk_write_bytes
    ),
    total!("disk_write_bytes_total", disk_write_bytes),
    interval!(
        "cancelled_write_bytes",
        "bytes of dirty pages, its own or those of others, that it dropped before they were written, by cutting or removing files",
        cancelled_write_bytes
    ),
    total!("cancelled_write_bytes_total", cancelled_write_bytes),
    interval!(
        "read_syscalls",
        "calls of the read family; those of io_uring and AIO are not among them",
        read_syscalls
    ),
    total!("read_syscalls_total", read_syscalls),
    interval!(
        "write_syscalls",
        "calls of the write family, likewise",
        write_syscalls
    ),
    total!("write_syscalls_total", write_syscalls),
    interval!(
        "read_call_bytes",
        "bytes that these calls read, also from the cache, pipes and sockets",
        read_call_bytes
    ),
    total!("read_call_bytes_total", read_call_bytes),
    interval!(
        "write_call_bytes",
        "bytes that these calls wrote, wherever to",
        write_call_bytes
    ),
    total!("write_call_bytes_total", write_call_bytes),
    field!(
        "io_wait_ns",
        "time that its threads waited for block I/O in the interval; absent when the kernel does not account for it",
        |row, slot| put(row.proc.io_wait_ns.map(|(waited, _)| waited), slot)
    ),
    field!(
        "io_wait_total_ns",
        "the same since the process began, of threads that are still there",
        |row, slot| put(row.proc.io_wait_ns.map(|(_, total)| total), slot)
    ),
];

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
        "what tells of it: `md` (an array), `btrfs`, `zfs`, `lock` (a lock file that is held)",
        |row, slot| slot.text(row.work.kind.name().as_bytes())
    ),
    field!(
        "name",
        "the array, file system, pool or lock file",
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

/// Fields of a `tick` record of `procs`.
pub const TICK_FIELDS: &[Field<TickRow>] = &[
    field!("ts", "end of the interval", |row, slot| slot.time(row.time)),
    field!("interval_ns", "length of the interval", |row, slot| slot
        .number(row.interval_ns)),
    field!("rows", "rows, also those not shown", |row, slot| slot
        .number(row.rows)),
    field!(
        "disk_read_bytes",
        "sum over all processes, of the interval",
        |row, slot| {
            slot.number(row.total.disk_read_bytes);
        }
    ),
    field!("disk_write_bytes", "likewise", |row, slot| {
        slot.number(row.total.disk_write_bytes);
    }),
    field!("cancelled_write_bytes", "likewise", |row, slot| {
        slot.number(row.total.cancelled_write_bytes);
    }),
    field!(
        "lost",
        "what was lost in the interval, by cause",
        |row, slot| {
            slot.numbers(row.lost.iter());
        }
    ),
];
