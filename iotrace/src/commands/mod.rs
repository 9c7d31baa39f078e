//! The commands. Each folds the stream of events into rows and renders them; a
//! new one touches its own folder and `cli.rs`.

pub mod churn;
pub mod common;
pub mod cost;
pub mod diagnose;
pub mod doctor;
pub mod events;
mod headline;
pub mod opens;
pub mod procs;
pub mod system;
pub mod top;

use std::{borrow::Cow, io, sync::Arc, time::Duration};

use crate::{
    cost::Cost,
    event::{Event, FileId, FilePath, FileType, Lost, Time},
    kernel::Way,
    output::{
        Output,
        ndjson::{self, Field, Slot, field},
    },
};

/// What the header record tells.
#[derive(Clone, Debug)]
pub struct Header {
    /// When the programs were attached.
    pub time: Time,
    /// How the kernel is traced.
    pub backend: Cow<'static, str>,
    /// Ways into a file that it does not see.
    pub unseen: Vec<Way>,
    /// Release of the running kernel.
    pub kernel: String,
    /// The command.
    pub command: Cow<'static, str>,
}

/// The name of a file of the interval that ends; the last is whether it is below another.
pub type Namer<'a> = dyn Fn(FileId, FileType, bool) -> Option<Arc<FilePath>> + 'a;

/// A command at work.
pub trait View {
    /// The programs are attached.
    fn begin(&mut self, header: &Header, out: &mut Output) -> io::Result<()>;

    /// Whether names are needed of few rows alone, which [`View::name`] is asked to name: to look up
    /// all of them is most of what a refresh costs.
    fn names_late(&self) -> bool {
        false
    }

    /// The tick that ends an interval comes next.
    fn name(&mut self, _: &Namer<'_>) {}

    /// Something happened.
    fn event(&mut self, event: Event, out: &mut Output) -> io::Result<()>;

    /// Whether all that was asked for has been shown.
    fn done(&self) -> bool {
        false
    }

    /// What the command itself had to leave out, since the start.
    fn lost(&self) -> Lost {
        Lost::default()
    }

    /// Tracing has ended.
    fn end(&mut self, end: &End, out: &mut Output) -> io::Result<()>;

    /// The last words, for people.
    fn summary(&self) -> String;
}

/// Writes the first record.
fn write_header(header: &Header, out: &mut Output) {
    ndjson::write(out.buffer(), "header", HEADER_FIELDS, header);
}

/// Writes the last records.
fn write_end(end: &End, out: &mut Output) {
    cost::write_stats(end, out);
    ndjson::write(out.buffer(), "end", END_FIELDS, end);
}

/// Version of the NDJSON contract; within it fields are only added.
pub const SCHEMA: u64 = 1;

/// The first record of every command.
pub const HEADER_FIELDS: &[Field<Header>] = &[
    field!("ts", "when the programs were attached", |header, slot| slot
        .time(header.time)),
    field!(
        "schema",
        "version of this contract; within one, fields are only added",
        |_, slot| slot.number(SCHEMA)
    ),
    field!("version", "version of iotrace", |_, slot| slot
        .text(env!("CARGO_PKG_VERSION").as_bytes())),
    field!(
        "backend",
        "how the kernel is traced: `fentry`, `kprobe` or `syscall`; `none` where nothing is loaded (`--no-bpf`, or because it could not be)",
        |header, slot| slot.text(header.backend.as_bytes())
    ),
    field!(
        "not_seen",
        "the ways into a file that it does not see on this kernel, and what else it does not see, for people; absent when there is nothing",
        |header, slot| {
            if let Some(list) = Way::list(&header.unseen) {
                slot.text(list.as_bytes());
            }
        }
    ),
    field!(
        "unseen",
        "the same by names that do not change, listed below",
        |header, slot| slot.words(header.unseen.iter().map(|way| way.name()))
    ),
    field!("kernel", "release of the running kernel", |header, slot| {
        slot.text(header.kernel.as_bytes())
    }),
    field!(
        "command",
        "the command of iotrace that writes this stream",
        |header, slot| slot.text(header.command.as_bytes())
    ),
];

/// What the last record of every command tells.
#[derive(Clone, Debug, Default)]
pub struct End {
    /// When tracing ended.
    pub time: Time,
    /// What was lost since the start.
    pub lost: Lost,
    /// What it cost to trace; `None` of what is recorded.
    pub cost: Option<Cost>,
}

/// The last record of every command.
pub const END_FIELDS: &[Field<End>] = &[
    field!("ts", "when tracing ended", |end, slot| slot.time(end.time)),
    field!(
        "lost",
        "what was lost since the start, by cause",
        |end, slot| slot.numbers(end.lost.iter())
    ),
    field!(
        "traced_ns",
        "how long was traced; absent, as all that follows, where a recording was looked at",
        |end, slot| nanoseconds(end, |cost| Some(cost.traced), slot)
    ),
    field!(
        "cpu_ns",
        "CPU time that iotrace itself used in that time, in user space and in the kernel on its behalf; what its kernel programs took is not in it",
        |end, slot| nanoseconds(end, |cost| Some(cost.cpu.total()), slot)
    ),
    field!(
        "start_cpu_ns",
        "CPU time that it used before, to load and attach its programs",
        |end, slot| nanoseconds(end, |cost| Some(cost.start.total()), slot)
    ),
    field!(
        "refresh_cpu_ns",
        "CPU time of the most expensive refresh: to read, sum up and print an interval; absent when there was none",
        |end, slot| nanoseconds(end, longest_refresh, slot)
    ),
];

fn longest_refresh(cost: &Cost) -> Option<Duration> {
    (cost.refreshes.count > 0).then_some(cost.refreshes.longest)
}

fn nanoseconds(end: &End, of: impl Fn(&Cost) -> Option<Duration>, slot: Slot<'_>) {
    let time = end.cost.as_ref().and_then(of);
    ndjson::put(time.and_then(|time| time.as_nanos().try_into().ok()), slot);
}
