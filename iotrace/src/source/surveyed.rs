//! What `/proc` and `/sys` tell, where nothing is loaded into the kernel.

use tokio::time::{Instant, sleep_until};

use super::{Admission, EventSource, Pace, Status};
use crate::{
    error::Failure,
    event::{Event, Proc, Tick},
    kernel::Request,
    system::{clock::Clock, host::Host, survey::Survey},
};

/// The running system as a source, without a kernel side.
pub struct Surveyed {
    survey: Survey,
    admission: Admission,
    host: Host,
    pace: Pace,
    /// When the interval began.
    began: Instant,
    next_tick: Instant,
}

impl Surveyed {
    /// Looks with `survey` at each tick.
    pub fn new(survey: Survey, request: &Request, host: Host, pace: Pace) -> Self {
        let now = Instant::now();
        Self {
            survey,
            admission: Admission::of(request),
            host,
            pace,
            began: now,
            next_tick: now + pace.tick,
        }
    }

    fn tick(&mut self, events: &mut Vec<Event>) {
        let clock = Clock::new();
        let now = Instant::now();
        let elapsed = now - self.began;
        let admits = |proc: &Proc| self.admission.admits_process(proc);
        self.survey.look(&clock, elapsed, admits, events);
        events.push(Event::Tick(Tick {
            time: clock.now(),
            interval_ns: elapsed.as_nanos() as u64,
            load: self.host.load(self.survey.cpu_time()),
            ..Tick::default()
        }));
        self.began = now;
    }
}

impl EventSource for Surveyed {
    async fn next(&mut self, events: &mut Vec<Event>) -> Result<Status, Failure> {
        sleep_until(self.next_tick).await;
        let now = Instant::now();
        // Ticks that were missed are not made up for.
        while self.next_tick <= now {
            self.next_tick += self.pace.tick;
        }
        self.tick(events);
        Ok(Status::More)
    }

    fn finish(&mut self, events: &mut Vec<Event>) -> Result<Status, Failure> {
        self.tick(events);
        Ok(Status::End)
    }
}
