//! Threads that do their work in passes, all at the same time.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Descriptors beside those of the files.
const OTHERS: u64 = 256;

/// Raises the limit of open files so that there may be that many.
pub fn allow_files(count: usize) -> Result<()> {
    let wanted = u64::try_from(count)? + OTHERS;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < wanted {
        setrlimit(Resource::RLIMIT_NOFILE, wanted, hard.max(wanted))
            .with_context(|| format!("{wanted} open files are not allowed"))?;
    }
    Ok(())
}

/// Lets `threads` do `work`, which is called with the numbers of thread and pass; returns what
/// each pass took until the last thread was through. `between` is called after each, while the
/// threads wait.
pub fn passes(
    threads: usize,
    passes: usize,
    work: impl Fn(usize, usize) -> Result<()> + Sync,
    mut between: impl FnMut(usize) -> Result<()>,
) -> Result<Vec<Duration>> {
    let barrier = Barrier::new(threads + 1);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                let (barrier, work) = (&barrier, &work);
                scope.spawn(move || {
                    let mut outcome = Ok(());
                    for pass in 0..passes {
                        barrier.wait();
                        // Who failed still comes to the meetings, or the others wait for ever.
                        outcome = outcome.and_then(|()| work(thread, pass));
                        barrier.wait();
                    }
                    outcome
                })
            })
            .collect();
        let mut times = Vec::new();
        let mut outcome = Ok(());
        for pass in 0..passes {
            let start = Instant::now();
            barrier.wait();
            barrier.wait();
            times.push(start.elapsed());
            outcome = outcome.and_then(|()| between(pass));
        }
        for worker in workers {
            worker.join().ok().context("a thread panicked")??;
        }
        outcome.map(|()| times)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use anyhow::{Result, bail};

    use super::passes;

    #[test]
    fn all_work_in_each_pass() -> Result<()> {
        let done = AtomicUsize::new(0);
        let mut seen = Vec::new();
        let times = passes(
            4,
            3,
            |_, _| {
                done.fetch_add(1, Ordering::Relaxed);
                Ok(())
            },
            |pass| {
                seen.push((pass, done.load(Ordering::Relaxed)));
                Ok(())
            },
        )?;
        assert_eq!(seen, [(0, 4), (1, 8), (2, 12)]);
        assert_eq!(times.len(), 3);
        Ok(())
    }

    #[test]
    fn one_that_fails_holds_nobody_up() {
        let work = |thread, _| if thread == 1 { bail!("no") } else { Ok(()) };
        assert!(passes(3, 2, work, |_| Ok(())).is_err());
    }
}
