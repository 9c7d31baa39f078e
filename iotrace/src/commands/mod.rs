//! The commands. Each folds the stream of events into rows and renders them; a
//! new one touches its own folder and `cli.rs`.

pub mod churn;
pub mod common;
pub mod diagnose;
pub mod doctor;
pub mod events;
mod headline;
pub mod opens;
pub mod procs;
pub mod system;
pub mod top;

use std::{borrow::Cow, io};

use crate::{
    event::{Event, Lost, Time},
    kernel::Way,
    output::{
        Output,
        ndjson::{self, Field, field},
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

/// A command at work.
pub trait View {
    /// The programs are attached.
    fn begin(&mut self, header: &Header, out: &mut Output) -> io::Result<()>;

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

    /// Tracing has ended; `lost` is the sum since the start.
    fn end(&mut self, time: Time, lost: &Lost, out: &mut Output) -> io::Result<()>;

    /// The last words, for people.
    fn summary(&self) -> String;
}

/// Writes the first record.
fn write_header(header: &Header, out: &mut Output) {
    ndjson::write(out.buffer(), "header", HEADER_FIELDS, header);
}

/// Writes the last record.
fn write_end(time: Time, lost: &Lost, out: &mut Output) {
    let end = End {
        time,
        lost: lost.clone(),
    };
    ndjson::write(out.buffer(), "end", END_FIELDS, &end);
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
        "the ways into a file that it does not see on this kernel, for people; absent when there are none",
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
}

/// The last record of every command.
pub const END_FIELDS: &[Field<End>] = &[
    field!("ts", "when tracing ended", |end, slot| slot.time(end.time)),
    field!(
        "lost",
        "what was lost since the start, by cause",
        |end, slot| slot.numbers(end.lost.iter())
    ),
];
