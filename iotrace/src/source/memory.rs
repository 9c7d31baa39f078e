//! Events held in memory, for tests.

use super::{EventSource, Status};
use crate::{error::Failure, event::Event};

/// Gives out events that are there already, one batch.
#[derive(Debug, Default)]
pub struct Memory {
    events: Vec<Event>,
}

impl Memory {
    /// A source of these events.
    pub fn new(events: Vec<Event>) -> Self {
        Self { events }
    }
}

impl EventSource for Memory {
    async fn next(&mut self, events: &mut Vec<Event>) -> Result<Status, Failure> {
        events.append(&mut self.events);
        Ok(Status::End)
    }

    fn finish(&mut self, events: &mut Vec<Event>) -> Result<Status, Failure> {
        events.append(&mut self.events);
        Ok(Status::End)
    }
}
