//! What this process uses.

use std::time::Duration;

use nix::sys::{
    resource::{Resource, UsageWho, getrlimit, getrusage},
    time::TimeVal,
};

use crate::error::Failure;

/// Files that must be allowed to be open at a time. Each program, map and attachment is one: with
/// `events --each --all` there are some 200.
const DESCRIPTORS: u64 = 256;

/// Whether so many files may be open as are needed. It is asked first: later, who fails for want of
/// one may be a library that panics, or the kernel that seems to refuse a program.
pub fn has_descriptors() -> Result<(), Failure> {
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((limit, _)) if limit < DESCRIPTORS => Err(Failure::Descriptors {
            limit,
            needed: DESCRIPTORS,
        }),
        _ => Ok(()),
    }
}

/// CPU time, in microseconds as the kernel tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuUsed {
    /// In the program.
    pub user: Duration,
    /// In the kernel, on the program's behalf.
    pub system: Duration,
}

impl CpuUsed {
    /// What all threads of this process have used so far, those that ended included; its children
    /// are not.
    pub fn now() -> Self {
        // It fails only for who is asked about.
        getrusage(UsageWho::RUSAGE_SELF).map_or_else(
            |_| Self::default(),
            |usage| Self {
                user: duration(usage.user_time()),
                system: duration(usage.system_time()),
            },
        )
    }

    /// Both.
    pub fn total(&self) -> Duration {
        self.user + self.system
    }

    /// What was used after `before`.
    pub fn since(&self, before: Self) -> Self {
        Self {
            user: self.user.saturating_sub(before.user),
            system: self.system.saturating_sub(before.system),
        }
    }
}

fn duration(time: TimeVal) -> Duration {
    let micros = u64::try_from(time.tv_usec()).unwrap_or_default();
    let seconds = u64::try_from(time.tv_sec()).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_micros(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_never_negative() {
        let used = |user, system| CpuUsed {
            user: Duration::from_micros(user),
            system: Duration::from_micros(system),
        };
        assert_eq!(used(7, 5).since(used(3, 1)), used(4, 4));
        assert_eq!(used(7, 5).since(used(9, 1)), used(0, 4));
        assert_eq!(used(7, 5).total(), Duration::from_micros(12));
        assert_eq!(
            duration(TimeVal::new(2, 30)),
            Duration::from_micros(2_000_030)
        );
    }
}
