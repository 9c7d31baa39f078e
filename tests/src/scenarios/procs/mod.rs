//! Disk I/O of processes as `procs` tells it, against the accounts that the kernel gives the
//! processes themselves.

mod children;
mod exact;
mod refused;
mod replayed;
mod text;
mod users;

use super::Scenario;

pub const SCENARIOS: &[Scenario] = &[
    exact::DIRECT,
    exact::CANCELLED,
    exact::THREADS,
    users::BY_USER,
    children::WITH_BPF,
    children::WITHOUT_BPF,
    text::TEXT,
    text::OF_A_USER,
    replayed::REPLAYED,
    refused::USAGE,
];
