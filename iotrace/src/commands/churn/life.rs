//! What is known of a file that lives, or has lived.

use crate::event::{Change, FileId, FilePath, FileType, Thread, Time};

/// A file, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// By what makes it this one.
    File(FileId),
    /// Its name is all that is known of it; so this is only a number.
    Named(u64),
}

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its last name was removed, and nobody had it open.
    Unlink,
    /// Another file was renamed to its name.
    Replaced,
    /// It had no name any more, and the last who had it open closed it.
    LastClose,
}

impl End {
    /// In NDJSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unlink => "unlink",
            Self::Replaced => "replaced",
            Self::LastClose => "last_close",
        }
    }
}

/// What is known of a file that lives, or has lived.
#[derive(Clone, Debug)]
pub struct Life {
    /// The file, if it is known.
    pub file: Option<FileId>,
    /// Its kind, if it is known.
    pub file_type: Option<FileType>,
    /// Its last name.
    pub path: Option<FilePath>,
    /// When and by whom it was made, if iotrace saw it.
    pub created: Option<(Time, Thread)>,
    /// Bytes written; `None` when some may have been missed.
    pub write_bytes: Option<u64>,
    /// Bytes read, likewise.
    pub read_bytes: Option<u64>,
    /// Opens, likewise.
    pub opens: Option<u64>,
    /// How often it was cut to nothing.
    pub truncates: u64,
    /// Bytes written that never went to storage, when known.
    pub cancelled_bytes: Option<u64>,
    /// Of one that was made.
    pub(super) pattern: Option<usize>,
    /// Names that it is known to have.
    pub(super) names: u32,
    /// It has lost its last name, and is still open.
    pub(super) leaving: Option<Leaving>,
}

/// How a file lost its last name.
#[derive(Clone, Debug)]
pub struct Leaving {
    /// By what.
    pub end: End,
    /// When.
    pub time: Time,
    /// By whom.
    pub thread: Thread,
    /// Somebody had it open.
    pub held: bool,
    /// That it was the last name is not certain.
    pub is_claim: bool,
}

/// A life that has ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The life.
    pub life: Life,
    /// When it ended.
    pub time: Time,
    /// By whom.
    pub thread: Thread,
    /// How.
    pub end: End,
    /// Of one that the kernel let go of before a name of it was heard to have been removed.
    pub(super) guess: Option<Guess>,
}

/// How sure it is that nothing more will be heard of an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// The call that removed the name has not returned.
    New,
    /// It has had an interval to do so.
    Old,
}

impl Ended {
    /// How long it lived, if its begin was seen.
    pub fn lifetime_ns(&self) -> Option<u64> {
        let (created, _) = self.life.created.as_ref()?;
        Some(self.time.0.saturating_sub(created.0))
    }
}

/// A life that nothing is known of.
pub fn stranger(file: Option<FileId>, file_type: Option<FileType>, path: Option<FilePath>) -> Life {
    Life {
        file,
        file_type,
        path,
        created: None,
        write_bytes: None,
        read_bytes: None,
        opens: None,
        truncates: 0,
        cancelled_bytes: None,
        pattern: None,
        names: 0,
        leaving: None,
    }
}

/// The end of a life by a change.
pub fn ended(life: Life, change: &Change, end: End) -> Ended {
    Ended {
        life,
        time: change.time,
        thread: change.thread.clone(),
        end,
        guess: None,
    }
}

/// The file, where it is known.
pub fn file(key: &Key) -> Option<FileId> {
    match key {
        Key::File(file) => Some(*file),
        Key::Named(_) => None,
    }
}
