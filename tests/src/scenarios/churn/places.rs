//! The same files on other file systems.

use std::fs;

use anyhow::Result;

use super::service::{Watch, watch};
use crate::harness::{Context, Skip};
use crate::scenarios::Scenario;
use crate::scenarios::paths::places::Mounted;
use crate::scenarios::temp_files::rust_service_in;

pub const ON_TMPFS: Scenario = Scenario {
    name: "churn_on_tmpfs",
    proves: "a service's files in memory: each is born and ends once",
    run: |context| on(context, Mounted::tmpfs, true),
};

pub const ON_OVERLAY: Scenario = Scenario {
    name: "churn_on_overlay",
    proves: "the same on an overlay, whose layers below do all of it once more",
    run: |context| on(context, Mounted::overlay, false),
};

pub const ON_BTRFS: Scenario = Scenario {
    name: "churn_on_btrfs",
    proves: "the same on btrfs",
    run: |context| on(context, Mounted::sharing_blocks, true),
};

const REQUESTS: u64 = 2;

fn on(
    context: &Context,
    mount: fn(&Context, &str) -> Result<Mounted>,
    tells_files_apart: bool,
) -> Result<()> {
    Skip::unless_root("nothing can be mounted")?;
    let mounted = mount(context, "mounted")?;
    let dir = mounted.path().join("service");
    fs::create_dir(&dir)?;
    let service = rust_service_in(context, dir, REQUESTS)?;
    let options = ["--pid".to_owned(), service.pid().to_string()];
    let how = Watch {
        requests: REQUESTS,
        of_others: false,
        tells_files_apart,
    };
    watch(context, service, &options, how)
}
