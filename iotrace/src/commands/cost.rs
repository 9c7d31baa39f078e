//! How what tracing cost is told.

use std::{fmt::Write as _, time::Duration};

use super::End;
use crate::{
    cost::{Cost, Measured, ProgramCost},
    event::Time,
    output::{
        Output,
        ndjson::{self, Field, field},
        table::{Column, Table, column},
        units,
    },
};

/// What a kernel program cost.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// When tracing ended.
    time: Time,
    program: ProgramCost,
    /// Of one CPU.
    share: Option<f64>,
}

/// A kernel program, with `--stats`.
pub const STATS_FIELDS: &[Field<Stats>] = &[
    field!("ts", "when tracing ended", |stats, slot| slot
        .time(stats.time)),
    field!("program", "the kernel program", |stats, slot| {
        slot.text(stats.program.program.as_bytes());
    }),
    field!(
        "runs",
        "how often it ran while iotrace traced",
        |stats, slot| { slot.number(stats.program.runs) }
    ),
    field!("run_ns", "for how long in all", |stats, slot| {
        slot.number(stats.program.run_ns);
    }),
    field!(
        "cpu_share",
        "the part of one CPU that this is",
        |stats, slot| ndjson::share(stats.share, slot)
    ),
];

/// Writes a record of each program that was measured.
pub fn write_stats(end: &End, out: &mut Output) {
    let measured = end.cost.as_ref().and_then(|cost| cost.programs.as_ref());
    for stats in measured.into_iter().flat_map(|it| rows(it, end.time)) {
        ndjson::write(out.buffer(), "stats", STATS_FIELDS, &stats);
    }
}

/// The most expensive first.
fn rows(measured: &Measured, time: Time) -> Vec<Stats> {
    let stats = |program: &ProgramCost| Stats {
        time,
        program: program.clone(),
        share: measured.share(program),
    };
    let mut rows: Vec<_> = measured.programs.iter().map(stats).collect();
    rows.sort_by(|one, other| {
        let key = |stats: &Stats| std::cmp::Reverse(stats.program.run_ns);
        key(one)
            .cmp(&key(other))
            .then_with(|| one.program.program.cmp(&other.program.program))
    });
    rows
}

// Writing to a string does not fail, so results are not looked at here.
const COLUMNS: [Column<Stats>; 4] = [
    column!("PROGRAM", 28, Left, |stats, cell| {
        cell.push_str(&stats.program.program);
    }),
    column!("RUNS", 12, Right, |stats, cell| {
        let _ = write!(cell, "{}", stats.program.runs);
    }),
    column!("NS/RUN", 8, Right, |stats, cell| {
        match stats.program.ns_per_run() {
            Some(ns) => _ = write!(cell, "{ns}"),
            None => cell.push('-'),
        }
    }),
    column!("CPU", 8, Right, |stats, cell| {
        match stats.share {
            Some(share) => cell.push_str(&percent(share)),
            None => cell.push('-'),
        }
    }),
];

/// The programs that were measured, as a table.
pub fn table(measured: &Measured) -> String {
    let table = Table::new(&COLUMNS, None);
    let mut out = Vec::new();
    table.titles(&mut out);
    for row in rows(measured, Time::default()) {
        table.row(&mut out, &row);
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// `own CPU time 15ms (0.52% of one CPU)`.
pub fn brief(cost: &Cost) -> String {
    let mut text = format!("own CPU time {}", duration(cost.cpu.total()));
    if let Some(share) = cost.share() {
        let _ = write!(text, " ({} of one CPU)", percent(share));
    }
    text
}

/// Where it went.
pub fn details(cost: &Cost) -> String {
    let mut text = format!(
        "own CPU time: {} to start; in {} of tracing {} in iotrace and {} in the kernel",
        duration(cost.start.total()),
        duration(cost.traced),
        duration(cost.cpu.user),
        duration(cost.cpu.system),
    );
    if let Some(mean) = cost.refreshes.mean() {
        let _ = write!(
            text,
            "; a refresh took {}, the longest {}",
            duration(mean),
            duration(cost.refreshes.longest)
        );
    }
    text
}

fn duration(time: Duration) -> String {
    units::duration(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

/// Two digits behind the point: a tracer that idles takes less than 0.1 %.
fn percent(share: f64) -> String {
    format!("{:.2}%", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cost::Refreshes, system::usage::CpuUsed};

    fn cost() -> Cost {
        let program = |name: &str, runs, run_ns| ProgramCost {
            program: name.to_owned(),
            runs,
            run_ns,
        };
        Cost {
            traced: Duration::from_secs(3),
            cpu: CpuUsed {
                user: Duration::from_millis(12),
                system: Duration::from_millis(3),
            },
            start: CpuUsed {
                user: Duration::from_millis(40),
                system: Duration::from_millis(20),
            },
            refreshes: Refreshes {
                count: 3,
                total: Duration::from_micros(3_600),
                longest: Duration::from_millis(2),
            },
            programs: Some(Measured {
                time: Duration::from_secs(3),
                programs: vec![
                    program("never", 0, 0),
                    program("sys_exit", 1_000_000, 150_000_000),
                ],
            }),
        }
    }

    #[test]
    fn people_are_told_in_lines() {
        let cost = cost();
        assert_eq!(brief(&cost), "own CPU time 15ms (0.50% of one CPU)");
        assert_eq!(
            details(&cost),
            "own CPU time: 60ms to start; in 3.0s of tracing 12ms in iotrace and 3.0ms in the \
             kernel; a refresh took 1.2ms, the longest 2.0ms"
        );
        let table = table(&cost.programs.unwrap_or_default());
        let lines: Vec<Vec<&str>> = table
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(
            lines,
            [
                ["PROGRAM", "RUNS", "NS/RUN", "CPU"],
                ["sys_exit", "1000000", "150", "5.00%"],
                ["never", "0", "-", "0.00%"],
            ]
        );
    }

    #[test]
    fn each_program_is_a_record() {
        let end = End {
            cost: Some(cost()),
            ..End::default()
        };
        let mut out = Output::memory();
        write_stats(&end, &mut out);
        let text = String::from_utf8(out.into_bytes()).expect("UTF-8");
        assert_eq!(
            text.lines().next(),
            Some(
                "{\"type\":\"stats\",\"ts\":\"1970-01-01T00:00:00.000000000Z\",\
                 \"program\":\"sys_exit\",\"runs\":1000000,\"run_ns\":150000000,\
                 \"cpu_share\":0.0500}"
            )
        );
        assert_eq!(text.lines().count(), 2);
    }
}
