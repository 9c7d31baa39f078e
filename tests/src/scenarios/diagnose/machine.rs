//! Culprits that are no process of their own: a container, and an array of disks.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::watch::{end, judge, start};
use crate::harness::{Capture, Context, Process, SOON, Skip, WORK};
use crate::scenarios::Scenario;

pub const CONTAINER: Scenario = Scenario {
    name: "diagnose_container",
    proves: "a writer in a cgroup as Docker makes it is named with the container",
    run: container,
};

pub const ARRAY: Scenario = Scenario {
    name: "diagnose_array_check",
    proves: "the check of a RAID 1 on loop devices is named, as work of the kernel, and an \
             application beside it is ruled out",
    run: array,
};

const CONTAINER_ID: &str = "5f0c3a9e1d2b4c6f8a7e5f0c3a9e1d2b4c6f8a7e5f0c3a9e1d2b4c6f8a7e0123";

/// As Docker shows it.
const SHORT_ID: &str = CONTAINER_ID.split_at(12).0;

/// A cgroup, which goes when its processes are gone.
struct Cgroup(PathBuf);

impl Cgroup {
    fn new(name: &str) -> Result<Self> {
        let mounts = fs::read_to_string("/proc/mounts")?;
        let mut mounts = mounts.lines().map(|line| line.split(' '));
        let root = mounts.find_map(|mut words| {
            let point = words.nth(1)?;
            (words.next()? == "cgroup2").then_some(point)
        });
        let path = PathBuf::from(root.context("no cgroup2 is mounted")?).join(name);
        fs::create_dir(&path).with_context(|| format!("no cgroup {name}"))?;
        Ok(Self(path))
    }

    fn take(&self, pid: u32) -> Result<()> {
        Ok(fs::write(self.0.join("cgroup.procs"), pid.to_string())?)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

fn container(context: &Context) -> Result<()> {
    Skip::unless_root("only root makes cgroups")?;
    let cgroup = Cgroup::new(&format!("docker-{CONTAINER_ID}.scope"))?;
    let (writer, app) = (start(context, "write", None)?, start(context, "app", None)?);
    cgroup.take(writer.pid())?;
    judge(context, &[writer.pid(), app.pid()], &["4"], |verdict| {
        verdict.accuses("process", writer.pid())?;
        let culprit = verdict.culprit.as_ref().context("no culprit")?;
        ensure!(
            culprit.runtime.as_deref() == Some("docker")
                && culprit.container.as_deref() == Some(SHORT_ID)
                && verdict
                    .sentence
                    .contains(&format!("container docker/{SHORT_ID}")),
            "which container? {verdict:#?}"
        );
        verdict.clears(app.pid())
    })?;
    end([writer, app])
}

/// Makes a RAID 1 without mdadm, by the files in sysfs (Documentation/admin-guide/md.rst), and has
/// it checked until stdin ends. Its disks are not in the cache.
const CHECK: &str = r#"
set -e
cd "$1"
array=/sys/block/md_iotrace/md
loops=
clean() {
    [ ! -e $array ] || echo clear > $array/array_state
    for loop in $loops; do losetup -d $loop; done
}
trap clean EXIT
echo md_iotrace > /sys/module/md_mod/parameters/new_array
echo none > $array/metadata_version
echo raid1 > $array/level
echo 2 > $array/raid_disks
echo 140000 > $array/component_size
for slot in 0 1; do
    dd if=/dev/zero of=half-$slot bs=1M count=150 oflag=direct 2>/dev/null
    loop=$(losetup -f)
    losetup $loop half-$slot
    loops="$loops $loop"
    cat /sys/block/${loop#/dev/}/dev > $array/new_dev
    echo $slot > $array/dev-${loop#/dev/}/slot
done
echo none > $array/resync_start
echo active > $array/array_state
echo 6000 > $array/sync_speed_min
echo 6000 > $array/sync_speed_max
# What it does when it has just begun ends soon.
for _ in 1 2 3 4 5 6 7 8 9; do
    if echo check > $array/sync_action; then break; fi
    sleep 0.5
done 2>/dev/null
[ "$(cat $array/sync_action)" = check ]
echo begins
read -r _ || true
echo idle > $array/sync_action
"#;

fn array(context: &Context) -> Result<()> {
    Skip::unless_root("only root makes arrays")?;
    if !PathBuf::from("/sys/module/md_mod/parameters/new_array").exists() {
        return Skip::because("the kernel has no md");
    }
    let dir = context.make_dir("array")?;
    let mut command = Command::new("sh");
    command.args(["-c", CHECK, "sh"]).arg(dir);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut check = Process::spawn(context, "check", &mut command)?;
    let stdin = check.stdin()?;
    let stdout = Capture::start(check.stdout()?);
    stdout.wait_for("begin of the check", WORK, |bytes| {
        bytes.starts_with(b"begins\n").then_some(())
    })?;
    let app = start(context, "app", None)?;
    judge(context, &[app.pid()], &["4"], |verdict| {
        ensure!(
            verdict.cause == "scrub" && verdict.culprit.is_none(),
            "not the check: {verdict:#?}"
        );
        verdict.has_evidence(&["md_iotrace", "check"])?;
        verdict.clears(app.pid())
    })?;
    drop(stdin);
    check.expect_exit(0, SOON)?;
    end([app])
}
