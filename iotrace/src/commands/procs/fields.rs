//! NDJSON fields of `procs`.

use super::rows::{Row, Subject, TickRow};
use crate::{
    event::{Container, Facts, Proc, Usage},
    output::ndjson::{Field, Slot, field, put, raw, text},
};

fn number<T: Into<u64>>(row: &Row, value: fn(&Proc) -> Option<T>, slot: Slot<'_>) {
    put(row.proc().and_then(value).map(Into::into), slot);
}

/// What a process is; of a sum of them nothing.
fn facts(row: &Row) -> Option<&Facts> {
    row.proc().map(|proc| &*proc.facts)
}

fn container(row: &Row) -> Option<&Container> {
    facts(row)?.container.as_ref()
}

fn usage(usage: Option<Usage>, value: fn(&Usage) -> u64, slot: Slot<'_>) {
    put(usage.as_ref().map(value), slot);
}

/// A counter in the interval.
macro_rules! interval {
    ($name:literal, $doc:literal, $field:ident) => {
        field!($name, $doc, |row, slot| usage(
            row.interval,
            |usage| usage.$field,
            slot
        ))
    };
}

/// A counter since the process began.
macro_rules! total {
    ($name:literal, $field:ident) => {
        field!(
            $name,
            "the same since the process began; absent of sums",
            |row, slot| {
                usage(row.total(), |usage| usage.$field, slot);
            }
        )
    };
}

/// Fields of a `proc` record: a process, a thread, or a sum of processes.
pub const PROC_FIELDS: &[Field<Row>] = &[
    field!("ts", "end of the interval", |row, slot| slot.time(row.time)),
    field!("pid", "process id; absent of sums", |row, slot| {
        number(row, |proc| Some(proc.pid), slot);
    }),
    field!("tid", "thread id, with --threads", |row, slot| {
        number(row, |proc| proc.tid, slot);
    }),
    field!("ppid", "process id of its parent", |row, slot| {
        number(row, |proc| proc.facts.ppid, slot);
    }),
    field!("uid", "real user id", |row, slot| {
        number(row, |proc| proc.facts.uid, slot);
    }),
    field!("user", "name of that user, when known", |row, slot| {
        if let Subject::Process {
            user: Some(user), ..
        } = &row.subject
        {
            slot.text(user.as_bytes());
        }
    }),
    field!(
        "group",
        "with --by, the user, container or unit that is summed here; absent of processes that belong to none",
        |row, slot| {
            if let Subject::Sum {
                group: Some(group), ..
            } = &row.subject
            {
                slot.text(group.as_bytes());
            }
        }
    ),
    field!(
        "processes",
        "processes that are summed here; absent of one",
        |row, slot| {
            if let Subject::Sum { processes, .. } = &row.subject {
                slot.number(*processes);
            }
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
        number(row, |proc| proc.threads, slot);
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
            slot.mark(row.proc().is_some_and(|proc| proc.ended));
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
        |row, slot| put(row.waited_ns, slot)
    ),
    field!(
        "io_wait_total_ns",
        "the same since the process began, of threads that are still there",
        |row, slot| number(row, |proc| Some(proc.io_wait_ns?.1), slot)
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
        "sum over all processes, of the interval, without threads of the kernel, which do the I/O of others",
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
