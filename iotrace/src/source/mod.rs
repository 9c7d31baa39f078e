//! Where events come from: the seam between the kernel and the commands.

mod alarm;
mod joined;
mod live;
mod memory;
mod replay;
mod surveyed;

pub use live::{Live, Pace};
pub use memory::Memory;
pub use replay::{Admission, DAMAGED, Replay};
pub use surveyed::Surveyed;

use std::sync::Arc;

use crate::{
    cost::Measured,
    error::Failure,
    event::{Event, FileId, FilePath, FileType, Lost},
};

/// Whether more may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Go on.
    More,
    /// Go on: more of the interval that has just ended is there already.
    Within,
    /// The source is used up.
    End,
}

/// A stream of events.
#[expect(
    async_fn_in_trait,
    reason = "used with concrete types on a current-thread runtime only"
)]
pub trait EventSource {
    /// All is set up, and the command to trace has been started: what only that
    /// needed can be given up.
    fn started(&mut self) {}

    /// Waits until there is something to do, and appends what happened. Dropping
    /// the future while it waits loses nothing.
    async fn next(&mut self, events: &mut Vec<Event>) -> Result<Status, Failure>;

    /// What the source itself had to leave out and no tick has told.
    fn lost(&mut self) -> Lost {
        Lost::default()
    }

    /// Rows may come without names; those that are wanted are asked for with
    /// [`EventSource::name`].
    fn name_late(&mut self) {}

    /// The name of a file, or of one below another (`lower`), of the interval whose tick came last,
    /// if it was not told with its rows.
    fn name(&self, _: FileId, _: FileType, _lower: bool) -> Option<Arc<FilePath>> {
        None
    }

    /// What the kernel programs have cost, where that is measured.
    fn measured(&mut self) -> Option<Measured> {
        None
    }

    /// Appends what has happened since, with a last tick for the started interval. To be called
    /// until there is no more.
    fn finish(&mut self, events: &mut Vec<Event>) -> Result<Status, Failure>;
}
