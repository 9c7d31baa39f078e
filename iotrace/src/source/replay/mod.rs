//! Recorded events: what `events -o`, or any command with `--json`, wrote.

mod admission;
mod lines;
mod parse;
mod parts;
mod survey;
#[cfg(test)]
mod tests;

use std::{
    io::{self, IsTerminal as _},
    path::Path,
    sync::{Arc, atomic::AtomicU64, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

pub use admission::Admission;

use super::{EventSource, Status};
use crate::{
    commands::Header,
    error::{Error, Failure},
    event::{Counts, Event, Lost, Tick, Time},
    output::{one_line, progress, tell},
};
use lines::{Line, Lines};
use parse::Record;

/// Cause of loss: a line of the recording could not be understood.
pub const DAMAGED: &str = "replay_damaged";

/// Events that are handed over at once; so many batches may wait.
const BATCH: usize = 4096;
const BATCH_BYTES: usize = 1 << 20;
const WAITING: usize = 4;

/// Bad lines that are told one by one.
const TOLD: u64 = 10;

/// How often progress is shown.
const PROGRESS: Duration = Duration::from_millis(200);

/// A recording as a source. It is read by a thread of its own, for a pipe may keep whoever reads
/// it waiting, and signals must be heard meanwhile.
pub struct Replay {
    batches: mpsc::Receiver<Vec<Event>>,
    taken: Arc<AtomicU64>,
    /// Of a file, when somebody looks.
    size: Option<u64>,
    shown: Instant,
    /// Damage that no tick has told.
    untold: Arc<AtomicU64>,
}

impl Replay {
    /// Opens a recording; `-` is stdin. Also gives its header.
    pub fn open(path: &Path, admission: Admission) -> Result<(Header, Self), Error> {
        let unusable = |reason: String| {
            let name = one_line(path);
            Error::Usage(format!("--replay {name}: {reason}"))
        };
        let mut lines = Lines::open(path).map_err(|error| unusable(error.to_string()))?;
        let header = header(&mut lines).map_err(unusable)?;
        let (taken, size) = (Arc::clone(&lines.taken), lines.size);
        let (sender, batches) = mpsc::channel(WAITING);
        let untold = Arc::new(AtomicU64::new(0));
        let reader = Reader {
            lines,
            admission,
            damaged: 0,
            untold: Arc::clone(&untold),
            batch: Vec::new(),
            bytes: 0,
            unticked: (Counts::default(), header.time),
            sender,
        };
        thread::spawn(move || reader.run());
        let is_watched = io::stderr().is_terminal() && !io::stdout().is_terminal();
        let replay = Self {
            batches,
            taken,
            size: size.filter(|_| is_watched),
            shown: Instant::now(),
            untold,
        };
        Ok((header, replay))
    }

    fn show_progress(&mut self) {
        if let Some(size) = self.size
            && self.shown.elapsed() >= PROGRESS
        {
            self.shown = Instant::now();
            let taken = self.taken.load(Ordering::Relaxed);
            progress(&format!(
                "replayed {} %",
                taken.saturating_mul(100) / size.max(1)
            ));
        }
    }
}

fn header(lines: &mut Lines) -> Result<Header, String> {
    const NONE: &str = "it is no recording of iotrace: it does not begin with a header";
    let first = lines.next();
    match first.map_err(|error| format!("it can not be read: {error}"))? {
        Line::End => Err("it is empty".to_owned()),
        Line::Broken(_) => Err(NONE.to_owned()),
        Line::Whole(line) => match parse::record(line) {
            Ok(Record::Header(header)) => Ok(*header),
            Err(reason) if line.starts_with(b"{\"type\":\"header\"") => {
                Err(format!("its header can not be used: {reason}"))
            }
            _ => Err(NONE.to_owned()),
        },
    }
}

impl EventSource for Replay {
    async fn next(&mut self, events: &mut Vec<Event>) -> Result<Status, Failure> {
        let batch = self.batches.recv().await;
        self.show_progress();
        match batch {
            Some(mut batch) => {
                events.append(&mut batch);
                Ok(Status::More)
            }
            None => Ok(Status::End),
        }
    }

    fn lost(&mut self) -> Lost {
        let mut lost = Lost::default();
        lost.add(DAMAGED, self.untold.swap(0, Ordering::Relaxed));
        lost
    }

    fn finish(&mut self, _: &mut Vec<Event>) -> Result<Status, Failure> {
        if self.size.is_some() {
            progress("");
        }
        Ok(Status::End)
    }
}

/// Reads a recording in a thread of its own.
struct Reader {
    lines: Lines,
    admission: Admission,
    /// Bad lines so far, and those that no tick has told yet.
    damaged: u64,
    untold: Arc<AtomicU64>,
    batch: Vec<Event>,
    /// Of its lines.
    bytes: usize,
    /// What has been read since the last tick, and when it was.
    unticked: (Counts, Time),
    sender: mpsc::Sender<Vec<Event>>,
}

impl Reader {
    fn run(mut self) {
        let whole = self.read();
        if !whole {
            self.untold.fetch_add(1, Ordering::Relaxed);
        }
        // An interval that was cut off.
        let (total, time) = self.unticked;
        if total.is_any() {
            self.take(Event::Tick(Tick {
                time,
                total,
                ..Tick::default()
            }));
        }
        // Nobody waits for them any more when this fails.
        let _ = self.hand_over();
        if self.damaged > TOLD {
            let more = self.damaged - TOLD;
            tell(&format!(
                "replay: {more} more lines could not be understood"
            ));
        }
        if !whole {
            tell("replay: the recording has no end: it was cut off, or is still being written");
        }
    }

    /// Whether it came to the last record. Behind that another recording may begin.
    fn read(&mut self) -> bool {
        let mut has_ended = false;
        loop {
            let parsed = match self.lines.next() {
                Ok(Line::End) => return has_ended,
                Ok(Line::Whole(line)) => {
                    self.bytes += line.len();
                    parse::record(line)
                }
                Ok(Line::Broken(reason)) => Err(reason.to_owned()),
                Err(error) => {
                    self.count_damage();
                    let number = self.lines.number;
                    tell(&format!(
                        "replay: what follows line {number} can not be read: {error}"
                    ));
                    return false;
                }
            };
            match parsed {
                Ok(Record::Header(_)) if has_ended => has_ended = false,
                Ok(_) if has_ended => self.damage("it stands behind the end"),
                Ok(Record::End) => has_ended = true,
                Ok(Record::Event(event)) => {
                    if !self.take(*event) {
                        return true;
                    }
                }
                Ok(Record::Header(_)) => self.damage("it is a second header"),
                Ok(Record::Other) => {}
                Err(reason) => self.damage(&reason),
            }
        }
    }

    /// Whether anybody still wants events.
    fn take(&mut self, event: Event) -> bool {
        let Some(mut event) = self.admission.admit(event) else {
            return true;
        };
        let mut is_tick = false;
        let (total, time) = &mut self.unticked;
        if let Some(now) = event.time() {
            *time = now.max(*time);
        }
        if let Event::Io(io) = &event {
            *total += io.counts;
        }
        if let Event::Tick(tick) = &mut event {
            is_tick = true;
            *total = Counts::default();
            let mut lost = Lost::default();
            lost.add(DAMAGED, self.untold.swap(0, Ordering::Relaxed));
            tick.lost += &lost;
        }
        self.batch.push(event);
        // What comes over a pipe is shown as it comes.
        let is_full = self.batch.len() >= BATCH || self.bytes >= BATCH_BYTES;
        !(is_tick || is_full) || self.hand_over()
    }

    fn hand_over(&mut self) -> bool {
        let batch = std::mem::take(&mut self.batch);
        self.bytes = 0;
        batch.is_empty() || self.sender.blocking_send(batch).is_ok()
    }

    fn count_damage(&mut self) {
        self.damaged += 1;
        self.untold.fetch_add(1, Ordering::Relaxed);
    }

    fn damage(&mut self, reason: &str) {
        self.count_damage();
        if self.damaged <= TOLD {
            let number = self.lines.number;
            tell(&format!("replay: line {number} is left out: {reason}"));
        }
    }
}
