//! Disk I/O of processes as `procs` tells it, against the accounts that the kernel gives the
//! processes themselves.

mod children;
mod exact;
mod refused;
mod replayed;
mod syncs;
mod text;
mod users;

use super::Scenario;

pub const SCENARIOS: &[Scenario] = &[
    exact::DIRECT,
    exact::CANCELLED,
    exact::THREADS,
    exact::ONE_THREAD,
    exact::END_TOGETHER,
    syncs::SYNCS,
    syncs::ON_OVERLAY,
    users::BY_USER,
    children::WITH_BPF,
    children::WITHOUT_BPF,
    children::OF_PARENT,
    text::TEXT,
    text::OF_A_USER,
    replayed::REPLAYED,
    refused::USAGE,
];
