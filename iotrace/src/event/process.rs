//! What processes did, as the kernel accounts for it.

use std::{ops::AddAssign, sync::Arc};

use bytes::Bytes;

use super::Time;

/// A process or, with a thread id, one of its threads.
#[derive(Clone, Debug, PartialEq)]
pub struct Proc {
    /// Process id.
    pub pid: u32,
    /// Thread id; `None`: the process, with all its threads.
    pub tid: Option<u32>,
    /// What does not change while it runs one program.
    pub facts: Arc<Facts>,
    /// What it did; `None` when this user may not know.
    pub accounts: Option<Accounts>,
    /// Time that it waited for block I/O, in the interval and since its start, nanoseconds;
    /// `None` when the kernel does not account for delays.
    pub io_wait_ns: Option<(u64, u64)>,
    /// Threads that it has; `None` when not known.
    pub threads: Option<u32>,
    /// It has ended in the interval.
    pub ended: bool,
}

/// See [`Proc`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its parent, when known.
    pub ppid: Option<u32>,
    /// Real user id, when known.
    pub uid: Option<u32>,
    /// Name of the (first) thread, at most 15 bytes, in any encoding.
    pub comm: Bytes,
    /// Its command line, arguments with spaces between them; or the title that it gave itself.
    /// `None` when not known, as of kernel threads.
    pub command: Option<Bytes>,
    /// The program that it runs, when known.
    pub exe: Option<Bytes>,
    /// When it began, when known.
    pub started: Option<Time>,
    /// A thread of the kernel: what it reads and writes, it does for others.
    pub kernel: bool,
    /// Its systemd unit, when known.
    pub unit: Option<String>,
    /// Its container, when it is in one.
    pub container: Option<Container>,
}

/// A container.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Container {
    /// What runs it: `docker`, `podman`, `containerd`, `crio`, `lxc`, `kubernetes`, `nspawn`.
    pub runtime: String,
    /// Its id, or its name where it has no id; shortened to 12 hexadecimal digits as the runtimes do.
    pub id: String,
    /// The pod it belongs to, if any.
    pub pod: Option<String>,
}

/// The end of a thread, as the kernel tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Its process.
    pub pid: u32,
    /// The thread.
    pub tid: u32,
    /// Parent of the process.
    pub ppid: u32,
    /// Real user id.
    pub uid: u32,
    /// Its name.
    pub comm: Bytes,
    /// When the process began, nanoseconds since the machine did (`CLOCK_BOOTTIME`).
    pub process_start_ns: u64,
    /// When the thread began, likewise.
    pub start_ns: u64,
    /// What the thread did in its life.
    pub total: Usage,
    /// No thread of the process is left. Several that end at once may all say so, and not only
    /// the last of them.
    pub is_last: bool,
}

/// Sums of an interval and of the whole life. What children did is theirs alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// In the interval.
    pub interval: Usage,
    /// Since the process began, without threads that had ended before it was first looked at.
    pub total: Usage,
}

/// The counters of `/proc/PID/io` (`do_io_accounting`, fs/proc/base.c).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes that it made storage read.
    pub disk_read_bytes: u64,
    /// Bytes of pages that it made dirty, and of direct writes.
    pub disk_write_bytes: u64,
    /// Bytes of dirty pages that it dropped, its own or those of others, so that they will not be
    /// written. May be more than `disk_write_bytes`.
    pub cancelled_write_bytes: u64,
    /// Calls of the read family; those of io_uring and AIO are not among them.
    pub read_syscalls: u64,
    /// Calls of the write family, likewise.
    pub write_syscalls: u64,
    /// Bytes that these calls read, wherever from.
    pub read_call_bytes: u64,
    /// Bytes that these calls wrote, wherever to.
    pub write_call_bytes: u64,
}

impl Usage {
    /// Bytes to storage that were not dropped first: less than nothing where it dropped what others
    /// had written.
    pub fn net_write_bytes(&self) -> i64 {
        let [written, cancelled] = [self.disk_write_bytes, self.cancelled_write_bytes]
            .map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
        written - cancelled
    }

    /// Bytes from and to storage, without those that were dropped.
    pub fn disk_bytes(&self) -> u64 {
        let net = u64::try_from(self.net_write_bytes()).unwrap_or(0);
        self.disk_read_bytes.saturating_add(net)
    }

    /// Calls in both directions.
    pub fn syscalls(&self) -> u64 {
        self.read_syscalls.saturating_add(self.write_syscalls)
    }

    /// Whether there is anything.
    pub fn is_any(&self) -> bool {
        *self != Self::default()
    }

    /// What has come since an earlier look.
    pub fn since(&self, earlier: &Self) -> Self {
        self.with_each(earlier, u64::saturating_sub)
    }

    /// Whether this may be a later look at the same: nothing has become less.
    pub fn follows(&self, earlier: &Self) -> bool {
        self.most(earlier) == *self
    }

    /// The larger of each.
    pub fn most(&self, other: &Self) -> Self {
        self.with_each(other, u64::max)
    }

    fn with_each(&self, other: &Self, of: fn(u64, u64) -> u64) -> Self {
        Self {
            disk_read_bytes: of(self.disk_read_bytes, other.disk_read_bytes),
            disk_write_bytes: of(self.disk_write_bytes, other.disk_write_bytes),
            cancelled_write_bytes: of(self.cancelled_write_bytes, other.cancelled_write_bytes),
            read_syscalls: of(self.read_syscalls, other.read_syscalls),
            write_syscalls: of(self.write_syscalls, other.write_syscalls),
            read_call_bytes: of(self.read_call_bytes, other.read_call_bytes),
            write_call_bytes: of(self.write_call_bytes, other.write_call_bytes),
        }
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        *self = self.with_each(&other, u64::saturating_add);
    }
}
