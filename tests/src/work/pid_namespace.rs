//! A command in a PID namespace of its own, as its first process and with a /proc of it: what a
//! container is to a tracer.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

/// What stands before the process id, on stderr.
pub const CHILD: &str = "in a new PID namespace: process ";

/// Options of the namespace.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The command and its arguments.
    #[arg(required = true, trailing_var_arg = true)]
    command: Vec<OsString>,
}

/// Runs the command; the value is its exit code.
pub fn run(options: &Options) -> Result<u8> {
    let nothing: Option<&str> = None;
    unshare(CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS).context("unshare")?;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(nothing, "/", nothing, private, nothing)?;
    // SAFETY: this process has one thread, so the child may do whatever the parent may.
    match unsafe { fork() }? {
        ForkResult::Child => become_first(&options.command),
        ForkResult::Parent { child } => {
            eprintln!("{CHILD}{child}");
            match waitpid(child, None)? {
                WaitStatus::Exited(_, code) => Ok(u8::try_from(code)?),
                status => bail!("the command: {status:?}"),
            }
        }
    }
}

/// Only returns when it fails.
fn become_first(command: &[OsString]) -> Result<u8> {
    set_pdeathsig(Signal::SIGKILL)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), flags, None::<&str>).context("/proc")?;
    let (program, arguments) = command.split_first().context("no command")?;
    let error = Command::new(program).args(arguments).exec();
    Err(error).with_context(|| format!("cannot run {}", program.display()))
}
