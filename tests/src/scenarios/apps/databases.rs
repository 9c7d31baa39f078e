//! Databases under load.

use std::fs;

use anyhow::{Result, ensure};

use super::{postgres, program, witness};
use crate::harness::{Context, plain};
use crate::machine;
use crate::scenarios::Scenario;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "apps_sqlite",
        proves: "two writers of one SQLite database in WAL mode: each process's operations and bytes \
                 of each file are what strace saw",
        run: sqlite,
    },
    Scenario {
        name: "apps_postgres",
        proves: "the same for PostgreSQL: a new cluster, two clients that write, checkpoints, the end",
        run: postgres::run,
    },
];

/// `$1` is the program, `$2` the directory. What each says is not looked at.
const WRITERS: &str = r#"
cd "$2"
"$1" db 'PRAGMA journal_mode=WAL; CREATE TABLE t(k INTEGER PRIMARY KEY, w TEXT, v TEXT);'
"$1" -cmd '.timeout 60000' db < one & one=$!
"$1" -cmd '.timeout 60000' db < two & two=$!
wait $one
wait $two
"$1" db 'PRAGMA wal_checkpoint(TRUNCATE); VACUUM; SELECT count(*), sum(length(v)) FROM t;' > sums
"#;

fn sqlite(context: &Context) -> Result<()> {
    let transactions = if machine::is_emulated() { 100 } else { 1500 };
    let shell = program("sh")?;
    let sqlite = program("sqlite3")?;
    let dir = context.make_dir("work")?;
    for writer in ["one", "two"] {
        let mut text = String::from("PRAGMA synchronous=NORMAL;\n");
        for number in 0..transactions {
            text += &format!(
                "BEGIN IMMEDIATE; INSERT INTO t(w, v) VALUES('{writer}', '{}'); COMMIT;\n",
                "x".repeat(number % 500)
            );
        }
        fs::write(dir.join(writer), text)?;
    }
    let script = format!("set -e\n{WRITERS}");
    let words = [
        plain(&shell)?,
        "-c",
        &script,
        "sh",
        plain(&sqlite)?,
        plain(&dir)?,
    ];
    let sum = witness::run(context, &words)?.agree(&dir)?;
    let sums = fs::read_to_string(dir.join("sums"))?;
    let last = sums.lines().last().unwrap_or_default();
    ensure!(
        last.starts_with(&format!("{}|", 2 * transactions)),
        "SQLite has {sums}"
    );
    ensure!(sum.writes > 2 * transactions as u64, "only {sum}");
    Ok(())
}
