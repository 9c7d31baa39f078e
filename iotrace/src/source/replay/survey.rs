//! Lines of a recording that tell what `/proc` and `/sys` told.

use std::{borrow::Cow, sync::Arc};

use jiff::Timestamp;
use serde::Deserialize;

use super::parts::{Text, text, time};
use crate::event::{
    Accounts, Container, Device, DeviceKind, DeviceWork, Facts, Proc, System, Usage, Work, WorkKind,
};

#[derive(Deserialize)]
pub struct ProcFields<'a> {
    /// Absent of sums of processes, which can not be taken apart.
    pid: Option<u32>,
    tid: Option<u32>,
    ppid: Option<u32>,
    uid: Option<u32>,
    #[serde(borrow)]
    comm: Text<'a>,
    comm_b64: Text<'a>,
    command: Text<'a>,
    command_b64: Text<'a>,
    exe: Text<'a>,
    started_ts: Option<Timestamp>,
    threads: Option<u32>,
    #[serde(default)]
    kernel: bool,
    #[serde(default)]
    ended: bool,
    unit: Option<String>,
    container: Option<String>,
    runtime: Option<String>,
    pod: Option<String>,
    disk_read_bytes: Option<u64>,
    #[serde(default)]
    disk_read_bytes_total: u64,
    #[serde(default)]
    disk_write_bytes: u64,
    #[serde(default)]
    disk_write_bytes_total: u64,
    #[serde(default)]
    cancelled_write_bytes: u64,
    #[serde(default)]
    cancelled_write_bytes_total: u64,
    #[serde(default)]
    read_syscalls: u64,
    #[serde(default)]
    read_syscalls_total: u64,
    #[serde(default)]
    write_syscalls: u64,
    #[serde(default)]
    write_syscalls_total: u64,
    #[serde(default)]
    read_call_bytes: u64,
    #[serde(default)]
    read_call_bytes_total: u64,
    #[serde(default)]
    write_call_bytes: u64,
    #[serde(default)]
    write_call_bytes_total: u64,
    io_wait_ns: Option<u64>,
    #[serde(default)]
    io_wait_total_ns: u64,
}

/// A process; none where it is a sum of several.
pub fn proc(fields: ProcFields<'_>) -> Result<Option<Proc>, String> {
    let Some(pid) = fields.pid else {
        return Ok(None);
    };
    let accounts = fields.disk_read_bytes.map(|disk_read_bytes| Accounts {
        interval: Usage {
            disk_read_bytes,
            disk_write_bytes: fields.disk_write_bytes,
            cancelled_write_bytes: fields.cancelled_write_bytes,
            read_syscalls: fields.read_syscalls,
            write_syscalls: fields.write_syscalls,
            read_call_bytes: fields.read_call_bytes,
            write_call_bytes: fields.write_call_bytes,
        },
        total: Usage {
            disk_read_bytes: fields.disk_read_bytes_total,
            disk_write_bytes: fields.disk_write_bytes_total,
            cancelled_write_bytes: fields.cancelled_write_bytes_total,
            read_syscalls: fields.read_syscalls_total,
            write_syscalls: fields.write_syscalls_total,
            read_call_bytes: fields.read_call_bytes_total,
            write_call_bytes: fields.write_call_bytes_total,
        },
    });
    let comm = fields.comm.ok_or("a process without comm")?;
    let encoded = fields.command_b64.as_deref();
    let command = fields.command.map(|command| text(&command, encoded));
    let container = fields.container.zip(fields.runtime);
    let facts = Facts {
        ppid: fields.ppid,
        uid: fields.uid,
        comm: text(&comm, fields.comm_b64.as_deref())?,
        command: command.transpose()?,
        exe: fields.exe.map(|exe| exe.into_owned().into_bytes().into()),
        started: fields.started_ts.map(time).transpose()?,
        kernel: fields.kernel,
        unit: fields.unit,
        container: container.map(|(id, runtime)| Container {
            runtime,
            id,
            pod: fields.pod,
        }),
    };
    Ok(Some(Proc {
        pid,
        tid: fields.tid,
        facts: Arc::new(facts),
        accounts,
        io_wait_ns: fields
            .io_wait_ns
            .map(|waited| (waited, fields.io_wait_total_ns)),
        threads: fields.threads,
        ended: fields.ended,
    }))
}

#[derive(Deserialize)]
pub struct DeviceFields<'a> {
    device: String,
    #[serde(borrow)]
    dev: Text<'a>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    label: Option<String>,
    #[serde(default)]
    below: Vec<String>,
    reads: u64,
    writes: u64,
    #[serde(default)]
    flushes: u64,
    read_bytes: u64,
    write_bytes: u64,
    #[serde(default)]
    read_time_ns: u64,
    #[serde(default)]
    write_time_ns: u64,
    #[serde(default)]
    busy_ns: u64,
    #[serde(default)]
    queue_time_ns: u64,
}

/// A device.
pub fn device(fields: DeviceFields<'_>) -> Result<Device, String> {
    let number = fields.dev.map(|dev| {
        let (major, minor) = dev.split_once(':')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    });
    Ok(Device {
        number: match number {
            Some(None) => return Err("dev is no MAJOR:MINOR".to_owned()),
            known => known.flatten(),
        },
        kind: DeviceKind::from_name(&fields.kind)
            .ok_or_else(|| format!("kind {:?} of a device", fields.kind))?,
        name: fields.device,
        label: fields.label,
        below: fields.below,
        work: DeviceWork {
            reads: fields.reads,
            writes: fields.writes,
            flushes: fields.flushes,
            read_bytes: fields.read_bytes,
            write_bytes: fields.write_bytes,
            read_ns: fields.read_time_ns,
            write_ns: fields.write_time_ns,
            busy_ns: fields.busy_ns,
            queue_ns: fields.queue_time_ns,
        },
    })
}

#[derive(Deserialize)]
pub struct SystemFields {
    io_some: Option<f64>,
    io_full: Option<f64>,
    memory_some: Option<f64>,
    #[serde(default)]
    iowait: Vec<f64>,
    swap_in_bytes: Option<u64>,
    swap_out_bytes: Option<u64>,
    dirty_bytes: Option<u64>,
    writeback_bytes: Option<u64>,
}

/// How the system fared.
pub fn system(fields: SystemFields) -> System {
    System {
        io_some: fields.io_some,
        io_full: fields.io_full,
        memory_some: fields.memory_some,
        iowait: fields.iowait,
        swap_in_bytes: fields.swap_in_bytes,
        swap_out_bytes: fields.swap_out_bytes,
        dirty_bytes: fields.dirty_bytes,
        writeback_bytes: fields.writeback_bytes,
    }
}

#[derive(Deserialize)]
pub struct WorkFields<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    name: String,
    state: String,
    done: Option<f64>,
    pid: Option<u32>,
}

/// What the system did on its own account.
pub fn work(fields: WorkFields<'_>) -> Result<Work, String> {
    Ok(Work {
        kind: WorkKind::from_name(&fields.kind)
            .ok_or_else(|| format!("kind {:?} of work", fields.kind))?,
        name: fields.name,
        state: fields.state,
        done: fields.done,
        pid: fields.pid,
    })
}
