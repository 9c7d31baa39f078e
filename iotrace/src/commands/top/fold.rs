//! Sums up the events of one interval. Pure: no clock, no I/O.

use std::{
    cmp::{Ordering, Reverse},
    collections::{HashMap, HashSet},
    sync::Arc,
};

use bytes::Bytes;

use super::{
    args::{By, Sort},
    rows::{Row, TickRow},
};
use crate::{
    commands::Namer,
    event::{Counts, FileId, FilePath, Io, Thread, Tick, Time},
    filter::NameFilter,
};

/// The started interval.
pub struct Fold {
    by: Option<By>,
    names: NameFilter,
    sort: Sort,
    /// Most rows that are asked for.
    limit: Option<usize>,
    rows: Vec<Row>,
    /// The first rows are the best ones of those that were there when the others were dropped.
    sifted: bool,
    /// Rows that were dropped.
    dropped: usize,
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
    pub fn new(by: Option<By>, names: NameFilter, sort: Sort, limit: Option<usize>) -> Self {
        Self {
            by,
            names,
            sort,
            limit,
            rows: Vec::new(),
            sifted: false,
            dropped: 0,
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
            self.push(Row::of(io));
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

    /// Adds a row that is complete. Of many only the best ones are kept: to collect all of them
    /// first costs several times as much.
    fn push(&mut self, row: Row) {
        let limit = self.limit.unwrap_or(usize::MAX);
        if self.sifted && compare(&row, &self.rows[limit - 1], self.sort).is_gt() {
            self.dropped += 1;
            return;
        }
        self.rows.push(row);
        if self.rows.len() >= limit.saturating_mul(2).max(MANY) {
            self.sift();
        }
    }

    /// Whether it can do without names until the best rows are known.
    pub fn names_late(&self) -> bool {
        let filtered = self.names.path.is_some() || self.names.directory.is_some();
        self.limit.is_some() && self.by != Some(By::Directory) && !filtered
    }

    /// Names the rows that will be shown.
    pub fn name(&mut self, namer: &Namer<'_>) {
        self.sift();
        for row in &mut self.rows {
            if let Some((file, file_type)) = row.file
                && row.path.is_none()
            {
                row.path = namer(file, file_type, row.lower);
            }
        }
    }

    /// Drops all rows but the best ones.
    fn sift(&mut self) {
        if let Some(limit) = self.limit
            && limit < self.rows.len()
        {
            let compare = |a: &Row, b: &Row| compare(a, b, self.sort);
            self.rows.select_nth_unstable_by(limit - 1, compare);
            self.dropped += self.rows.len() - limit;
            self.rows.truncate(limit);
            self.sifted = true;
        }
    }

    /// Ends the interval: its rows, in order, as many as are asked for, and the sums over all.
    pub fn end(&mut self, tick: &Tick) -> (Vec<Row>, TickRow) {
        self.sift();
        let mut rows = std::mem::take(&mut self.rows);
        self.sifted = false;
        self.places.clear();
        self.leaders.clear();
        self.files.clear();
        let filtered = std::mem::take(&mut self.filtered);
        let all = rows.len() + std::mem::take(&mut self.dropped);
        rows.sort_unstable_by(|a, b| {
            let by_name = || (a.pid, a.tid, &a.path).cmp(&(b.pid, b.tid, &b.path));
            by_counts(a, b, self.sort)
                .then_with(by_name)
                .then_with(|| compare(a, b, self.sort))
        });
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

/// Rows that are collected before the best ones are looked for.
const MANY: usize = 512;

/// Which rows are the best. Ties are broken so that the same events give the same table, and without
/// names, which are known of the best alone; those of directories are all that they have.
fn compare(a: &Row, b: &Row, sort: Sort) -> Ordering {
    by_counts(a, b, sort)
        .then_with(|| (a.pid, a.tid, a.file, a.lower).cmp(&(b.pid, b.tid, b.file, b.lower)))
        .then_with(|| match a.file {
            Some(_) => Ordering::Equal,
            None => a.path.cmp(&b.path),
        })
}

/// The order that was asked for.
fn by_counts(a: &Row, b: &Row, sort: Sort) -> Ordering {
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
    Reverse(key(a)).cmp(&Reverse(key(b)))
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
