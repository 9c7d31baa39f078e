//! The verdict of `diagnose`: who it accuses, of what, and whom it does not.

mod files;
mod machine;
mod others;
mod patterns;
mod stories;
pub mod watch;

use super::Scenario;

pub const SCENARIOS: &[Scenario] = &[
    stories::SERVICE,
    stories::REPLAYED,
    stories::BACKUP,
    stories::GUEST,
    patterns::LOG,
    patterns::WAL,
    patterns::SYNC,
    patterns::REWRITE,
    patterns::SCAN,
    patterns::CACHED,
    patterns::NAMES,
    patterns::IDLE,
    machine::CONTAINER,
    machine::ARRAY,
    files::BASELINE,
    files::CATALOGUE,
    files::BROKEN_CATALOGUE,
];
