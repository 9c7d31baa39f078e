//! The workloads: programs that do a known amount of I/O and count it
//! themselves, from return values.
//!
//! Each prints a line with its ids when it is ready, starts at a line (or the
//! end) of its stdin, and prints its sums as its last line.

mod account;
mod anger;
mod births;
mod busy;
mod compat;
mod disk;
mod failures;
mod files;
mod flood;
mod gone;
mod guest;
mod lives;
mod mixed;
pub mod names;
mod paths;
mod pid_namespace;
mod pread;
mod protocol;
mod random;
pub mod service;
mod sleepers;
mod tally;
pub mod tree;

use anyhow::Result;
use clap::Subcommand;

pub use anger::{FileId as AngerFile, Report as AngerReport};
pub use births::Report as BirthsReport;
pub use disk::Report as DiskReport;
pub use files::written_by as bytes_of_file;
pub use flood::Report as FloodReport;
pub use guest::INTERRUPTED;
pub use lives::{Lived, Moment, Report as LivesReport};
pub use mixed::{DIRECTORIES as MIXED_DIRECTORIES, Report as MixedReport, Touched};
pub use paths::cached::{LENGTH as CACHED_LENGTH, Part as CachedPart, Report as CachedReport};
pub use paths::opens::{Opened, Report as OpenPathsReport};
pub use paths::{Done as PathDone, Report as PathsReport, Untried};
pub use pid_namespace::CHILD as NAMESPACE_CHILD;
pub use protocol::Report;
pub use random::Random;
pub use service::Report as ServiceReport;
pub use sleepers::Report as SleepersReport;

/// The workloads by name.
#[derive(Debug, Subcommand)]
pub enum Work {
    /// The web service: a thread that makes, reads back and removes many small files per request.
    Service(service::Options),
    /// One thread that reads one file byte by byte.
    Pread(pread::Options),
    /// Threads that open files as fast as they can.
    Flood(flood::Options),
    /// Reads whose descriptor another thread closes.
    Gone(gone::Options),
    /// Threads that sleep in an open.
    Sleepers(sleepers::Options),
    /// What a 32-bit program does.
    Compat(compat::Options),
    /// Files with names made to break terminals and parsers.
    Names(names::Options),
    /// Opens that fail, each in another way.
    Failures(failures::Options),
    /// A process with children and grandchildren that all do I/O.
    Tree(tree::Options),
    /// I/O without pause until stdin ends.
    Busy(busy::Options),
    /// Many files, touched once each.
    Files(files::Options),
    /// Two threads in two directories.
    Mixed(mixed::Options),
    /// The command that iotrace starts, and that waits to be told to end.
    Guest(guest::Options),
    /// Known amounts of disk I/O.
    Disk(disk::Options),
    /// Everything at once, at random.
    Anger(anger::Options),
    /// Files that are born and end, in every way.
    Lives(lives::Options),
    /// Files that are made and removed as fast as it goes.
    Births(births::Options),
    /// Every way into a file.
    Paths(paths::Options),
    /// Every kind of open.
    OpenPaths(paths::opens::Options),
    /// Many requests of AIO at once.
    AioCrowd(paths::crowds::AioOptions),
    /// Requests of AIO that are refused, and others.
    AioRefused(paths::refused::Options),
    /// More completions of io_uring than the queue holds.
    UringCrowd(paths::crowds::UringOptions),
    /// Threads that read at the same time.
    Crowd(paths::crowds::ReadsOptions),
    /// What operations move between the page cache and storage.
    Cached(paths::cached::Options),
    /// Run a command as the first process of a new PID namespace.
    PidNamespace(pid_namespace::Options),
}

impl Work {
    /// Does the work; the value is the exit code.
    pub fn run(self) -> Result<u8> {
        protocol::bound_lifetime();
        match self {
            Self::Service(options) => service::run(&options),
            Self::Pread(options) => pread::run(&options),
            Self::Flood(options) => flood::run(&options),
            Self::Gone(options) => gone::run(&options),
            Self::Compat(options) => compat::run(&options),
            Self::Sleepers(options) => sleepers::run(&options),
            Self::Names(options) => names::run(&options),
            Self::Failures(options) => failures::run(&options),
            Self::Tree(options) => return tree::run(&options),
            Self::Busy(options) => busy::run(&options),
            Self::Files(options) => files::run(&options),
            Self::Mixed(options) => mixed::run(&options),
            Self::Anger(options) => anger::run(&options),
            Self::Lives(options) => lives::run(&options),
            Self::Births(options) => births::run(&options),
            Self::Disk(options) => disk::run(&options),
            Self::Paths(options) => paths::run(&options),
            Self::OpenPaths(options) => paths::opens::run(&options),
            Self::AioCrowd(options) => paths::crowds::aio(&options),
            Self::AioRefused(options) => paths::refused::run(&options),
            Self::UringCrowd(options) => paths::crowds::uring(&options),
            Self::Crowd(options) => paths::crowds::reads(&options),
            Self::Cached(options) => paths::cached::run(&options),
            Self::Guest(options) => return guest::run(&options),
            Self::PidNamespace(options) => return pid_namespace::run(&options),
        }?;
        Ok(0)
    }
}
