//! What `procs --json` said: its rows, and that its ticks agree with them.

use std::ops::AddAssign;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::losses::Losses;
use super::record::{End, exact, parse};
use super::rows::OF_OTHERS;
use super::tracer::Sink;

/// What the kernel has on account of a process, in an interval.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct Account {
    /// Bytes from storage.
    pub disk_read_bytes: u64,
    /// Bytes to storage.
    pub disk_write_bytes: u64,
    /// Those of them that were dropped.
    pub cancelled_write_bytes: u64,
    /// Calls that read.
    #[serde(default)]
    pub read_syscalls: u64,
    /// Calls that wrote.
    #[serde(default)]
    pub write_syscalls: u64,
}

/// The same since the process began.
#[derive(Clone, Copy, Debug, Deserialize)]
#[expect(clippy::struct_field_names, reason = "so the records have them")]
pub struct Total {
    /// Bytes from storage.
    pub disk_read_bytes_total: u64,
    /// Bytes to storage.
    pub disk_write_bytes_total: u64,
    /// Those of them that were dropped.
    pub cancelled_write_bytes_total: u64,
    /// Calls that read.
    pub read_syscalls_total: u64,
    /// Calls that wrote.
    pub write_syscalls_total: u64,
}

/// A process, a thread, or a sum of processes, in an interval.
#[derive(Clone, Debug, Deserialize)]
pub struct Proc {
    /// Process; absent of sums.
    pub pid: Option<u32>,
    /// Thread, when threads are told.
    pub tid: Option<u32>,
    /// Its parent.
    pub ppid: Option<u32>,
    /// Its user.
    pub uid: Option<u32>,
    /// What is summed here.
    pub group: Option<String>,
    /// How many processes that are.
    pub processes: Option<u64>,
    comm: Option<String>,
    comm_b64: Option<String>,
    command: Option<String>,
    command_b64: Option<String>,
    /// It is a thread of the kernel.
    #[serde(default)]
    pub kernel: bool,
    /// It has ended.
    #[serde(default)]
    pub ended: bool,
    /// What it did; absent where this user may not know.
    #[serde(flatten)]
    pub account: Option<Account>,
    /// Since it began.
    #[serde(flatten)]
    pub total: Option<Total>,
}

/// The rows of a run. That each tick has the sum of its rows is checked as they come.
#[derive(Default)]
pub struct Procs {
    /// All rows, in order.
    pub rows: Vec<Proc>,
    /// How many ticks there were.
    pub ticks: u64,
    losses: Losses,
    first_of_tick: usize,
}

#[derive(Deserialize)]
struct Tick {
    rows: u64,
    #[serde(flatten)]
    total: Account,
    lost: super::losses::Lost,
}

impl Procs {
    /// While everybody is looked at.
    pub fn of_all() -> Self {
        Self {
            losses: Losses::allowing(OF_OTHERS).or_left_out(),
            ..Self::default()
        }
    }

    /// What all these rows have.
    pub fn sum(&self, of: impl Fn(&Proc) -> bool) -> Account {
        let mut sum = Account::default();
        for row in self.rows.iter().filter(|row| of(row)) {
            sum += row.account.unwrap_or_default();
        }
        sum
    }
}

impl Proc {
    fn parse(line: &str) -> Result<Self> {
        let row: Self = parse(line)?;
        exact(row.comm.as_deref(), row.comm_b64.as_deref()).context("comm")?;
        exact(row.command.as_deref(), row.command_b64.as_deref()).context("command")?;
        ensure!(
            row.pid.is_some() != row.group.is_some() || row.processes.is_some(),
            "neither a process nor a sum: {line}"
        );
        Ok(row)
    }

    /// The name, as text.
    pub fn comm(&self) -> &str {
        self.comm.as_deref().unwrap_or_default()
    }
}

impl AddAssign for Account {
    fn add_assign(&mut self, more: Self) {
        self.disk_read_bytes += more.disk_read_bytes;
        self.disk_write_bytes += more.disk_write_bytes;
        self.cancelled_write_bytes += more.cancelled_write_bytes;
        self.read_syscalls += more.read_syscalls;
        self.write_syscalls += more.write_syscalls;
    }
}

impl Sink for Procs {
    fn record(&mut self, kind: &str, line: &str) -> Result<()> {
        match kind {
            "proc" => self.rows.push(Proc::parse(line)?),
            "tick" => {
                let tick: Tick = parse(line)?;
                let rows = &self.rows[self.first_of_tick..];
                ensure!(rows.len() as u64 == tick.rows, "not so many rows: {line}");
                let mut sum = Account::default();
                for row in rows.iter().filter(|row| !row.kernel) {
                    sum += row.account.unwrap_or_default();
                }
                ensure!(
                    (
                        sum.disk_read_bytes,
                        sum.disk_write_bytes,
                        sum.cancelled_write_bytes
                    ) == (
                        tick.total.disk_read_bytes,
                        tick.total.disk_write_bytes,
                        tick.total.cancelled_write_bytes
                    ),
                    "the rows have {sum:?}, but {line}"
                );
                self.losses.tick(&tick.lost)?;
                self.ticks += 1;
                self.first_of_tick = self.rows.len();
            }
            // What devices and the system did is told beside it.
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, end: &End) -> Result<()> {
        self.losses.end(&end.lost)
    }
}
