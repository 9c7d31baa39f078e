//! Arguments that the tracing commands share, and their checks.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, builder::RangedU64ValueParser};

use crate::{
    error::Error,
    filter::{self, NameFilter},
    kernel::{Backend, OwnTraffic, Request, What, sizes},
    system::{process, users},
};

/// Which operations, and how to look at them.
#[derive(Args, Clone, Debug)]
pub struct TraceArgs {
    /// Only this process
    #[arg(short, long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..))]
    pub pid: Option<u32>,

    /// Only this thread
    #[arg(short, long, value_name = "TID", value_parser = clap::value_parser!(u32).range(1..))]
    pub tid: Option<u32>,

    /// Only processes of this user, by id or name
    #[arg(short, long, value_name = "UID", value_parser = user)]
    pub uid: Option<u32>,

    /// Only threads whose name contains NAME
    #[arg(short = 'n', long, visible_alias = "name", value_name = "NAME")]
    pub comm: Option<String>,

    /// Only files whose path matches GLOB (`*` also matches `/`)
    #[arg(long, value_name = "GLOB")]
    pub path: Option<String>,

    /// Only reads; with `opens`: only files opened for reading alone
    #[arg(long, conflicts_with = "write_only")]
    pub read_only: bool,

    /// Only writes; with `opens`: only files opened for writing alone
    #[arg(long)]
    pub write_only: bool,

    /// Show iotrace's own operations too
    #[arg(long)]
    pub include_self: bool,

    /// Print NDJSON, one object a line
    #[arg(long)]
    pub json: bool,

    /// Exit with 1 if anything was lost, or had no free row
    #[arg(long)]
    pub fail_on_loss: bool,

    /// Threads whose calls backend kprobe can remember, each from its first call to its end [default:
    /// 32768]; AIO requests, and operations with --cache, that can be under way [default: 8192]
    #[arg(long, value_name = "N", value_parser = entries())]
    pub map_calls: Option<u32>,

    /// Processes of a command that can be followed at a time
    #[arg(long, value_name = "N", default_value_t = sizes::PROCESSES, value_parser = entries())]
    pub map_processes: u32,

    /// How to trace the kernel; by default the first that works
    #[arg(long, value_enum)]
    pub backend: Option<Backend>,

    /// Look at recorded events (of `events -o`; `top` and `opens` also read their own --json) instead
    /// of the running kernel; `-` is stdin. Intervals are those of the recording
    #[arg(long, value_name = "FILE", conflicts_with_all = ["backend", "btf", "command"])]
    pub replay: Option<PathBuf>,

    /// Read the kernel's type information from FILE
    #[arg(long, value_name = "FILE")]
    pub btf: Option<PathBuf>,

    /// Have the kernel measure its programs, which costs them some 20 ns a run, and tell at the end
    /// how often and how long each ran
    #[arg(long, conflicts_with = "replay")]
    pub stats: bool,

    /// Tell on stderr how tracing was set up, and at the end what iotrace itself cost; twice: what the
    /// kernel programs log, and each refresh
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// Nothing asked for.
impl Default for TraceArgs {
    fn default() -> Self {
        Self {
            pid: None,
            tid: None,
            uid: None,
            comm: None,
            path: None,
            read_only: false,
            write_only: false,
            include_self: false,
            json: false,
            fail_on_loss: false,
            map_calls: None,
            map_processes: sizes::PROCESSES,
            backend: None,
            replay: None,
            btf: None,
            stats: false,
            verbose: 0,
        }
    }
}

/// Most entries of a map. More than a few millions is memory, not insight.
const ENTRIES: u32 = 4_194_304;
/// Size of the ring buffer in KiB.
const RING_KIB: std::ops::RangeInclusive<u32> = 4..=1_048_576;

impl TraceArgs {
    /// What the kernel side has to do, checked.
    pub fn request(
        &self,
        what: What,
        follow: bool,
        all_files: bool,
        rows: u32,
        ring_kib: u32,
    ) -> Result<Request, Error> {
        let is_live = self.replay.is_none();
        // The same number is another process to the kernel.
        if is_live
            && (self.pid.is_some() || self.tid.is_some())
            && !process::in_initial_pid_namespace()
        {
            return Err(usage(
                "--pid and --tid can not be used inside a PID namespace, where ids are not those \
                 of the kernel; use --comm, or run iotrace in the host's (docker: --pid=host)"
                    .to_owned(),
            ));
        }
        if let Some(pid) = self.pid
            && is_live
            && !process::exists(pid)
        {
            return Err(usage(format!(
                "there is no process {pid}; for a single thread use --tid"
            )));
        }
        if let Some(tid) = self.tid
            && is_live
            && !process::thread_exists(tid)
        {
            return Err(usage(format!("there is no thread {tid}")));
        }
        if follow && (self.pid.is_some() || self.tid.is_some()) {
            return Err(usage(
                "a command to run and --pid or --tid exclude each other".to_owned(),
            ));
        }
        if !RING_KIB.contains(&ring_kib) || !ring_kib.is_power_of_two() {
            return Err(usage(format!(
                "a ring buffer of {ring_kib} KiB: it must be a power of two from {} to {} KiB",
                RING_KIB.start(),
                RING_KIB.end()
            )));
        }
        // The kernel wants whole pages, which are larger on some machines.
        Ok(Request {
            backend: self.backend,
            what,
            pid: self.pid,
            tid: self.tid,
            uid: self.uid,
            follow,
            own: if self.include_self {
                OwnTraffic::Included
            } else {
                OwnTraffic::Excluded
            },
            all_files,
            rows,
            calls: self.map_calls,
            followed: self.map_processes,
            ring_bytes: (ring_kib * 1024).max(process::page_bytes()),
            log: self.verbose > 1,
            btf: self.btf.clone(),
        })
    }

    /// The filters that run here.
    pub fn names(&self) -> Result<NameFilter, Error> {
        let glob = self.path.as_deref().map(filter::glob).transpose();
        Ok(NameFilter {
            comm: self.comm.clone(),
            path: glob.map_err(|reason| usage(format!("--path: {reason}")))?,
            directory: None,
        })
    }
}

/// How many entries a map may be given.
pub fn entries() -> RangedU64ValueParser<u32> {
    RangedU64ValueParser::new().range(1..=u64::from(ENTRIES))
}

/// A usage error.
pub fn usage(message: String) -> Error {
    Error::Usage(message)
}

/// Parses a user: an id, or a name of this machine (also when a recording is of another one).
pub fn user(text: &str) -> Result<u32, String> {
    text.parse().or_else(|_| {
        users::id(Path::new(users::PASSWD), text)
            .ok_or_else(|| "neither a user id nor the name of a user in /etc/passwd".to_owned())
    })
}

/// Parses a time in seconds.
pub fn seconds(text: &str) -> Result<Duration, String> {
    const SHORTEST: f64 = 0.01;
    const LONGEST: f64 = 86_400.0;
    let seconds: f64 = text
        .parse()
        .map_err(|_| "a number of seconds, such as 1 or 0.5".to_owned())?;
    if !(SHORTEST..=LONGEST).contains(&seconds) {
        return Err(format!("from {SHORTEST} to {LONGEST} seconds are possible"));
    }
    Ok(Duration::from_secs_f64(seconds))
}
