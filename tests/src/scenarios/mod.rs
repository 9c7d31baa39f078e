//! What iotrace promises, one family of scenarios per file.

mod anger;
mod anger_sums;
mod apps;
mod cache;
mod churn;
mod clean_ends;
mod command_ends;
mod compat;
mod cut_paths;
mod diagnose;
mod doctor;
mod fail_on_loss;
mod failed_opens;
mod filters;
mod filters_of_opens;
mod flood;
mod follow;
mod full_maps;
mod hostile_names;
mod killed_often;
mod left_behind;
mod losses;
mod losses_of_ways;
mod losses_shown;
mod maps;
mod mix;
mod names_lost;
mod own_cost;
mod own_process;
mod paths;
mod pid_namespace;
mod pread;
mod privileges;
mod procs;
mod recordings;
mod refused_requests;
mod service_opens;
mod start_up;
mod tables;
mod temp_files;
mod terminal;
mod text;
mod usage;

use anyhow::Result;

use crate::harness::Context;

/// One thing that must be true on a live kernel.
pub struct Scenario {
    /// How it is chosen on the command line.
    pub name: &'static str,
    /// What it proves, as a sentence.
    pub proves: &'static str,
    /// Proves it, or says why not.
    pub run: fn(&Context) -> Result<()>,
}

/// All scenarios, in the order in which they run.
pub fn all() -> impl Iterator<Item = &'static Scenario> {
    [
        usage::SCENARIOS,
        privileges::SCENARIOS,
        start_up::SCENARIOS,
        own_cost::SCENARIOS,
        doctor::SCENARIOS,
        temp_files::SCENARIOS,
        service_opens::SCENARIOS,
        churn::SCENARIOS,
        tables::SCENARIOS,
        pread::SCENARIOS,
        paths::SCENARIOS,
        cache::SCENARIOS,
        recordings::SCENARIOS,
        procs::SCENARIOS,
        diagnose::SCENARIOS,
        hostile_names::SCENARIOS,
        cut_paths::SCENARIOS,
        compat::SCENARIOS,
        failed_opens::SCENARIOS,
        filters::SCENARIOS,
        filters_of_opens::SCENARIOS,
        follow::SCENARIOS,
        own_process::SCENARIOS,
        pid_namespace::SCENARIOS,
        maps::SCENARIOS,
        full_maps::SCENARIOS,
        anger::SCENARIOS,
        apps::copies::SCENARIOS,
        apps::databases::SCENARIOS,
        apps::churn::SCENARIOS,
        apps::fio::SCENARIOS,
        apps::fio_mapped::SCENARIOS,
        apps::qemu::SCENARIOS,
        apps::recipes::SCENARIOS,
        apps::diagnose::SCENARIOS,
        losses::SCENARIOS,
        losses_of_ways::SCENARIOS,
        refused_requests::SCENARIOS,
        losses_shown::SCENARIOS,
        names_lost::SCENARIOS,
        fail_on_loss::SCENARIOS,
        clean_ends::SCENARIOS,
        terminal::SCENARIOS,
        command_ends::SCENARIOS,
        left_behind::SCENARIOS,
        killed_often::SCENARIOS,
        flood::SCENARIOS,
    ]
    .into_iter()
    .flatten()
}
