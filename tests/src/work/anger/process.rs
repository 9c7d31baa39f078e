//! A process of the workload: it forks, has threads that come and go, and forks again.

use std::thread;

use anyhow::{Result, anyhow, ensure};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};

use super::World;
use super::hand::Hand;
use super::io::Held;
use super::ledger::Shared;
use crate::work::protocol::bound_lifetime;
use crate::work::random::Random;

/// What a process of each depth of the tree does; one below the last has no children.
const PLAN: [Plan; 3] = [
    Plan {
        rounds: 2,
        children: 2,
    },
    Plan {
        rounds: 2,
        children: 2,
    },
    Plan {
        rounds: 1,
        children: 0,
    },
];

struct Plan {
    rounds: usize,
    children: usize,
}

/// Threads of a process that live at the same time.
const SIDE_BY_SIDE: usize = 3;

/// Threads that come one after the other, each in the place of the last.
const BIRTHS: usize = 5;

/// The longest life of a thread.
const STEPS: u64 = 60;

/// Calls that a leaf makes on everything that it has inherited.
const CALLS: u64 = 3;

/// All that a process does, its descendants too.
pub fn live(world: &World, depth: usize, random: &mut Random) -> Result<()> {
    world.ledger.add(Shared::Processes, 1);
    let plan = &PLAN[depth];
    for _ in 0..plan.rounds {
        // Here it has one thread, so the children may do whatever it may.
        let mut children = Vec::new();
        for _ in 0..plan.children {
            let mut seed = Random::new(random.next());
            children.push(child(|| live(world, depth + 1, &mut seed))?);
        }
        threads(world, random)?;
        children.into_iter().try_for_each(reap)?;
    }
    Ok(())
}

/// Threads side by side, and each of them followed by others; one forks while others work.
fn threads(world: &World, random: &mut Random) -> Result<()> {
    let mut rows: Vec<(usize, Random)> = (0..SIDE_BY_SIDE)
        .map(|row| (row, Random::new(random.next())))
        .collect();
    thread::scope(|scope| {
        let mut running: Vec<_> = rows
            .iter_mut()
            .map(|(row, random)| {
                scope.spawn(move || {
                    world.ledger.add(Shared::Threads, 1);
                    one_after_the_other(world, random, *row == 0)
                })
            })
            .collect();
        running.drain(..).try_for_each(|thread| {
            thread
                .join()
                .map_err(|_panic| anyhow!("a thread panicked"))?
        })
    })
}

fn one_after_the_other(world: &World, random: &mut Random, forks: bool) -> Result<()> {
    let mut hand = Hand::new(world, Random::new(random.next()));
    for birth in 0..BIRTHS {
        let mut next = Random::new(random.next());
        let younger = thread::scope(|scope| {
            let thread = scope.spawn(move || {
                world.ledger.add(Shared::Threads, 1);
                let steps = next.below(STEPS);
                Hand::new(world, next).work(steps)
            });
            hand.work(random.below(STEPS))?;
            thread
                .join()
                .map_err(|_panic| anyhow!("a thread panicked"))?
        });
        younger?;
        if forks && birth == 0 {
            reap(child(|| as_leaf(world, random))?)?;
        }
    }
    Ok(())
}

/// A child that does what `life` says, and nothing after it.
fn child(life: impl FnOnce() -> Result<()>) -> Result<Pid> {
    // SAFETY: where there are other threads, the child is a leaf, which takes no lock and no
    // memory; elsewhere it may do whatever its parent may.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            bound_lifetime();
            let outcome = set_pdeathsig(Signal::SIGKILL)
                .map_err(anyhow::Error::from)
                .and_then(|()| life());
            if let Err(error) = &outcome {
                eprintln!("anger: process {}: {error:#}", std::process::id());
            }
            // SAFETY: leaves without the parent's buffers and handlers.
            unsafe { libc::_exit(i32::from(outcome.is_err())) }
        }
    }
}

/// Waits for the good end of a child.
pub fn reap(child: Pid) -> Result<()> {
    let status = waitpid(child, None)?;
    ensure!(
        matches!(status, WaitStatus::Exited(_, 0)),
        "a child: {status:?}"
    );
    Ok(())
}

/// The whole life of a process with one thread, which uses what it has inherited; never returns.
/// Takes no lock and no memory.
pub fn as_leaf<T>(world: &World, random: &mut Random) -> Result<T> {
    world.ledger.add(Shared::Processes, 1);
    for (fd, file) in &world.shared {
        let mut held = Held::borrow(*fd, *file, world.ledger);
        for _ in 0..CALLS {
            held.call(world.arena, random);
        }
    }
    // SAFETY: leaves without the parent's buffers and handlers.
    unsafe { libc::_exit(0) }
}
