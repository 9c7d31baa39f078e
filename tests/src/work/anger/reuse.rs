//! Processes and threads that get the id of one that has just ended, so that a tracer sees two of
//! the same id within one tick.

use std::fs::File;
use std::mem;
use std::os::fd::IntoRawFd;
use std::thread;

use anyhow::{Result, anyhow, bail};
use nix::errno::Errno;
use nix::unistd::Pid;

use super::World;
use super::hand::Hand;
use super::io::Held;
use super::ledger::Shared;
use super::process::{as_leaf, reap};
use crate::work::protocol::this_tid;
use crate::work::random::Random;

/// Lives of one id.
const LIVES: usize = 30;

/// Steps of each.
const STEPS: u64 = 12;

/// What an id is of.
#[derive(Clone, Copy)]
enum Life {
    Thread,
    Process,
}

/// Lets one id be that of many threads of this process, and another one that of many processes.
pub fn each_apart(world: &World, random: &mut Random) -> Result<()> {
    again_and_again(&[Life::Thread; LIVES], world, random)?;
    again_and_again(&[Life::Process; LIVES], world, random)
}

/// Lets one id be that of a process, then of a thread of this one, and so on.
pub fn in_turn(world: &World, random: &mut Random) -> Result<()> {
    again_and_again(&[Life::Thread, Life::Process].repeat(LIVES), world, random)
}

fn again_and_again(lives: &[Life], world: &World, random: &mut Random) -> Result<()> {
    let mut id = None;
    for life in lives {
        let next = match life {
            Life::Thread => Some(thread_with(id, world, random)?),
            Life::Process => process_with(id, world, random)?,
        };
        // Others on this machine may be quicker, and only root may choose.
        if next.is_some() && next == id {
            world.ledger.add(Shared::Reused, 1);
        }
        id = next;
    }
    Ok(())
}

/// A thread that, if possible, has this id; returns the one that it has. It has left the kernel
/// when this returns, or nearly so.
fn thread_with(id: Option<u32>, world: &World, random: &mut Random) -> Result<u32> {
    if let Some(id) = id {
        // The kernel takes the next number that is free. Without the right to say so it takes any.
        let last = File::options()
            .write(true)
            .open("/proc/sys/kernel/ns_last_pid");
        if let Ok(last) = last {
            let mut last = Held::own(last.into_raw_fd(), world.ledger)?;
            last.write((id - 1).to_string().as_bytes());
        }
    }
    let random = Random::new(random.next());
    world.ledger.add(Shared::Threads, 1);
    thread::scope(|scope| {
        let thread = scope.spawn(move || {
            Hand::new(world, random).work(STEPS)?;
            Ok::<_, anyhow::Error>(this_tid())
        });
        thread
            .join()
            .map_err(|_panic| anyhow!("a thread panicked"))?
    })
}

/// A process that has this id, or any; nothing when the id is not free or may not be chosen.
fn process_with(id: Option<u32>, world: &World, random: &mut Random) -> Result<Option<u32>> {
    let ids: Vec<_> = id.iter().map(|id| id.cast_signed()).collect();
    // SAFETY: numbers and pointers, for which zero is a value.
    let mut arguments: libc::clone_args = unsafe { mem::zeroed() };
    arguments.exit_signal = libc::SIGCHLD as u64;
    arguments.set_tid = ids.as_ptr() as u64;
    arguments.set_tid_size = ids.len() as u64;
    if ids.is_empty() {
        arguments.set_tid = 0;
    }
    let mut random = Random::new(random.next());
    let size = size_of::<libc::clone_args>();
    // SAFETY: a fork, by a process whose other threads have ended; the arguments live, and are as
    // long as said.
    match unsafe { libc::syscall(libc::SYS_clone3, &raw mut arguments, size) } {
        0 => as_leaf(world, &mut random),
        -1 => match Errno::last() {
            Errno::EEXIST | Errno::EPERM => Ok(None),
            error => bail!("clone3: {error}"),
        },
        child => {
            let child = Pid::from_raw(libc::pid_t::try_from(child)?);
            reap(child)?;
            Ok(Some(child.as_raw().cast_unsigned()))
        }
    }
}
