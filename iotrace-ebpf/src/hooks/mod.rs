//! Attach points. Each picks the arguments and hands over to the core.

mod fentry;
mod follow;
mod syscall;

use iotrace_common::{Hook, Loss};

use crate::emit;

/// The end of every hook: what it failed to do is counted.
#[inline(always)]
fn end(hook: Hook, result: Result<(), Loss>) -> u32 {
    if let Err(loss) = result {
        emit::lost(hook, loss);
    }
    0
}
