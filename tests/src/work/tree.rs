//! A command with children (started by fork and exec) and grandchildren (by
//! fork alone): iotrace must follow both kinds and nothing else.
//!
//! Each process writes a file named by its pid, so that the directory says
//! afterwards who did how much.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, id};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

use super::protocol::bound_lifetime;
use super::tally::Tally;

const CHILDREN: usize = 3;
const GRANDCHILDREN: usize = 2;

/// Number of processes of the command.
pub const PROCESSES: usize = 1 + CHILDREN + CHILDREN * GRANDCHILDREN;

/// Options of the tree.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where each process writes a file.
    #[arg(long)]
    dir: PathBuf,
    /// The exit code, to show that it comes through.
    #[arg(long, default_value_t = 0)]
    exit_code: u8,
    /// This is a child.
    #[arg(long, hide = true)]
    child: bool,
}

/// Does its own I/O and that of its descendants; the value is the exit code.
pub fn run(options: &Options) -> Result<u8> {
    touch(&options.dir)?;
    if options.child {
        fork_all(&options.dir)?;
        return Ok(0);
    }
    let mut children = Vec::new();
    for _ in 0..CHILDREN {
        let mut command = Command::new("/proc/self/exe");
        command.args(["work", "tree", "--child", "--dir"]);
        children.push(command.arg(&options.dir).spawn()?);
    }
    for mut child in children {
        let status = child.wait()?;
        ensure!(status.success(), "a child ended with {status}");
    }
    Ok(options.exit_code)
}

fn fork_all(dir: &Path) -> Result<()> {
    let mut children = Vec::new();
    for _ in 0..GRANDCHILDREN {
        // SAFETY: this process has one thread, so the child may do whatever the parent may.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => children.push(child),
            ForkResult::Child => {
                bound_lifetime();
                let status = i32::from(touch(dir).is_err());
                // SAFETY: leaves without the parent's buffers and handlers.
                unsafe { libc::_exit(status) };
            }
        }
    }
    for child in children {
        match waitpid(child, None)? {
            WaitStatus::Exited(_, 0) => {}
            status => bail!("a grandchild: {status:?}"),
        }
    }
    Ok(())
}

/// Writes a file as long as its pid says, and reads it back.
fn touch(dir: &Path) -> Result<()> {
    let path = dir.join(id().to_string());
    let data = vec![b'x'; 1000 + id() as usize % 1000];
    let mut tally = Tally::default();
    let mut file = File::create(&path).with_context(|| format!("{}", path.display()))?;
    tally.write(&mut file, &data)?;
    tally.read_to_end(&mut File::open(&path)?, &mut [0; 4096])
}
