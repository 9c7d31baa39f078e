//! PostgreSQL, from a new cluster to its end.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::{missing, program, witness};
use crate::harness::{Context, Skip, plain};
use crate::machine;

/// It does not run as root. This is `nobody`.
const UID: u32 = 65534;

/// `$1` has the programs, `$2` libraries that are missing, `$3` is the directory, and each client
/// does `$4` transactions. The server has little memory, so that it must write and read again.
const CLUSTER: &str = r#"
export PATH="$1:$PATH" LD_LIBRARY_PATH="$2" PGHOST="$3" PGUSER=postgres LC_ALL=C TZ=UTC
cd "$3"
initdb --pgdata=data --username=postgres --auth=trust --no-locale --encoding=UTF8 --wal-segsize=1
cat >> data/postgresql.conf <<END
listen_addresses = ''
unix_socket_directories = '$3'
shared_buffers = 2MB
max_wal_size = 8MB
min_wal_size = 2MB
jit = off
END
pg_ctl --pgdata=data --wait --timeout=200 --log=log start
createdb bench
pgbench --initialize --quiet --scale=1 bench
pgbench --client=2 --transactions="$4" --no-vacuum bench
psql --no-psqlrc --quiet --dbname=bench --set=ON_ERROR_STOP=1 \
    --command='CHECKPOINT' --command='DELETE FROM pgbench_accounts WHERE aid % 2 = 0' \
    --command='VACUUM FULL pgbench_accounts' --command='SELECT count(*) FROM pgbench_history' \
    --tuples-only --no-align --output=count
pg_ctl --pgdata=data --wait --timeout=200 --mode=fast stop
"#;

pub fn run(context: &Context) -> Result<()> {
    Skip::unless_root("PostgreSQL must get another user")?;
    let transactions = if machine::is_emulated() { 20 } else { 1000 };
    let packages = Packages::find(context)?;
    let programs = packages.programs(context)?;
    let libraries = packages.root.join("missing-libraries");
    let dir = context.make_dir("work")?;
    chown(&dir, Some(UID), Some(UID))?;

    let (shell, unshare) = (program(context, "sh")?, program(context, "unshare")?);
    let setpriv = program(context, "setpriv")?;
    let (script, count) = (format!("set -e\n{CLUSTER}"), transactions.to_string());
    let (user, group) = (format!("--reuid={UID}"), format!("--regid={UID}"));
    let words = [
        // All ends with the first process of this namespace, whatever became of its parent.
        plain(&unshare)?,
        "--pid",
        "--fork",
        "--kill-child",
        plain(&setpriv)?,
        &user,
        &group,
        "--clear-groups",
        plain(&shell)?,
        "-c",
        &script,
        "sh",
        plain(&programs)?,
        plain(&libraries)?,
        plain(&dir)?,
        &count,
    ];
    let sum = witness::run(context, &words)?.agree(&dir)?;
    let done = fs::read_to_string(dir.join("count"))?;
    ensure!(
        done.trim() == (2 * transactions).to_string(),
        "PostgreSQL has {done} transactions"
    );
    ensure!(sum.reads > 0 && sum.writes > 2 * transactions, "only {sum}");
    Ok(())
}

/// Where PostgreSQL is.
struct Packages {
    root: PathBuf,
    is_mounted: bool,
}

impl Packages {
    /// Below the option's directory, which another user may not reach: so it is put where the
    /// scenario's files are. Nobody writes there.
    fn find(context: &Context) -> Result<Self> {
        let Some(unpacked) = &context.apps().postgres else {
            return Ok(Self {
                root: "/".into(),
                is_mounted: false,
            });
        };
        let root = context.make_dir("postgres")?;
        let nothing: Option<&str> = None;
        mount(Some(unpacked), &root, nothing, MsFlags::MS_BIND, nothing)
            .with_context(|| format!("cannot mount {}", unpacked.display()))?;
        let packages = Self {
            root,
            is_mounted: true,
        };
        let read_only = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
        mount(nothing, &packages.root, nothing, read_only, nothing)?;
        Ok(packages)
    }

    /// The directory of its programs, which has the version in its name.
    fn programs(&self, context: &Context) -> Result<PathBuf> {
        let versions = fs::read_dir(self.root.join("usr/lib/postgresql"));
        let programs = versions.into_iter().flatten().flatten();
        let mut programs = programs.map(|version| version.path().join("bin"));
        let has_all = |dir: &PathBuf| {
            let all = ["initdb", "postgres", "pgbench"];
            all.iter().all(|name| Path::new(dir).join(name).is_file())
        };
        match programs.find(has_all) {
            Some(programs) => Ok(programs),
            None => missing(
                context,
                "initdb, postgres and pgbench in usr/lib/postgresql",
            ),
        }
    }
}

impl Drop for Packages {
    fn drop(&mut self) {
        if self.is_mounted {
            // Else it goes with the mount namespace; what is in it can not be removed.
            umount2(&self.root, MntFlags::MNT_DETACH).ok();
        }
    }
}
