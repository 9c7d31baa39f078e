//! Jobs that run side by side.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

/// Does `work` for every job, `workers` at a time and in their order, and calls `done` here as
/// they end, one after the other. The results come in the order of the jobs.
pub fn run<J: Sync, R: Send>(
    jobs: &[J],
    workers: usize,
    work: impl Fn(&J) -> R + Sync,
    mut done: impl FnMut(&J, &R),
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let mut results: Vec<Option<R>> = jobs.iter().map(|_| None).collect();
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        for _ in 0..workers.min(jobs.len()) {
            let sender = sender.clone();
            let (next, work) = (&next, &work);
            scope.spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(number) else { break };
                    if sender.send((number, work(job))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        for (number, result) in receiver {
            done(&jobs[number], &result);
            results[number] = Some(result);
        }
    });
    // A worker that panicked has taken us along at the end of the scope.
    results.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_jobs() {
        let jobs: Vec<u32> = (0..20).collect();
        let mut seen = Vec::new();
        let results = run(&jobs, 3, |job| job * 2, |job, _| seen.push(*job));
        assert_eq!(results, jobs.iter().map(|job| job * 2).collect::<Vec<_>>());
        seen.sort_unstable();
        assert_eq!(seen, jobs);
    }

    #[test]
    fn no_jobs_are_soon_done() {
        assert!(run(&[], 2, |(): &()| 1, |_, _| ()).is_empty());
    }
}
