//! Attach points. Each picks the arguments and hands over to the core.

mod account;
mod aio;
mod cache;
mod change_calls;
mod changes;
mod copies;
mod each;
mod ends;
mod exec;
mod fentry;
mod follow;
mod getevents;
mod kprobe;
mod layers;
mod mapped;
mod own;
mod sync;
mod syscall;
mod uring;

use aya_ebpf::EbpfContext;
use aya_log_ebpf::debug;
use iotrace_common::{Hook, Loss};

use crate::emit;

/// The end of every hook: what it failed to do is counted and, with `-vv`,
/// logged. (The log's level is a constant too: without `-vv` nothing of it is
/// left in the programs.)
///
/// Long hooks are to be `inline(always)`: nobody asks for this result, so a function of its own may
/// leave a pointer to its stack in the register of the result, which the verifier refuses.
#[inline(always)]
fn end(ctx: &impl EbpfContext, hook: Hook, result: Result<(), Loss>) -> u32 {
    if let Err(loss) = result {
        emit::lost(hook, loss);
        debug!(
            ctx,
            "hook {} lost something, cause {}", hook as u32, loss as u32
        );
    }
    0
}
