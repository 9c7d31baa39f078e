//! Events of the running kernel.

mod ended;

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{Interest, unix::AsyncFd},
    time::Instant,
};

use super::{Admission, EventSource, Status, alarm::Alarm, joined::Joiner};
use crate::{
    cost::Measured,
    decode::{self, Record},
    error::Failure,
    event::{Each, Event, FileId, FilePath, FileType, Proc, Tick},
    kernel::{Attached, Counters, Interval, Names, Request, Ring},
    system::{clock::Clock, host::Host, privileges, survey::Survey},
};
use ended::Ended;

/// How often what is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Time between ticks.
    pub tick: Duration,
    /// Longest time that a record lies in the ring; where nothing has come for a while, see
    /// [`Pace::patience`].
    pub latency: Duration,
}

/// Looks in vain after which they become rarer.
const PATIENT_LOOKS: u32 = 10;
/// What they become at the most: four a second are nothing to the machine, and soon enough for
/// somebody who has waited for longer.
const LONGEST_PATIENCE: Duration = Duration::from_millis(250);

impl Pace {
    /// How long to wait for the next look after so many looks in vain. A ring that fills wakes
    /// earlier.
    fn patience(self, in_vain: u32) -> Duration {
        let doublings = in_vain.saturating_sub(PATIENT_LOOKS).min(16);
        let longest = self.latency.max(LONGEST_PATIENCE);
        self.latency.saturating_mul(1 << doublings).min(longest)
    }
}

/// Bytes of records that are taken out of the ring before they are shown.
const BATCH: usize = 512 * 1024;

/// The running kernel as a source.
pub struct Live {
    ring: AsyncFd<Ring>,
    counters: Counters,
    names: Names,
    joiner: Joiner,
    /// Operations on files whose name has not come yet.
    nameless: Vec<Each>,
    clock: Clock,
    host: Host,
    pace: Pace,
    counting: bool,
    /// There is more in the ring than names.
    telling: bool,
    /// What `/proc` and `/sys` tell, if that is asked for.
    survey: Option<Survey>,
    admission: Admission,
    has_command: bool,
    /// The ring was not empty when it was left.
    more: bool,
    /// Looks into the ring since the last that found something.
    in_vain: u32,
    alarm: Alarm,
    /// Bytes of the ring that are still to be shown before the tick that is due.
    due: Option<usize>,
    /// When the interval began.
    began: Instant,
    next_tick: Instant,
    /// The interval that has ended, until all of it has been told.
    ended: Option<Ended>,
    /// The last interval has been ended.
    finished: bool,
    /// Rows come without names.
    names_late: bool,
    /// Detaches when dropped; after everything that reads from it.
    attached: Attached,
}

impl Live {
    /// Reads what `attached` delivers.
    pub fn new(
        mut attached: Attached,
        request: &Request,
        host: Host,
        pace: Pace,
        survey: Option<Survey>,
    ) -> Result<Self, Failure> {
        let ring = Ring::new(&mut attached, request.ring_bytes)?;
        // SAFETY: the ring owns its descriptor and keeps it open until it is
        // dropped, and with it the registration.
        let ring = unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) };
        let now = Instant::now();
        let mut live = Self {
            ring: ring.map_err(|error| wait_error(error.into()))?,
            counters: Counters::new(&mut attached)?,
            names: Names::default(),
            joiner: Joiner::default(),
            nameless: Vec::new(),
            clock: Clock::new(),
            host,
            pace,
            counting: request.what.is_counted(),
            telling: request.what.is_told(),
            survey,
            admission: Admission::of(request),
            has_command: request.follow,
            more: false,
            in_vain: 0,
            alarm: Alarm::new().map_err(wait_error)?,
            due: None,
            began: now,
            next_tick: now + pace.tick,
            ended: None,
            finished: false,
            names_late: false,
            attached,
        };
        live.begin()?;
        Ok(live)
    }

    /// Begins the first interval for all programs at once. They attached one after the other, so
    /// that the first ones have seen more than the last.
    fn begin(&mut self) -> Result<(), Failure> {
        if self.counting {
            self.counters.begin()?;
            // What is told one by one should be in the sums too, or in neither: but for the moment that
            // this takes. Else nobody need wait for it yet.
            if self.telling {
                self.counters.settle()?;
            }
        }
        // Names and ends of threads are kept.
        self.drain_all(&mut Vec::new());
        self.nameless.clear();
        self.began = Instant::now();
        self.next_tick = self.began + self.pace.tick;
        Ok(())
    }

    /// The programs that it reads from.
    pub fn attached(&self) -> &Attached {
        &self.attached
    }

    fn drain(&mut self, limit: usize, events: &mut Vec<Event>) {
        let (names, joiner, clock) = (&mut self.names, &mut self.joiner, &self.clock);
        let survey = &mut self.survey;
        let first = events.len();
        // A first operation is told before the name of its file: it waits until the next look.
        let mut nameless = std::mem::take(&mut self.nameless);
        let late = nameless.len();
        self.in_vain = self.in_vain.saturating_add(1);
        let in_vain = &mut self.in_vain;
        self.more = self.ring.get_mut().drain(limit, |bytes| {
            *in_vain = 0;
            match decode::record(bytes) {
                Ok(Record::Name {
                    file,
                    path: Some(path),
                }) => names.learn(file, path),
                // Counted as `read_failed`.
                Ok(Record::Name { path: None, .. }) => {}
                Ok(Record::Open {
                    mut open,
                    cancelled,
                }) => {
                    open.time = clock.real(open.time);
                    joiner.open(&mut open, cancelled);
                    events.push(Event::Open(open));
                }
                Ok(Record::Each(mut each)) => {
                    each.time = clock.real(each.time);
                    nameless.push(each);
                }
                Ok(Record::Exit(exit)) => {
                    if let Some(survey) = survey {
                        survey.exited(&exit, clock);
                    }
                }
                Ok(Record::From(begun)) => joiner.begin(begun),
                Ok(Record::Change {
                    mut change,
                    begun_ns,
                    cancelled,
                }) => {
                    change.time = clock.real(change.time);
                    joiner.change(&mut change, begun_ns, cancelled);
                    events.push(Event::Change(change));
                }
                // The object is built with this program: this is a bug, not a loss.
                Err(error) => log::error!("the kernel sent what can not be read: {error}"),
            }
        });
        if nameless.is_empty() {
            return;
        }
        for (n, mut each) in nameless.into_iter().enumerate() {
            each.path = self.names.of(each.file, each.file_type);
            if each.path.is_some() || n < late {
                events.push(Event::Each(each));
            } else {
                self.nameless.push(each);
            }
        }
        events[first..].sort_by_key(Event::time);
    }

    fn drain_all(&mut self, events: &mut Vec<Event>) {
        self.drain(self.ring.get_ref().bytes, events);
    }

    /// Whether the ring may still hold what came before the tick that is due. A full
    /// ring is shown piece by piece: all at once would take several times its
    /// memory.
    fn is_before_tick(&mut self) -> bool {
        let left = self.due.unwrap_or(self.ring.get_ref().bytes);
        let done = left == 0 || self.due.is_some() && !self.more;
        self.due = (!done).then_some(left.saturating_sub(BATCH));
        !done
    }

    /// Ends the interval; [`Live::tell`] tells what was counted in it.
    fn tick(&mut self, events: &mut Vec<Event>) -> Result<(), Failure> {
        self.clock = Clock::new();
        let (now, time) = (Instant::now(), self.clock.now());
        let mut interval = Interval::default();
        if let Some(survey) = &mut self.survey {
            survey.list();
        }
        if self.counting {
            // Before: names that come while the programs change over are of the next tick.
            self.names.tick();
            interval = self.counters.take()?;
            // Names of this interval's files are in the ring by now.
            self.drain_all(events);
            for mut each in std::mem::take(&mut self.nameless) {
                each.path = self.names.of(each.file, each.file_type);
                events.push(Event::Each(each));
            }
        }
        let mut lost = self.counters.lost()?;
        lost.add("rows_full", interval.overflow.events());
        let mut rest = Vec::new();
        if self.survey.is_some() && !self.counting {
            // Ends of processes that come before the look at the others.
            self.drain_all(events);
        }
        if let Some(survey) = &mut self.survey {
            let admits = |proc: &Proc| self.admission.admits_process(proc);
            survey.look(&self.clock, now - self.began, admits, &mut rest);
            lost.add("exits_full", survey.lost());
        }
        let looked = self.survey.as_ref().and_then(Survey::cpu_time);
        let tick = Tick {
            time,
            interval_ns: (now - self.began).as_nanos() as u64,
            total: interval.total,
            overflow: interval.overflow,
            lost,
            load: self.host.load(looked),
        };
        self.ended = Some(Ended::new(interval, rest, tick));
        self.began = now;
        Ok(())
    }

    /// Tells a part of the interval that has ended; false if there is none.
    fn tell(&mut self, events: &mut Vec<Event>) -> bool {
        let Some(mut ended) = self.ended.take() else {
            return false;
        };
        ended.tell(|mut io| {
            if !self.names_late {
                io.path = self.names.path(io.file, io.file_type, io.lower);
            }
            events.push(Event::Io(io));
        });
        if ended.is_told() {
            self.counters.reuse(ended.end(events));
        } else {
            self.ended = Some(ended);
        }
        true
    }

    /// Whether more of an interval is to be told.
    fn status(&self) -> Status {
        match self.ended {
            Some(_) => Status::Within,
            None => Status::More,
        }
    }
}

impl EventSource for Live {
    fn started(&mut self) {
        if let Err(error) = privileges::give_up(self.has_command, self.survey.is_some()) {
            log::warn!("cannot give up the privileges that are not needed any more: {error}");
        }
    }

    async fn next(&mut self, events: &mut Vec<Event>) -> Result<Status, Failure> {
        if self.tell(events) {
            return Ok(self.status());
        }
        self.counters.settle()?;
        let latency = if self.more {
            Duration::ZERO
        } else {
            self.pace.patience(self.in_vain)
        };
        let look = Instant::now() + latency;
        tokio::select! {
            ready = self.ring.readable() => ready.map_err(wait_error)?.clear_ready(),
            woken = self.alarm.wait_until(look.min(self.next_tick)) => woken.map_err(wait_error)?,
        }
        let now = Instant::now();
        if now < self.next_tick || self.telling && self.is_before_tick() {
            self.drain(BATCH, events);
            return Ok(Status::More);
        }
        // Ticks that were missed are not made up for.
        while self.next_tick <= now {
            self.next_tick += self.pace.tick;
        }
        self.tick(events)?;
        self.tell(events);
        Ok(self.status())
    }

    fn name_late(&mut self) {
        self.names_late = true;
    }

    fn name(&self, file: FileId, file_type: FileType, lower: bool) -> Option<Arc<FilePath>> {
        self.names.path(file, file_type, lower)
    }

    fn measured(&mut self) -> Option<Measured> {
        self.attached.measured()
    }

    fn finish(&mut self, events: &mut Vec<Event>) -> Result<Status, Failure> {
        if self.tell(events) {
            return Ok(Status::Within);
        }
        if self.finished {
            return Ok(Status::End);
        }
        self.finished = true;
        self.drain_all(events);
        self.tick(events)?;
        Ok(Status::Within)
    }
}

fn wait_error(source: io::Error) -> Failure {
    Failure::Wait {
        what: "events",
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_become_rarer_where_nothing_comes() {
        let pace = |latency| Pace {
            tick: Duration::from_secs(1),
            latency: Duration::from_millis(latency),
        };
        let waits = [0, 10, 11, 12, 13, 14, u32::MAX].map(|in_vain| pace(50).patience(in_vain));
        let expected = [50, 50, 100, 200, 250, 250, 250].map(Duration::from_millis);
        assert_eq!(waits, expected);
        assert_eq!(pace(1_000).patience(100), Duration::from_secs(1));
    }
}
