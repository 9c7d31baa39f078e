//! The filters that run in the kernel when it is traced.

use crate::{
    event::{Changed, Counts, Event, FileType, Io, Operation, Proc, Storage, Thread},
    kernel::{Request, Transfers},
};

/// What is let through.
#[derive(Clone, Debug)]
pub struct Admission {
    pid: Option<u32>,
    tid: Option<u32>,
    uid: Option<u32>,
    all_files: bool,
    transfers: Transfers,
    /// What was left out since the last tick.
    left_out: Counts,
}

impl Admission {
    /// What is asked of the kernel.
    pub fn of(request: &Request) -> Self {
        Self {
            pid: request.pid,
            tid: request.tid,
            uid: request.uid,
            all_files: request.all_files,
            transfers: request.what.transfers.unwrap_or(NONE),
            left_out: Counts::default(),
        }
    }

    /// The event, as far as it is let through. Sums of a tick are those of what was.
    pub fn admit(&mut self, event: Event) -> Option<Event> {
        match event {
            Event::Io(io) => self.io(io).map(Event::Io),
            Event::Open(open) => self.admits(&open.thread).then_some(Event::Open(open)),
            Event::Each(each) => {
                let Transfers { read, write, .. } = self.transfers;
                let is_wanted = match each.operation {
                    Operation::Read => read,
                    Operation::Write | Operation::Sync => write,
                };
                let admits = is_wanted && self.admits(&each.thread);
                (admits && self.admits_type(Some(each.file_type))).then_some(Event::Each(each))
            }
            // By whomever: what others began may end here.
            Event::Change(change) => {
                let is_end = change.what == Changed::Free;
                let admits = is_end || self.admits(&change.thread);
                (admits && self.admits_type(change.file_type)).then_some(Event::Change(change))
            }
            Event::Tick(mut tick) => {
                let left_out = std::mem::take(&mut self.left_out);
                tick.total = tick.total.without(&left_out).unwrap_or(tick.total);
                if !self.transfers.cache {
                    tick.total.storage = None;
                }
                Some(Event::Tick(tick))
            }
            Event::Proc(process) => self
                .admits_process(&process)
                .then_some(Event::Proc(process)),
            Event::Device(_) | Event::System(_) | Event::Work(_) => Some(event),
        }
    }

    /// Whether a process is told. The kernel has no hand in that, so they are filtered live, too.
    pub fn admits_process(&self, process: &Proc) -> bool {
        let is = |wanted: Option<u32>, id| wanted.is_none_or(|wanted| id == Some(wanted));
        is(self.pid, Some(process.pid)) && is(self.uid, process.facts.uid)
    }

    fn admits(&self, thread: &Thread) -> bool {
        self.pid.is_none_or(|pid| thread.pid == pid)
            && self.tid.is_none_or(|tid| thread.tid == tid)
            && self.uid.is_none_or(|uid| thread.uid == uid)
    }

    /// Whether files of this kind are told; where it is not known, as where only names are.
    fn admits_type(&self, file_type: Option<FileType>) -> bool {
        let is_file = |kind| matches!(kind, FileType::Regular | FileType::Block);
        self.all_files || file_type.is_none_or(is_file)
    }

    fn io(&mut self, mut io: Io) -> Option<Io> {
        let is_layer = io.lower && !self.transfers.layers;
        if !self.admits(&io.thread) || !self.admits_type(Some(io.file_type)) || is_layer {
            self.left_out += io.counts;
            return None;
        }
        let Transfers {
            read,
            write,
            mapped,
            ..
        } = self.transfers;
        if !self.transfers.cache {
            io.counts.storage = None;
        }
        let parts = [
            (read, reads(&io.counts)),
            (write, writes(&io.counts)),
            (mapped, faults(&io.counts)),
        ];
        for (_, part) in parts.into_iter().filter(|(wanted, _)| !wanted) {
            io.counts = io.counts.without(&part).unwrap_or_default();
            self.left_out += part;
        }
        io.counts.is_any().then_some(io)
    }
}

/// Of commands that do not count.
const NONE: Transfers = Transfers {
    read: false,
    write: false,
    mapped: false,
    layers: false,
    cache: false,
    each: false,
};

fn faults(counts: &Counts) -> Counts {
    Counts {
        map_reads: counts.map_reads,
        map_writes: counts.map_writes,
        ..Counts::default()
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
