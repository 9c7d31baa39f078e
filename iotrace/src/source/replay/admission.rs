//! The filters that run in the kernel when it is traced.

use crate::{
    event::{Changed, Counts, Event, FileType, Io, Storage, Thread},
    kernel::Request,
};

/// What is let through.
#[derive(Clone, Debug)]
pub struct Admission {
    pid: Option<u32>,
    tid: Option<u32>,
    uid: Option<u32>,
    all_files: bool,
    read: bool,
    write: bool,
    /// What was left out since the last tick.
    left_out: Counts,
}

impl Admission {
    /// What is asked of the kernel.
    pub fn of(request: &Request) -> Self {
        let (read, write) = request.what.directions();
        Self {
            pid: request.pid,
            tid: request.tid,
            uid: request.uid,
            all_files: request.all_files,
            read,
            write,
            left_out: Counts::default(),
        }
    }

    /// The event, as far as it is let through. Sums of a tick are those of what was.
    pub fn admit(&mut self, event: Event) -> Option<Event> {
        match event {
            Event::Io(io) => self.io(io).map(Event::Io),
            Event::Open(open) => self.admits(&open.thread).then_some(Event::Open(open)),
            Event::Each(each) => {
                let is_wanted = if each.is_write { self.write } else { self.read };
                let admits = is_wanted && self.admits(&each.thread);
                admits.then_some(Event::Each(each))
            }
            // By whomever: what others began may end here.
            Event::Change(change) => {
                let is_end = change.what == Changed::Free;
                (is_end || self.admits(&change.thread)).then_some(Event::Change(change))
            }
            Event::Tick(mut tick) => {
                let left_out = std::mem::take(&mut self.left_out);
                tick.total = tick.total.without(&left_out).unwrap_or(tick.total);
                Some(Event::Tick(tick))
            }
        }
    }

    fn admits(&self, thread: &Thread) -> bool {
        self.pid.is_none_or(|pid| thread.pid == pid)
            && self.tid.is_none_or(|tid| thread.tid == tid)
            && self.uid.is_none_or(|uid| thread.uid == uid)
    }

    fn io(&mut self, mut io: Io) -> Option<Io> {
        let is_file = matches!(io.file_type, FileType::Regular | FileType::Block);
        if !self.admits(&io.thread) || !self.all_files && !is_file {
            self.left_out += io.counts;
            return None;
        }
        for (wanted, part) in [
            (self.read, reads(&io.counts)),
            (self.write, writes(&io.counts)),
        ] {
            if !wanted {
                io.counts = io.counts.without(&part).unwrap_or_default();
                self.left_out += part;
            }
        }
        io.counts.is_any().then_some(io)
    }
}

fn reads(counts: &Counts) -> Counts {
    Counts {
        reads: counts.reads,
        read_bytes: counts.read_bytes,
        map_reads: counts.map_reads,
        storage: counts.storage.map(|storage| Storage {
            dirtied_bytes: 0,
            ..storage
        }),
        ..Counts::default()
    }
}

fn writes(counts: &Counts) -> Counts {
    Counts {
        writes: counts.writes,
        write_bytes: counts.write_bytes,
        map_writes: counts.map_writes,
        cloned_bytes: counts.cloned_bytes,
        storage: counts.storage.map(|storage| Storage {
            fetched_bytes: 0,
            ..storage
        }),
        ..Counts::default()
    }
}
