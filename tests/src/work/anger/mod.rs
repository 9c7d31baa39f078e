//! Everything at once, at random: a tree of processes with threads that come and go, descriptors
//! that are inherited and passed on, files that are renamed, cut, unlinked and made again under
//! their old inode number, calls of any size, and calls that must fail. What each thread did with
//! each file is known from return values alone.
//!
//! No thread closes a descriptor that another one uses: see `gone` for that.

mod exchange;
mod hand;
mod io;
mod ledger;
mod process;
mod report;
mod reuse;

use std::ffi::CString;
use std::io::Write;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use nix::errno::Errno;
use nix::unistd::{Uid, setresuid};
use serde_json::json;

use self::exchange::Exchange;
use self::io::Arena;
use self::ledger::{Ledger, Shared};
use super::protocol::{ready, say, this_tid};
use super::random::Random;

pub use self::report::{FileId, Report};

/// Files that every process has open from the beginning.
const INHERITED: u64 = 4;

/// Options of the workload.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where the files are; more than once for other file systems.
    #[arg(long = "dir", required = true)]
    dirs: Vec<PathBuf>,
    /// What it does is chosen by this number (but not who of two threads is first).
    #[arg(long)]
    seed: u64,
    /// Have this real user id first (and keep all rights).
    #[arg(long)]
    uid: Option<u32>,
    /// Let an id go back and forth between two processes, and do nothing else.
    #[arg(long)]
    ids_in_turn: bool,
    /// Say it all to this socket, and start at once.
    #[arg(long)]
    to: Option<PathBuf>,
}

/// What all processes and threads have in common.
pub struct World {
    ledger: Ledger,
    arena: Arena,
    exchange: Exchange,
    places: Vec<PathBuf>,
    shared: Vec<(RawFd, FileId)>,
}

/// Does all the I/O.
pub fn run(options: &Options) -> Result<()> {
    if let Some(uid) = options.uid {
        setresuid(Uid::from_raw(uid), Uid::from_raw(0), Uid::from_raw(0))?;
    }
    let socket = match &options.to {
        Some(path) => {
            let mut socket = UnixStream::connect(path)
                .with_context(|| format!("no scenario at {}", path.display()))?;
            let ready = json!({ "pid": std::process::id(), "tid": this_tid() });
            socket.write_all(format!("{ready}\n").as_bytes())?;
            Some(socket)
        }
        None => {
            ready()?;
            None
        }
    };
    let mut random = Random::new(options.seed);
    let mut world = World {
        ledger: Ledger::new()?,
        arena: Arena::new()?,
        exchange: Exchange::new()?,
        places: options.dirs.clone(),
        shared: Vec::new(),
    };
    world.open_shared()?;
    if options.ids_in_turn {
        reuse::in_turn(&world, &mut random)?;
    } else {
        process::live(&world, 0, &mut random)?;
        reuse::each_apart(&world, &mut random)?;
    }

    let count = |counter| world.ledger.get(counter);
    let report = Report {
        touched: world.ledger.sums()?,
        processes: count(Shared::Processes),
        threads: count(Shared::Threads),
        received: count(Shared::Received),
        failed: count(Shared::Failed),
        reused: count(Shared::Reused),
    };
    match socket {
        Some(mut socket) => {
            serde_json::to_writer(&mut socket, &report)?;
            Ok(socket.write_all(b"\n")?)
        }
        None => say(&report),
    }
}

impl World {
    /// What every process inherits: files in each place, one that can only be read, one that can
    /// only be written, and directories. Never closed.
    fn open_shared(&mut self) -> Result<()> {
        for place in self.places.clone() {
            for number in 0..INHERITED {
                let access = match number {
                    0 => libc::O_RDONLY,
                    1 => libc::O_WRONLY,
                    2 => libc::O_RDWR | libc::O_APPEND,
                    _ => libc::O_RDWR,
                };
                let path = place.join(format!("inherited-{number}"));
                self.open(&path, access | libc::O_CREAT)?;
            }
            self.open(&place, libc::O_RDONLY | libc::O_DIRECTORY)?;
        }
        Ok(())
    }

    fn open(&mut self, path: &std::path::Path, flags: libc::c_int) -> Result<()> {
        let name = CString::new(path.as_os_str().as_bytes())?;
        // SAFETY: a string that ends in a zero; the result is checked.
        let fd = unsafe { libc::open(name.as_ptr(), flags | libc::O_CLOEXEC, 0o600) };
        ensure!(fd >= 0, "{}: {}", path.display(), Errno::last());
        self.shared.push((fd, FileId::of(fd)?));
        Ok(())
    }
}
