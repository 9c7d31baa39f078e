//! The tables of figures in docs/accuracy.md: what was reported of what was done, by way into a
//! file, kernel and backend.

use std::fmt::Write;

use anyhow::Result;

use super::cells::{BACKENDS, Cell};
use super::results::{self, CellResult};
use crate::marked;

const FILE: &str = "docs/accuracy.md";

/// What one run said of its ways.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accuracy {
    ways: Vec<(String, Outcome)>,
    /// Ways that were not tried, and why.
    untried: Vec<(String, String)>,
}

/// What was reported of a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Exact,
    /// Named as not seen, and nothing was reported.
    Gap,
    Wrong {
        reported: u64,
        real: u64,
    },
}

impl Accuracy {
    /// From lines `accuracy: WAY REPORTED/REAL`, with `gap` behind it where that is allowed, and
    /// `untried: WAY: REASON`. What is said once more, by a run that was repeated, counts.
    pub fn of(output: &str) -> Self {
        let mut accuracy = Self::default();
        for line in output.lines() {
            if let Some((way, outcome)) = figures(line) {
                put(&mut accuracy.ways, way, outcome);
            } else if let Some((way, why)) = untried(line) {
                put(&mut accuracy.untried, way, why.to_owned());
            }
        }
        accuracy
    }

    fn cell(&self, way: &str) -> String {
        let found = self.ways.iter().find(|(name, _)| name == way);
        match found.map(|(_, outcome)| *outcome) {
            Some(Outcome::Exact) => "exact".to_owned(),
            Some(Outcome::Gap) => "gap".to_owned(),
            Some(Outcome::Wrong { reported, real }) => format!("{reported} of {real}"),
            None => "-".to_owned(),
        }
    }
}

fn figures(line: &str) -> Option<(&str, Outcome)> {
    let (way, rest) = line.strip_prefix("accuracy: ")?.split_once(' ')?;
    let (figures, is_gap) = match rest.strip_suffix(" gap") {
        Some(figures) => (figures, true),
        None => (rest, false),
    };
    let (reported, real) = figures.split_once('/')?;
    let (reported, real) = (reported.parse().ok()?, real.parse().ok()?);
    let outcome = match is_gap {
        true if reported == 0 => Outcome::Gap,
        false if reported == real => Outcome::Exact,
        _ => Outcome::Wrong { reported, real },
    };
    Some((way, outcome))
}

fn untried(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("untried: ")?.split_once(": ")
}

fn put<T>(list: &mut Vec<(String, T)>, way: &str, value: T) {
    match list.iter_mut().find(|(name, _)| name == way) {
        Some((_, old)) => *old = value,
        None => list.push((way.to_owned(), value)),
    }
}

/// Writes the tables of a complete run.
pub fn save(results: &[CellResult]) -> Result<()> {
    marked::put(FILE, results::COMMAND, &render(results))
}

/// A table for each backend: a line for each way, a column for each kernel.
fn render(results: &[CellResult]) -> String {
    let mut text = String::new();
    for backend in BACKENDS {
        let of_backend = |result: &&CellResult| result.cell.backend == *backend;
        let has_any = |result: &&CellResult| !result.accuracy.ways.is_empty();
        let results: Vec<_> = results.iter().filter(of_backend).filter(has_any).collect();
        if !results.is_empty() {
            table(&mut text, backend, &results);
        }
    }
    let untried = results.iter().flat_map(|result| {
        let line = |(way, why): &(String, String)| (format!("`{way}`: {why}"), result.cell);
        result.accuracy.untried.iter().map(line)
    });
    results::list(&mut text, "Not tried", untried, results.len());
    text
}

fn table(text: &mut String, backend: &str, results: &[&CellResult]) {
    let gap = if text.is_empty() { "" } else { "\n" };
    // Writing to a String can not fail.
    let _ = write!(text, "{gap}| {backend} |");
    for CellResult {
        cell: Cell { kernel, arch, .. },
        ..
    } in results
    {
        let _ = write!(text, " {kernel} {arch} |");
    }
    let _ = writeln!(text, "\n| --- |{}", " --- |".repeat(results.len()));
    let mut ways: Vec<&str> = Vec::new();
    for (way, _) in results.iter().flat_map(|result| &result.accuracy.ways) {
        if !ways.contains(&way.as_str()) {
            ways.push(way);
        }
    }
    for way in ways {
        let _ = write!(text, "| `{way}` |");
        for result in results {
            let _ = write!(text, " {} |", result.accuracy.cell(way));
        }
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Arch;
    use crate::test::cells::Part;
    use crate::test::tally::Tally;

    const OUTPUT: &str = "PASS other (1.0 s)\n\
         accuracy: plain 7/9\n\
         again: something\n\
         accuracy: plain 9/9\n\
         accuracy: io_uring 0/5 gap\n\
         untried: reflink: no: file system\n\
         FAIL paths_x: accuracy: no line\n\
         1 passed, 1 failed, 0 skipped\n";

    fn result(kernel: &'static str, backend: &'static str, output: &str) -> CellResult {
        CellResult {
            cell: Cell {
                kernel,
                arch: Arch::X86_64,
                backend,
                part: Part::All,
            },
            release: format!("{kernel}.0"),
            tally: Tally::default(),
            failed: Vec::new(),
            skipped: Vec::new(),
            accuracy: Accuracy::of(output),
        }
    }

    #[test]
    fn a_table_for_each_backend() {
        let results = [
            result("5.10", "fentry", OUTPUT),
            result(
                "6.1",
                "fentry",
                "accuracy: io_uring 3/5\naccuracy: new 0/0\n",
            ),
            result("5.10", "syscall", "accuracy: plain 1/1\n"),
            result("6.1", "syscall", "nothing\n"),
        ];
        assert_eq!(
            render(&results),
            "| fentry | 5.10 x86_64 | 6.1 x86_64 |\n\
             | --- | --- | --- |\n\
             | `plain` | exact | - |\n\
             | `io_uring` | gap | 3 of 5 |\n\
             | `new` | - | exact |\n\
             \n\
             | syscall | 5.10 x86_64 |\n\
             | --- | --- |\n\
             | `plain` | exact |\n\
             \nNot tried:\n\n- `reflink`: no: file system (5.10 x86_64 fentry)\n"
        );
    }

    #[test]
    fn a_silent_zero_is_no_gap() {
        let zero = Outcome::Wrong {
            reported: 0,
            real: 5,
        };
        assert_eq!(figures("accuracy: a 0/5"), Some(("a", zero)));
        assert_eq!(figures("accuracy: a 0/5 gap"), Some(("a", Outcome::Gap)));
        let some = Outcome::Wrong {
            reported: 5,
            real: 5,
        };
        assert_eq!(figures("accuracy: a 5/5 gap"), Some(("a", some)));
        for wrong in [
            "accuracy: a",
            "accuracy: a 5",
            "accuracy: a x/5",
            " accuracy: a 5/5",
        ] {
            assert_eq!(figures(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_file_has_the_markers() -> Result<()> {
        let text = std::fs::read_to_string(crate::workspace::root().join(FILE))?;
        assert!(marked::replace(&text, results::COMMAND, "").is_some());
        Ok(())
    }
}
