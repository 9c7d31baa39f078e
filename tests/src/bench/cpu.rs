//! Processor time that a process has used, and the wait until it uses none.

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

/// Time that all living threads of a process have run for, in nanoseconds.
pub fn used_ns(pid: u32) -> Result<u64> {
    let tasks = PathBuf::from(format!("/proc/{pid}/task"));
    let mut sum = 0;
    for task in fs::read_dir(&tasks).with_context(|| tasks.display().to_string())? {
        // A thread may have ended meanwhile.
        let text = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        sum += first_number(&text).unwrap_or(0);
    }
    ensure!(sum > 0, "the kernel does not tell what process {pid} used");
    Ok(sum)
}

/// How often its threads went to sleep by themselves, and so had to be woken.
pub fn wake_ups(pid: u32) -> Result<u64> {
    let tasks = PathBuf::from(format!("/proc/{pid}/task"));
    let mut sum = 0;
    for task in fs::read_dir(&tasks).with_context(|| tasks.display().to_string())? {
        let status = fs::read_to_string(task?.path().join("status")).unwrap_or_default();
        let key = "voluntary_ctxt_switches:";
        let number = status.lines().find_map(|line| line.strip_prefix(key));
        sum += number.and_then(first_number).unwrap_or(0);
    }
    Ok(sum)
}

/// `RUN WAIT TIMES` (Documentation/scheduler/sched-stats.rst).
fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

/// How long a process has to be quiet.
const QUIET: Duration = Duration::from_millis(600);
/// What it may use meanwhile, as one that looks around now and then.
const NEXT_TO_NOTHING: u64 = 3_000_000;

/// Waits until the process does nothing any more; whether it came to that in time.
pub fn settles(pid: u32, within: Duration) -> Result<bool> {
    let deadline = Instant::now() + within;
    let mut before = used_ns(pid)?;
    while Instant::now() < deadline {
        sleep(QUIET);
        let now = used_ns(pid)?;
        if now - before < NEXT_TO_NOTHING {
            return Ok(true);
        }
        before = now;
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::{first_number, used_ns};

    #[test]
    fn time_comes_first() {
        assert_eq!(first_number("123 4 5\n"), Some(123));
        assert_eq!(first_number(""), None);
    }

    #[test]
    fn this_process_has_used_some() -> anyhow::Result<()> {
        assert!(used_ns(std::process::id())? > 0);
        Ok(())
    }
}
