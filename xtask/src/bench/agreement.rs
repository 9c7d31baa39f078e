//! Whether a run finds what is written down of an earlier one.

use std::collections::BTreeMap;
use std::fmt;

use super::table;

/// Two figures agree that differ by no more than this share of what is written down, or by this many
/// instructions.
const SHARE: f64 = 0.01;
const FEW: f64 = 2.0;

/// What each tracer adds to each kind of call.
type Overview<'a> = BTreeMap<(&'a str, &'a str), f64>;

/// How well two runs agree.
#[derive(Debug, PartialEq)]
pub struct Agreement {
    figures: usize,
    others: Vec<String>,
}

impl Agreement {
    /// That of two texts with tables ([`table::render`]).
    pub fn of(written: &str, found: &str) -> Self {
        let (written, found) = (overview(written), overview(found));
        let mut agreement = Self {
            figures: 0,
            others: Vec::new(),
        };
        for ((tracer, workload), then) in written {
            let Some(now) = found.get(&(tracer, workload)) else {
                continue;
            };
            agreement.figures += 1;
            let apart = (now - then).abs();
            if apart > FEW && apart > SHARE * then.abs() {
                let [then, now] = [then, *now].map(table::whole);
                let other = format!("{tracer}, {workload}: {now}, not {then}");
                agreement.others.push(other);
            }
        }
        agreement
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let agree = self.figures - self.others.len();
        let all = self.figures;
        write!(
            to,
            "{agree} of {all} figures are within 1 % of what is written down"
        )?;
        self.others
            .iter()
            .try_for_each(|other| write!(to, "\n  {other}"))
    }
}

/// The first table of a text.
fn overview(text: &str) -> Overview<'_> {
    let lines = text.lines().skip_while(|line| !line.starts_with('|'));
    let mut rows = lines.take_while(|line| line.starts_with('|')).map(cells);
    let titles = rows.next().unwrap_or_default();
    let mut figures = Overview::new();
    for row in rows {
        let Some((tracer, cells)) = row.split_first() else {
            continue;
        };
        for (title, cell) in titles.iter().skip(1).zip(cells) {
            if let Ok(figure) = cell.replace(',', "").parse() {
                figures.insert((tracer, title), figure);
            }
        }
    }
    figures
}

fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: &str = "Kernel 6.12.\n\n\
        | tracer | pread | getppid |\n| --- | --: | --: |\n\
        | nothing | 1,567 | 328 |\n| top fentry | 298 | 0 |\n| filetop | 1,413 | - |\n\n\
        | tracer | added |\n| --- | --: |\n| top fentry | 1 |\n";

    #[test]
    fn a_figure_agrees_with_itself() {
        let agreement = Agreement::of(WRITTEN, WRITTEN);
        assert_eq!((agreement.figures, agreement.others.len()), (5, 0));
    }

    #[test]
    fn what_is_apart_is_named() {
        let found = WRITTEN.replace("1,413", "1,430").replace("| 0 |", "| 2 |");
        let text = Agreement::of(WRITTEN, &found).to_string();
        let expected = "4 of 5 figures are within 1 % of what is written down\n  \
                        filetop, pread: 1,430, not 1,413";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_was_not_measured_is_not_compared() {
        let found = WRITTEN.replace("298", "-");
        assert_eq!(Agreement::of(WRITTEN, &found).figures, 4);
    }
}
