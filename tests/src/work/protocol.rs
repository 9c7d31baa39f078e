//! What a workload and its scenario say to each other.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::io::{self, Write};
use std::sync::{Barrier, mpsc};
use std::thread;

use anyhow::{Result, anyhow};
use nix::unistd::gettid;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::counts::Counts;

/// The longest life of a workload, should nobody end it.
const LIFETIME_SECONDS: u32 = 300;

/// The sums of a workload with one working thread.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// Process.
    pub pid: u32,
    /// The thread that worked.
    pub tid: u32,
    /// Number of files.
    pub files: u64,
    /// All operations.
    #[serde(flatten)]
    pub counts: Counts,
}

impl Report {
    /// Of the calling thread.
    pub fn of_this_thread(files: u64, counts: Counts) -> Self {
        Self {
            pid: std::process::id(),
            tid: this_tid(),
            files,
            counts,
        }
    }
}

/// The kernel ends this process when it lives too long (each forked child must ask anew).
pub fn bound_lifetime() {
    nix::unistd::alarm::set(LIFETIME_SECONDS);
}

/// The calling thread.
pub fn this_tid() -> u32 {
    gettid().as_raw().unsigned_abs()
}

/// Prints one line of JSON, at once.
pub fn say(line: &impl Serialize) -> Result<()> {
    let mut stdout = io::stdout().lock();
    serde_json::to_writer(&mut stdout, line)?;
    stdout.write_all(b"\n")?;
    Ok(stdout.flush()?)
}

/// Waits for a line of stdin; false when it has ended.
pub fn listen() -> Result<bool> {
    let mut line = String::new();
    Ok(io::stdin().read_line(&mut line)? > 0)
}

/// Says that this single-threaded workload is ready, and waits for its go.
pub fn ready() -> Result<()> {
    say(&json!({ "pid": std::process::id(), "tid": this_tid() }))?;
    listen()?;
    Ok(())
}

/// Starts a thread for each name, says that they are ready (naming the first),
/// lets all start at the go, and returns what each brings. The main thread does
/// no file I/O of its own.
pub fn on_threads<T: Send>(
    names: &[&CStr],
    body: impl Fn(usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let start = Barrier::new(names.len() + 1);
    let (started, tids) = mpsc::channel();
    thread::scope(|scope| {
        let workers: Vec<_> = names
            .iter()
            .enumerate()
            .map(|(index, name)| {
                let (started, start, body) = (started.clone(), &start, &body);
                scope.spawn(move || {
                    let named = nix::sys::prctl::set_name(name);
                    let told = started.send((index, this_tid()));
                    // Every thread must come here, or the others wait for ever.
                    start.wait();
                    named?;
                    told.map_err(|_gone| anyhow!("the main thread is gone"))?;
                    body(index)
                })
            })
            .collect();
        let tids: BTreeMap<usize, u32> = tids.iter().take(names.len()).collect();
        let said = say(&json!({ "pid": std::process::id(), "tid": tids.get(&0) }));
        let heard = listen();
        start.wait();
        said?;
        heard?;
        workers
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .map_err(|_panic| anyhow!("a worker panicked"))?
            })
            .collect()
    })
}
