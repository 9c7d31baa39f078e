//! The fold alone: sums, order, limits, filters.

mod files;

use std::sync::Arc;

use bytes::Bytes;
use clap::Parser as _;

use super::{
    args::Config,
    fold::Fold,
    rows::{Row, Subject, TickRow},
};
use crate::{
    cli::{Cli, Command},
    error::Error,
    event::{Accounts, Container, Facts, Proc, Tick, Usage},
    output::{Screen, ndjson},
    system::users::Users,
};

fn parsed(arguments: &str) -> Result<Config, Error> {
    let words = ["iotrace", "procs"];
    let words = words.into_iter().chain(arguments.split_whitespace());
    match Cli::try_parse_from(words).expect("a command line").command {
        Command::Procs(args) => args.config(Screen::default()),
        _ => panic!("another command"),
    }
}

fn config(arguments: &str) -> Config {
    parsed(arguments).expect("a config")
}

fn usage(read: u64, written: u64, cancelled: u64) -> Usage {
    Usage {
        disk_read_bytes: read,
        disk_write_bytes: written,
        cancelled_write_bytes: cancelled,
        read_syscalls: 1,
        read_call_bytes: 100,
        ..Usage::default()
    }
}

fn proc(pid: u32, interval: Usage, total: Usage) -> Proc {
    Proc {
        pid,
        tid: None,
        facts: Arc::new(Facts {
            uid: Some(1000 + pid % 2),
            comm: Bytes::from(format!("p{pid}")),
            unit: Some("app.service".to_owned()),
            ..Facts::default()
        }),
        accounts: Some(Accounts { interval, total }),
        io_wait_ns: Some((u64::from(pid), 1000)),
        threads: Some(1),
        ended: false,
    }
}

fn idle(pid: u32) -> Proc {
    Proc {
        accounts: Some(Accounts::default()),
        io_wait_ns: Some((0, 0)),
        ..proc(pid, Usage::default(), Usage::default())
    }
}

fn with_facts(proc: Proc, change: impl FnOnce(&mut Facts)) -> Proc {
    let mut facts = (*proc.facts).clone();
    change(&mut facts);
    Proc {
        facts: Arc::new(facts),
        ..proc
    }
}

fn procs() -> Vec<Proc> {
    vec![
        proc(1, usage(300, 0, 0), usage(300, 0, 0)),
        proc(2, usage(0, 200, 190), usage(0, 900, 890)),
        proc(3, usage(1, 50, 60), usage(5000, 50, 60)),
        proc(4, usage(100, 199, 0), usage(100, 199, 0)),
        idle(5),
    ]
}

fn fold(arguments: &str, procs: Vec<Proc>) -> (Vec<Row>, TickRow) {
    let mut fold = Fold::new(config(arguments), Users::default());
    procs.into_iter().for_each(|proc| fold.proc(proc));
    fold.end(&Tick::default(), config(arguments).rows)
}

fn one(row: &Row) -> &Proc {
    row.proc().expect("a process")
}

fn group(row: &Row) -> Option<&str> {
    match &row.subject {
        Subject::Sum { group, .. } => group.as_deref(),
        Subject::Process { .. } => panic!("no sum"),
    }
}

fn pids(rows: &[Row]) -> Vec<u32> {
    rows.iter().map(|row| one(row).pid).collect()
}

#[test]
fn rows_are_in_the_order_that_was_asked_for() {
    let order = |sort: &str| pids(&fold(&format!("-s {sort}"), procs()).0);
    assert_eq!(order("all"), [1, 4, 2, 3]);
    assert_eq!(order("rbytes"), [1, 4, 3, 2]);
    assert_eq!(order("wbytes"), [2, 4, 3, 1]);
    assert_eq!(order("cancelled"), [2, 3, 1, 4]);
    assert_eq!(order("wait"), [4, 3, 2, 1]);
    // What was dropped does not count; those that do nothing do.
    assert_eq!(order("total"), [3, 1, 4, 2, 5]);
}

#[test]
fn equals_stand_by_their_number() {
    let equals = [7, 3, 9].map(|pid| proc(pid, usage(1, 1, 0), usage(1, 1, 0)));
    assert_eq!(pids(&fold("", equals.to_vec()).0), [3, 7, 9]);
}

#[test]
fn the_sums_are_those_of_all_whatever_is_shown() {
    let (rows, tick) = fold("-r 2", procs());
    assert_eq!(rows.len(), 2);
    assert_eq!(tick.rows, 4);
    let Usage {
        disk_read_bytes,
        disk_write_bytes,
        cancelled_write_bytes,
        ..
    } = tick.total;
    assert_eq!(
        (disk_read_bytes, disk_write_bytes, cancelled_write_bytes),
        (401, 449, 250)
    );
}

#[test]
fn threads_of_the_kernel_are_rows_but_in_no_sum() {
    let kernel = with_facts(proc(9, usage(7, 7, 0), usage(7, 7, 0)), |facts| {
        facts.kernel = true;
    });
    let (rows, tick) = fold("", vec![kernel.clone(), procs().remove(0)]);
    assert_eq!(pids(&rows), [1, 9]);
    assert_eq!(tick.total.disk_read_bytes, 300);
    assert!(fold("--by user", vec![kernel]).0.is_empty());
}

#[test]
fn who_only_waits_is_shown_too() {
    let waiting = Proc {
        io_wait_ns: Some((1, 1)),
        ..idle(6)
    };
    assert_eq!(pids(&fold("", vec![waiting, idle(7)]).0), [6]);
}

#[test]
fn filters_leave_out_of_rows_and_sums() {
    let of = |arguments: &str| {
        let (rows, tick) = fold(arguments, procs());
        (pids(&rows), tick.total.disk_read_bytes)
    };
    assert_eq!(of("-p 4"), (vec![4], 100));
    assert_eq!(of("-u 1001"), (vec![1, 3], 301));
    assert_eq!(of("-n p3"), (vec![3], 1));
    assert_eq!(of("-n cat"), (vec![], 0));
}

#[test]
fn processes_that_are_not_told_of_again_are_there_until_they_end() {
    let config = config("-a");
    let mut fold = Fold::new(config, Users::default());
    let tick = Tick::default();
    procs().into_iter().for_each(|proc| fold.proc(proc));
    assert_eq!(fold.end(&tick, None).0.len(), 5);
    let (rows, sums) = fold.end(&tick, None);
    assert_eq!(pids(&rows), [1, 2, 3, 4, 5]);
    assert_eq!(sums.total, Usage::default());
    assert!(
        rows.iter()
            .all(|row| !row.interval.expect("accounts").is_any())
    );
    assert_eq!(rows[2].total(), Some(usage(5000, 50, 60)));
    assert!(rows.iter().all(|row| row.waited_ns == Some(0)));
    fold.proc(Proc {
        ended: true,
        ..proc(3, usage(9, 0, 0), usage(5009, 50, 60))
    });
    let (rows, _) = fold.end(&tick, None);
    assert_eq!(pids(&rows), [3, 1, 2, 4, 5]);
    assert!(one(&rows[0]).ended);
    assert_eq!(pids(&fold.end(&tick, None).0), [1, 2, 4, 5]);
}

#[test]
fn without_all_nobody_is_remembered() {
    let mut fold = Fold::new(config(""), Users::default());
    procs().into_iter().for_each(|proc| fold.proc(proc));
    fold.end(&Tick::default(), None);
    assert!(fold.end(&Tick::default(), None).0.is_empty());
}

#[test]
fn what_ended_is_a_row_with_what_it_did_last() {
    let ended = Proc {
        ended: true,
        threads: None,
        ..proc(8, usage(10, 0, 0), usage(70, 0, 0))
    };
    let (rows, _) = fold("", vec![ended]);
    assert!(one(&rows[0]).ended);
    assert_eq!(
        rows[0].interval.map(|usage| usage.disk_read_bytes),
        Some(10)
    );
}

#[test]
fn of_whom_nothing_may_be_known_is_shown_when_all_are() {
    let secret = Proc {
        accounts: None,
        io_wait_ns: None,
        ..idle(6)
    };
    assert!(fold("", vec![secret.clone()]).0.is_empty());
    let (rows, _) = fold("-a", vec![secret]);
    assert_eq!(one(&rows[0]).accounts, None);
}

#[test]
fn users_are_summed_by_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("passwd");
    std::fs::write(&path, "alice:x:1001:1:::\n").expect("a file");
    let mut fold = Fold::new(config("--by user"), Users::read(&path));
    procs().into_iter().for_each(|proc| fold.proc(proc));
    fold.proc(with_facts(
        proc(10, usage(1, 0, 0), usage(1, 0, 0)),
        |facts| {
            facts.uid = None;
        },
    ));
    let (rows, tick) = fold.end(&Tick::default(), None);
    let sums: Vec<_> = rows
        .iter()
        .map(|row| {
            let Subject::Sum { processes, .. } = row.subject else {
                panic!("no sum");
            };
            let read = row.interval.map_or(0, |usage| usage.disk_read_bytes);
            (group(row), processes, read, row.waited_ns.unwrap_or(0))
        })
        .collect();
    assert_eq!(
        sums,
        [
            (Some("1000"), 2, 100, 6),
            (Some("alice"), 2, 301, 4),
            (None, 1, 1, 10),
        ]
    );
    // Totals of who is idle would be missing in it.
    assert!(rows.iter().all(|row| row.total().is_none()));
    assert_eq!(tick.rows, 3);
    // Nor is the sum of those who belong nowhere one of them.
    let mut record = Vec::new();
    ndjson::write(&mut record, "proc", super::PROC_FIELDS, &rows[2]);
    let record = String::from_utf8(record).expect("UTF-8");
    assert!(!record.contains("\"pid\""), "{record}");
    assert!(record.contains("\"processes\":1,"), "{record}");
}

#[test]
fn a_container_comes_before_its_unit() {
    let container = |pod: Option<&str>| Container {
        runtime: "docker".to_owned(),
        id: "0123456789ab".to_owned(),
        pod: pod.map(str::to_owned),
    };
    let mut all = procs();
    all[0] = with_facts(all[0].clone(), |facts| {
        facts.container = Some(container(None))
    });
    all[1] = with_facts(all[1].clone(), |facts| {
        facts.container = Some(container(Some("u-1")));
    });
    all[2] = with_facts(all[2].clone(), |facts| facts.unit = None);
    let (rows, _) = fold("--by container", all);
    let groups: Vec<_> = rows.iter().map(group).collect();
    assert_eq!(
        groups,
        [
            Some("docker/0123456789ab"),
            Some("app.service"),
            Some("docker/0123456789ab (pod u-1)"),
            None,
        ]
    );
}

#[test]
fn threads_are_instead_of_processes() {
    let thread = Proc {
        tid: Some(11),
        ..proc(1, usage(300, 0, 0), usage(300, 0, 0))
    };
    let all = [procs(), vec![thread]].concat();
    assert_eq!(fold("", all.clone()).0.len(), 4);
    let (rows, tick) = fold("-t", all);
    assert_eq!(one(&rows[0]).tid, Some(11));
    assert_eq!((rows.len(), tick.total.disk_read_bytes), (1, 300));
    assert!(parsed("-t --by user").is_err());
    assert!(parsed("--files --by user").is_err());
}

#[test]
fn the_largest_numbers_stay_what_they_are() {
    let most = Usage {
        disk_read_bytes: u64::MAX,
        disk_write_bytes: u64::MAX,
        cancelled_write_bytes: u64::MAX,
        read_syscalls: u64::MAX,
        write_syscalls: u64::MAX,
        read_call_bytes: u64::MAX,
        write_call_bytes: u64::MAX,
    };
    let all = [1, 2].map(|pid| Proc {
        io_wait_ns: Some((u64::MAX, u64::MAX)),
        ..proc(pid, most, most)
    });
    let (rows, tick) = fold("--by container", all.to_vec());
    assert_eq!(rows[0].interval, Some(most));
    assert_eq!(tick.total, most);
}
