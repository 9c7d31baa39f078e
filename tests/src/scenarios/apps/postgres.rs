//! PostgreSQL, from a new cluster to its end.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::{program, witness};
use crate::harness::{Context, Process, Skip, WORK, plain};
use crate::machine;

/// It does not run as root. This is `nobody`.
pub const UID: u32 = 65534;

/// `$1` has the programs, `$2` libraries that are missing, `$3` is the directory.
pub const ENVIRONMENT: &str = r#"
set -e
export PATH="$1:$PATH" LD_LIBRARY_PATH="$2" PGHOST="$3" PGUSER=postgres LC_ALL=C TZ=UTC
cd "$3"
"#;

/// The server has little memory, so that it must write and read again.
pub const CLUSTER: &str = r#"
initdb --pgdata=data --username=postgres --auth=trust --no-locale --encoding=UTF8 --wal-segsize=1
cat >> data/postgresql.conf <<END
listen_addresses = ''
unix_socket_directories = '$3'
shared_buffers = 1MB
max_wal_size = 8MB
min_wal_size = 2MB
jit = off
END
"#;

/// Each client does `$4` transactions on `$5` rows.
const LOAD: &str = r#"
pg_ctl --pgdata=data --wait --timeout=200 --log=log start
createdb bench
psql="psql --no-psqlrc --quiet --dbname=bench --set=ON_ERROR_STOP=1"
$psql --command='CREATE TABLE account(id int PRIMARY KEY, balance int, filler text)' \
    --command='CREATE TABLE history(id int, at timestamp)' \
    --command="INSERT INTO account SELECT n, 0, repeat('x', 100) FROM generate_series(1, $5) AS n"
cat > transaction <<END
\set id random(1, $5)
BEGIN;
UPDATE account SET balance = balance + 1 WHERE id = :id;
INSERT INTO history VALUES(:id, now());
COMMIT;
END
pgbench --client=2 --transactions="$4" --no-vacuum --file=transaction bench
$psql --command='CHECKPOINT' --command='DELETE FROM account WHERE id % 2 = 0' \
    --command='VACUUM FULL account'
$psql --command='SELECT count(*) FROM history' --tuples-only --no-align --output=count
pg_ctl --pgdata=data --wait --timeout=200 --mode=fast stop
"#;

pub fn run(context: &Context) -> Result<()> {
    Skip::unless_root("PostgreSQL must get another user")?;
    let packages = Packages::find(context)?;
    let programs = packages.programs()?;
    let libraries = packages.root.join("missing-libraries");
    let dir = context.make_dir("work")?;
    chown(&dir, Some(UID), Some(UID))?;
    let (transactions, rows): (u64, u64) = match machine::is_emulated() {
        true => (20, 5_000),
        false => (500, 20_000),
    };
    let (count, rows) = (transactions.to_string(), rows.to_string());
    let user = user()?;
    let words = |script| {
        let arguments = [
            plain(&programs)?,
            plain(&libraries)?,
            plain(&dir)?,
            &count,
            &rows,
        ];
        let shell = ["-c".to_owned(), script, "sh".to_owned()];
        anyhow::Ok([&user[..], &shell, &arguments.map(str::to_owned)].concat())
    };

    let mut script = format!("{ENVIRONMENT}{CLUSTER}{LOAD}");
    if machine::is_emulated() {
        // strace would make a minute of it.
        let words = words(format!("{ENVIRONMENT}{CLUSTER}"))?;
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).stdout(Stdio::null());
        Process::spawn(context, "initdb", &mut command)?.expect_exit(0, WORK)?;
        script = format!("{ENVIRONMENT}{LOAD}");
    }
    let words = words(script)?;
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let sum = witness::run(context, &words)?.agree(&dir)?;
    let done = fs::read_to_string(dir.join("count"))?;
    ensure!(
        done.trim() == (2 * transactions).to_string(),
        "PostgreSQL has {done} transactions"
    );
    ensure!(sum.reads > 0 && sum.writes > transactions, "only {sum}");
    Ok(())
}

/// What stands before the arguments of a shell that is the user of the server.
pub fn user() -> Result<Vec<String>> {
    let (unshare, setpriv) = (program("unshare")?, program("setpriv")?);
    let (uid, gid) = (format!("--reuid={UID}"), format!("--regid={UID}"));
    let shell = program("sh")?;
    let words = [
        // All ends with the first process of this namespace, whatever became of its parent.
        plain(&unshare)?,
        "--pid",
        "--fork",
        "--kill-child",
        plain(&setpriv)?,
        &uid,
        &gid,
        "--clear-groups",
        plain(&shell)?,
    ];
    Ok(words.map(str::to_owned).to_vec())
}

/// Where PostgreSQL is.
pub struct Packages {
    pub root: PathBuf,
    is_mounted: bool,
}

impl Packages {
    /// Below the option's directory, which another user may not reach: so it is put where the
    /// scenario's files are. Nobody writes there.
    pub fn find(context: &Context) -> Result<Self> {
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
    pub fn programs(&self) -> Result<PathBuf> {
        let versions = fs::read_dir(self.root.join("usr/lib/postgresql"));
        let programs = versions.into_iter().flatten().flatten();
        let mut programs = programs.map(|version| version.path().join("bin"));
        let has_all = |dir: &PathBuf| {
            let all = ["initdb", "postgres", "pgbench"];
            all.iter().all(|name| Path::new(dir).join(name).is_file())
        };
        programs
            .find(has_all)
            .context("there is no initdb, postgres and pgbench in usr/lib/postgresql")
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
