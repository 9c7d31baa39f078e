//! Starting, watching and ending processes, always within a deadline.
//!
//! Nothing here waits for a length of time to pass: every wait is for
//! something to be seen, and the error of a wait that ran out tells all that
//! was seen instead.

mod capture;
mod context;
mod guest;
mod life;
mod lines;
mod lives;
mod losses;
mod opens;
mod process;
mod procs;
mod record;
mod rows;
mod terminal;
mod top_counts;
mod tracer;
mod workload;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use capture::Capture;
pub use context::{Context, Skip, is_harmful};
pub use guest::{Listening, plain, this_program};
pub use life::{Life, Pattern};
pub use lives::Lives;
pub use losses::LeftOut;
pub use opens::{OpenCounts, Opens};
pub use process::Process;
pub use procs::{Account, Proc, Procs};
pub use record::{End, Envelope, Io, Open, Tick, parse};
pub use rows::{OF_OTHERS, Rows};
pub use terminal::Terminal;
pub use top_counts::TopCounts;
pub use tracer::{Sink, Tracer};
pub use workload::Workload;

/// How long anything may take that is quick on a real machine: software
/// emulation is 10 to 20 times slower.
pub const SOON: Duration = Duration::from_secs(60);

/// How long a workload may take.
pub const WORK: Duration = Duration::from_secs(240);

/// Locks although a thread died with the lock: what it left is still evidence.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
