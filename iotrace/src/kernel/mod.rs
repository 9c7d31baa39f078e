//! Everything that knows aya, bpf(2) and the wire contract with the kernel
//! programs. Nothing else does.

mod attach;
pub mod btf;
mod counters;
mod errno;
mod facts;
mod findings;
mod groups;
mod layout;
mod load;
mod names;
mod object;
mod patch;
mod pinned;
mod plan;
mod probe;
mod reason;
mod request;
mod ring;
mod rows;
mod stats;
mod sys;
mod system;
mod types;
mod ways;

pub use counters::{Counters, Interval};
pub use errno::ENOTSUPP;
pub use facts::{check_privileges, map_memory};
pub use findings::{Attempt, Findings, Function, Part, Types};
pub use load::{Attached, attach};
pub use names::Names;
pub use pinned::PinnedSet;
pub use probe::{Trial, Trials};
pub use reason::Reason;
pub use request::{Backend, Changes, Opens, OwnTraffic, Request, Transfers, What, sizes};
pub use ring::Ring;
pub use system::{Lockdown, System};
pub use types::VMLINUX_BTF;
pub use ways::{Way, all as ways};
