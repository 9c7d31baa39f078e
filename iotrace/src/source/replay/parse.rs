//! From a line of a recording to an event: the inverse of the field tables.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    parts::{
        CountFields, FileFields, PathFields, Text, ThreadFields, counts, file, path, thread, time,
    },
    survey,
};
use crate::{
    commands::{Header, SCHEMA},
    event::{Change, Changed, Door, Each, Event, Io, Load, Lost, Open, Opened, Operation, Tick},
    flags,
    kernel::Way,
};

/// What a line is.
#[derive(Debug)]
pub enum Record {
    /// The first record.
    Header(Box<Header>),
    /// An event.
    Event(Box<Event>),
    /// The last record.
    End,
    /// Of no interest to who replays: what a command made of events, or something newer.
    Other,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Kind<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

/// Parses a line; fails with what is wrong with it.
pub fn record(line: &[u8]) -> Result<Record, String> {
    let kind: Kind<'_> = json(line)?;
    let event_of_line = match &*kind.kind {
        "header" => return Ok(Record::Header(Box::new(header(json(line)?)?))),
        "end" => return Ok(Record::End),
        "io" => Event::Io(io(json(line)?)?),
        "open" => Event::Open(open(json(line)?)?),
        "tick" => Event::Tick(tick(json(line)?)?),
        "proc" => {
            return Ok(
                survey::proc(json(line)?)?.map_or(Record::Other, |proc| event(Event::Proc(proc)))
            );
        }
        "device" => Event::Device(survey::device(json(line)?)?),
        "system" => Event::System(survey::system(json(line)?)),
        "work" => Event::Work(survey::work(json(line)?)?),
        kind if Changed::NAMES.contains(&kind) => Event::Change(change(kind, json(line)?)?),
        kind => match Operation::from_name(kind) {
            Some(operation) => Event::Each(each(operation, json(line)?)?),
            None => return Ok(Record::Other),
        },
    };
    Ok(event(event_of_line))
}

fn event(event: Event) -> Record {
    Record::Event(Box::new(event))
}

fn json<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(line).map_err(|error| {
        // Every line is the first one of its own document.
        let words = error.to_string();
        let (reason, _) = words.split_once(" at line ").unwrap_or((&words, ""));
        format!("{reason} (column {})", error.column())
    })
}

#[derive(Deserialize)]
struct HeaderFields {
    ts: Timestamp,
    schema: u64,
    version: String,
    backend: String,
    #[serde(default)]
    unseen: Vec<String>,
    kernel: String,
    #[serde(default)]
    command: String,
}

fn header(fields: HeaderFields) -> Result<Header, String> {
    if fields.schema != SCHEMA {
        return Err(format!(
            "it was written by iotrace {} with schema {}; this version reads schema {SCHEMA}",
            fields.version, fields.schema
        ));
    }
    Ok(Header {
        time: time(fields.ts)?,
        backend: fields.backend.into(),
        unseen: fields
            .unseen
            .iter()
            .filter_map(|name| Way::from_name(name))
            .collect(),
        kernel: fields.kernel,
        command: fields.command.into(),
    })
}

#[derive(Deserialize)]
struct IoFields<'a> {
    #[serde(flatten, borrow)]
    thread: ThreadFields<'a>,
    #[serde(flatten, borrow)]
    path: PathFields<'a>,
    #[serde(flatten, borrow)]
    file: FileFields<'a>,
    layer: Text<'a>,
    #[serde(flatten)]
    counts: CountFields,
}

fn io(fields: IoFields<'_>) -> Result<Io, String> {
    let (file, file_type) = file(&fields.file)?;
    Ok(Io {
        thread: thread(&fields.thread)?,
        file: file.ok_or("a row without a file can not be replayed")?,
        file_type: file_type.ok_or("a row without file_type")?,
        path: path(&fields.path)?.map(Arc::new),
        lower: fields.layer.as_deref() == Some("lower"),
        counts: counts(&fields.counts),
    })
}

#[derive(Deserialize)]
struct EachFields<'a> {
    ts: Timestamp,
    #[serde(flatten, borrow)]
    thread: ThreadFields<'a>,
    #[serde(flatten, borrow)]
    path: PathFields<'a>,
    #[serde(flatten, borrow)]
    file: FileFields<'a>,
    /// Of a sync there are none.
    #[serde(default)]
    bytes: u64,
    count: Option<u64>,
    offset_bytes: Option<u64>,
    size_bytes: Option<u64>,
    latency_ns: Option<u64>,
}

fn each(operation: Operation, fields: EachFields<'_>) -> Result<Each, String> {
    let (file, file_type) = file(&fields.file)?;
    Ok(Each {
        time: time(fields.ts)?,
        thread: thread(&fields.thread)?,
        file: file.ok_or("an operation without a file")?,
        file_type: file_type.ok_or("an operation without file_type")?,
        path: path(&fields.path)?.map(Arc::new),
        operation,
        bytes: fields.bytes,
        count: fields.count.unwrap_or(1),
        offset: fields.offset_bytes,
        size: fields.size_bytes,
        latency_ns: fields.latency_ns,
    })
}

#[derive(Deserialize)]
struct OpenFields<'a> {
    ts: Timestamp,
    #[serde(flatten, borrow)]
    thread: ThreadFields<'a>,
    fd: Option<u32>,
    errno: Option<i32>,
    via: Text<'a>,
    #[serde(borrow, default)]
    flags: Vec<Cow<'a, str>>,
    mode: Text<'a>,
    created: Option<bool>,
    #[serde(flatten, borrow)]
    path: PathFields<'a>,
    #[serde(flatten, borrow)]
    file: FileFields<'a>,
    #[serde(default)]
    cgroup_id: u64,
    mnt_ns: Option<u32>,
    cancelled_bytes: Option<u64>,
}

fn open(fields: OpenFields<'_>) -> Result<Open, String> {
    let (file, file_type) = file(&fields.file)?;
    let mode = fields.mode.as_deref().unwrap_or("0");
    Ok(Open {
        time: time(fields.ts)?,
        thread: thread(&fields.thread)?,
        flags: flags::from_names(fields.flags.iter().map(|name| &**name))?,
        mode: u32::from_str_radix(mode, 8).map_err(|_| format!("mode {mode:?}"))?,
        result: match fields.errno {
            Some(errno) => Opened::Failed { errno },
            None => Opened::Ok {
                fd: fields.fd,
                file: file.zip(file_type),
                created: fields.created,
            },
        },
        path: path(&fields.path)?,
        door: match fields.via.as_deref() {
            None => Door::Call,
            Some("handle") => Door::Handle,
            Some("io_uring") => Door::Uring,
            Some("exec") => Door::Exec,
            Some(other) => return Err(format!("via {other:?}")),
        },
        cgroup: fields.cgroup_id,
        mount_ns: fields.mnt_ns,
        cancelled_bytes: fields.cancelled_bytes,
    })
}

#[derive(Deserialize)]
struct ChangeFields<'a> {
    ts: Timestamp,
    #[serde(flatten, borrow)]
    thread: ThreadFields<'a>,
    #[serde(flatten, borrow)]
    path: PathFields<'a>,
    #[serde(flatten, borrow)]
    file: FileFields<'a>,
    from: Text<'a>,
    from_b64: Text<'a>,
    #[serde(default)]
    from_claimed: bool,
    #[serde(default)]
    from_cut: bool,
    other_dev: Text<'a>,
    other_ino: Option<u64>,
    other_gen: Option<u32>,
    #[serde(default)]
    exchange: bool,
    length_bytes: Option<u64>,
    links: Option<u32>,
    #[serde(default)]
    held: bool,
    cancelled_bytes: Option<u64>,
}

fn change(kind: &str, fields: ChangeFields<'_>) -> Result<Change, String> {
    let (file_id, file_type) = file(&fields.file)?;
    let from = path(&PathFields {
        path: fields.from,
        path_b64: fields.from_b64,
        path_claimed: fields.from_claimed,
        path_cut: fields.from_cut,
        deleted: false,
    })?;
    let (other, _) = file(&FileFields {
        dev: fields.other_dev,
        ino: fields.other_ino,
        generation: fields.other_gen,
        file_type: None,
    })?;
    let what = match kind {
        "create" => Changed::Create,
        "link" => Changed::Link { from },
        "unlink" => Changed::Unlink,
        "rmdir" => Changed::Rmdir,
        "rename" => Changed::Rename {
            from,
            other,
            exchange: fields.exchange,
        },
        "truncate" => Changed::Truncate {
            length: fields
                .length_bytes
                .ok_or("a truncate without length_bytes")?,
        },
        _ => Changed::Free,
    };
    Ok(Change {
        time: time(fields.ts)?,
        thread: thread(&fields.thread)?,
        what,
        file: file_id,
        file_type,
        path: path(&fields.path)?,
        links: fields.links,
        held: fields.held,
        cancelled_bytes: fields.cancelled_bytes,
    })
}

#[derive(Deserialize)]
struct TickFields {
    ts: Timestamp,
    #[serde(default)]
    interval_ns: u64,
    #[serde(flatten)]
    total: CountFields,
    #[serde(default)]
    overflow: CountFields,
    #[serde(default)]
    lost: BTreeMap<String, u64>,
    load_average: Option<String>,
    iowait: Option<f64>,
}

fn tick(fields: TickFields) -> Result<Tick, String> {
    let mut lost = Lost::default();
    for (cause, count) in fields.lost {
        lost.add(cause, count);
    }
    let iowait = fields.iowait;
    Ok(Tick {
        time: time(fields.ts)?,
        interval_ns: fields.interval_ns,
        total: counts(&fields.total),
        overflow: counts(&fields.overflow),
        lost,
        load: fields.load_average.map(|average| Load { average, iowait }),
    })
}
