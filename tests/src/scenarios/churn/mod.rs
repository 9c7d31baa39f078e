//! Files that are born and end, as `churn` tells them: every one of them, with its times, its
//! bytes, and who did it.

mod expected;
mod flood;
mod full;
mod places;
mod quantiles;
mod service;
mod ways;

use super::Scenario;

pub const SCENARIOS: &[Scenario] = &[
    service::OF_PID,
    service::OF_PATH,
    service::IN_PYTHON,
    ways::WAYS,
    ways::EVERYTHING,
    full::FULL,
    places::ON_TMPFS,
    places::ON_OVERLAY,
    places::ON_BTRFS,
    flood::FLOOD,
    flood::THROUGH_ONE_PAGE,
];
