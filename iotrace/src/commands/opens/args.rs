//! Arguments of `opens`.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::Args;

use crate::{
    commands::common::{TraceArgs, seconds, usage},
    error::Error,
    event::{Open, Opened},
    filter::NameFilter,
    flags,
    kernel::{self, Opens, PinnedSet, Request, What, sizes},
    output::one_line,
};

/// Show every open as it happens: who, which file, with what result
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  iotrace opens                     every open of every process
  iotrace opens -p 3920             those of one process, all its threads
  iotrace opens -x                  those that failed
  iotrace opens -f O_CREAT -T       those that may create a file, with the time
  iotrace opens --json | jq         one object a line
  iotrace opens -- python3 app.py   exactly this command and its children")]
pub struct OpensArgs {
    /// Print the time since the first open, in seconds
    #[arg(short = 'T', long)]
    pub timestamp: bool,

    /// Print the user id
    #[arg(short = 'U', long)]
    pub print_uid: bool,

    /// Only opens that failed
    #[arg(short = 'x', long)]
    pub failed: bool,

    /// Print flags and mode
    #[arg(short, long, visible_alias = "extended_fields")]
    pub extended_fields: bool,

    /// Only opens with this flag, such as O_WRONLY; may be repeated
    #[arg(short, long, visible_alias = "flag_filter", value_name = "FLAG", value_parser = flags::parse)]
    pub flag_filter: Vec<flags::Flag>,

    /// Paths are always complete: accepted for those who are used to it
    #[arg(short = 'F', long, hide = true)]
    pub full_path: bool,

    /// End after so many seconds
    #[arg(short, long, value_name = "SECONDS", value_parser = seconds, conflicts_with = "replay")]
    pub duration: Option<Duration>,

    /// Only control groups in this pinned BPF map (64-bit ids as keys)
    #[arg(long, value_name = "FILE")]
    pub cgroupmap: Option<PathBuf>,

    /// Only mount namespaces in this pinned BPF map (64-bit inode numbers as keys)
    #[arg(long, value_name = "FILE")]
    pub mntnsmap: Option<PathBuf>,

    /// Size of the ring buffer, a power of two
    #[arg(long, value_name = "KIB", default_value_t = sizes::RING_OF_EVENTS_KIB)]
    pub ring_kib: u32,

    /// The same in pages of 4 KiB
    #[arg(
        short,
        long,
        visible_alias = "buffer-pages",
        value_name = "PAGES",
        conflicts_with = "ring_kib"
    )]
    pub buffer_pages: Option<u32>,

    /// Shared with other commands.
    #[command(flatten)]
    pub trace: TraceArgs,

    /// Run a command, which is all that follows; trace exactly it and its children
    #[arg(long, value_name = "COMMAND", num_args = 1.., allow_hyphen_values = true, conflicts_with = "command")]
    pub exec: Vec<OsString>,

    /// Run a command; trace exactly it and its children until it ends. With
    /// --json its stdout goes to stderr
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// Checked arguments.
pub struct Config {
    /// Column of times.
    pub timestamp: bool,
    /// Column of users.
    pub uid: bool,
    /// Columns of flags and mode.
    pub extended: bool,
    /// The tid instead of the pid, as opensnoop does with `-t`.
    pub by_tid: bool,
    /// NDJSON instead of text.
    pub json: bool,
    flags: Vec<flags::Flag>,
    access: Option<u64>,
    failed: bool,
    names: NameFilter,
    cgroups: Option<PinnedSet>,
    mount_namespaces: Option<PinnedSet>,
}

impl OpensArgs {
    /// What the kernel side has to do.
    pub fn request(&self) -> Result<Request, Error> {
        let what = What::opens(if self.failed {
            Opens::Failed
        } else {
            Opens::All
        });
        let ring_kib = match self.buffer_pages {
            Some(pages) => pages.saturating_mul(4),
            None => self.ring_kib,
        };
        // Opens are not counted in rows.
        const ROWS: u32 = 1;
        self.trace
            .request(what, !self.command().is_empty(), false, ROWS, ring_kib)
    }

    /// The command to run, however it was given.
    pub fn command(&self) -> &[OsString] {
        if self.exec.is_empty() {
            &self.command
        } else {
            &self.exec
        }
    }

    /// What is done with it.
    pub fn config(&self) -> Result<Config, Error> {
        if self.cgroupmap.is_some() || self.mntnsmap.is_some() {
            kernel::check_privileges()?;
        }
        let set = |path: &Option<PathBuf>| {
            let open = |path: &PathBuf| {
                PinnedSet::open(path)
                    .map_err(|error| usage(format!("cannot use {}: {error}", one_line(path))))
            };
            path.as_ref().map(open).transpose()
        };
        Ok(Config {
            timestamp: self.timestamp,
            uid: self.print_uid,
            extended: self.extended_fields,
            by_tid: self.trace.tid.is_some(),
            json: self.trace.json,
            flags: self.flag_filter.clone(),
            access: if self.trace.read_only {
                Some(libc::O_RDONLY as u64)
            } else if self.trace.write_only {
                Some(libc::O_WRONLY as u64)
            } else {
                None
            },
            failed: self.failed,
            names: self.trace.names()?,
            cgroups: set(&self.cgroupmap)?,
            mount_namespaces: set(&self.mntnsmap)?,
        })
    }
}

impl Config {
    /// Whether an open is shown.
    pub fn admits(&self, open: &Open) -> bool {
        if self.failed && !matches!(open.result, Opened::Failed { .. }) {
            return false;
        }
        if let Some(access) = self.access
            && open.flags & libc::O_ACCMODE as u64 != access
        {
            return false;
        }
        if !self.flags.is_empty() && !self.flags.iter().any(|flag| flag.is_in(open.flags)) {
            return false;
        }
        if let Some(cgroups) = &self.cgroups
            && !cgroups.contains(open.cgroup)
        {
            return false;
        }
        if let Some(namespaces) = &self.mount_namespaces
            && !open
                .mount_ns
                .is_some_and(|inode| namespaces.contains(inode.into()))
        {
            return false;
        }
        self.names.admits(&open.thread, open.path.as_ref())
    }
}
