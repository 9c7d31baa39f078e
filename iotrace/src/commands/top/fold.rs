//! Sums up the events of one interval. Pure: no clock, no I/O.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use bytes::Bytes;

use super::{
    args::{By, Sort},
    rows::{Row, TickRow},
};
use crate::{
    event::{Counts, FileId, FilePath, Io, Thread, Tick, Time},
    filter::NameFilter,
};

/// The started interval.
pub struct Fold {
    by: Option<By>,
    names: NameFilter,
    rows: Vec<Row>,
    /// Places in `rows`, when rows are summed.
    /// Lower layers apart: the same bytes, once more.
    places: HashMap<(Key, bool), usize>,
    /// Threads by the place of the row of their process that has their name.
    leaders: HashMap<usize, u32>,
    /// Files by the place of the row that they are summed in.
    files: HashSet<(usize, FileId)>,
    /// What the filter left out.
    filtered: Counts,
}

#[derive(PartialEq, Eq, Hash)]
enum Key {
    File(FileId),
    Thread(u32, u32),
    Process(u32),
    Directory(Option<Bytes>),
}

impl Fold {
    /// An empty interval.
    pub fn new(by: Option<By>, names: NameFilter) -> Self {
        Self {
            by,
            names,
            rows: Vec::new(),
            places: HashMap::new(),
            leaders: HashMap::new(),
            files: HashSet::new(),
            filtered: Counts::default(),
        }
    }

    /// Takes in what a thread did with a file.
    pub fn add(&mut self, io: Io) {
        if !self.names.admits(&io.thread, io.path.as_deref()) {
            self.filtered += io.counts;
            return;
        }
        // Without a grouping each event is a row of its own.
        let Some(by) = self.by else {
            self.rows.push(Row::of(io));
            return;
        };
        let key = match by {
            By::File => Key::File(io.file),
            By::Thread => Key::Thread(io.thread.pid, io.thread.tid),
            By::Process => Key::Process(io.thread.pid),
            By::Directory => Key::Directory(io.path.as_deref().map(directory)),
        };
        let key = (key, io.lower);
        if let Some(place) = self.places.get(&key) {
            let row = &mut self.rows[*place];
            row.counts += io.counts;
            row.files += u64::from(self.files.insert((*place, io.file)));
            // The name of a process is that of its first thread, or of the one with the least id.
            let rank = rank(&io.thread);
            if by == By::Process && self.leaders.get(place).is_none_or(|best| rank < *best) {
                self.leaders.insert(*place, rank);
                row.comm = Some(io.thread.comm);
            }
            return;
        }
        self.files.insert((self.rows.len(), io.file));
        self.leaders.insert(self.rows.len(), rank(&io.thread));
        let mut row = Row::of(io);
        match by {
            By::File => {
                row.pid = None;
                row.tid = None;
                row.uid = None;
                row.comm = None;
            }
            By::Thread => row.without_file(),
            By::Process => {
                row.tid = None;
                row.without_file();
            }
            By::Directory => {
                let path = row.path.take().map(|path| FilePath {
                    bytes: directory(&path),
                    cut: path.cut,
                    ..FilePath::default()
                });
                row = Row {
                    path: path.map(Arc::new),
                    lower: row.lower,
                    counts: row.counts,
                    files: row.files,
                    ..Row::default()
                };
            }
        }
        self.places.insert(key, self.rows.len());
        self.rows.push(row);
    }

    /// Ends the interval: its rows, in order, at most `limit` of them, and the
    /// sums over all.
    pub fn end(&mut self, tick: &Tick, sort: Sort, limit: Option<usize>) -> (Vec<Row>, TickRow) {
        let mut rows = std::mem::take(&mut self.rows);
        self.places.clear();
        self.leaders.clear();
        self.files.clear();
        let filtered = std::mem::take(&mut self.filtered);
        let all = rows.len();
        order(&mut rows, sort, limit);
        stamp(&mut rows, tick.time);
        let summary = TickRow {
            time: tick.time,
            interval_ns: tick.interval_ns,
            rows: all as u64,
            // More filtered than there was would be a bug of the source, which
            // the source reports as unbalanced.
            total: tick.total.without(&filtered).unwrap_or(tick.total),
            overflow: tick.overflow,
            lost: tick.lost.clone(),
            load: tick.load.clone(),
        };
        (rows, summary)
    }
}

/// Whose name a process has: the least.
fn rank(thread: &Thread) -> u32 {
    if thread.tid == thread.pid {
        0
    } else {
        thread.tid
    }
}

/// Sorts, and keeps the first `limit`. Ties are broken so that the same events
/// give the same table.
fn order(rows: &mut Vec<Row>, sort: Sort, limit: Option<usize>) {
    let key = |row: &Row| {
        let Counts {
            reads,
            writes,
            read_bytes,
            write_bytes,
            ..
        } = row.counts;
        let first = match sort {
            Sort::All => row.counts.bytes(),
            Sort::Reads => reads,
            Sort::Writes => writes,
            Sort::Rbytes => read_bytes,
            Sort::Wbytes => write_bytes,
        };
        let faults = row.counts.map_reads.saturating_add(row.counts.map_writes);
        (first, row.counts.bytes(), row.counts.operations(), faults)
    };
    let compare = |a: &Row, b: &Row| {
        Reverse(key(a))
            .cmp(&Reverse(key(b)))
            .then_with(|| (a.pid, a.tid, &a.path).cmp(&(b.pid, b.tid, &b.path)))
            .then_with(|| (a.file, a.lower).cmp(&(b.file, b.lower)))
    };
    if let Some(limit) = limit
        && limit < rows.len()
    {
        rows.select_nth_unstable_by(limit, compare);
        rows.truncate(limit);
    }
    rows.sort_unstable_by(compare);
}

fn stamp(rows: &mut [Row], time: Time) {
    for row in rows {
        row.time = time;
    }
}

/// The directory of a path; what has no path is its own.
fn directory(path: &FilePath) -> Bytes {
    match path.bytes.iter().rposition(|byte| *byte == b'/') {
        Some(0) => path.bytes.slice(..1),
        Some(end) => path.bytes.slice(..end),
        None => path.bytes.clone(),
    }
}
