//! The table of results in docs/kernels.md.
//!
//! It says nothing of times, so that a run with the same outcome leaves the file as it is.

use std::fmt::Write;

use anyhow::Result;

use super::accuracy::Accuracy;
use super::cells::Cell;
use super::tally::Tally;
use crate::marked;

const FILE: &str = "docs/kernels.md";
/// What writes both tables.
pub const COMMAND: &str = "cargo xtask test";

/// What a virtual machine told about its scenarios.
#[derive(Clone, Debug)]
pub struct CellResult {
    pub cell: Cell,
    /// The kernel's, as it says itself.
    pub release: String,
    pub tally: Tally,
    pub failed: Vec<String>,
    /// Names and reasons.
    pub skipped: Vec<(String, String)>,
    pub accuracy: Accuracy,
}

/// Writes the table of a complete run.
pub fn save(results: &[CellResult]) -> Result<()> {
    marked::put(FILE, COMMAND, &render(results))
}

fn render(results: &[CellResult]) -> String {
    let mut text = String::from(
        "| kernel | architecture | backend | scenarios | passed | failed | skipped |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for result in results {
        let Cell {
            arch,
            backend,
            part,
            ..
        } = result.cell;
        let Tally {
            passed,
            failed,
            skipped,
        } = result.tally;
        // Writing to a String can not fail.
        let _ = writeln!(
            text,
            "| {} | {arch} | {backend} | {} | {passed} | {failed} | {skipped} |",
            result.release,
            part.name()
        );
    }
    let failed = results.iter().flat_map(|result| {
        let line = |name: &String| (format!("`{name}`"), result.cell);
        result.failed.iter().map(line)
    });
    list(&mut text, "Failed", failed, results.len());
    let skipped = results.iter().flat_map(|result| {
        let line = |(name, why): &(String, String)| (format!("`{name}`: {why}"), result.cell);
        result.skipped.iter().map(line)
    });
    list(&mut text, "Skipped", skipped, results.len());
    text
}

/// One line for each thing, with the cells that it is said of.
pub fn list(
    text: &mut String,
    title: &str,
    lines: impl Iterator<Item = (String, Cell)>,
    cells_in_all: usize,
) {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for (line, cell) in lines {
        match groups.iter_mut().find(|(known, _)| *known == line) {
            Some((_, cells)) => cells.push(cell.to_string()),
            None => groups.push((line, vec![cell.to_string()])),
        }
    }
    if !groups.is_empty() {
        let _ = writeln!(text, "\n{title}:\n");
    }
    for (line, cells) in groups {
        let cells = if cells.len() == cells_in_all {
            "everywhere".to_owned()
        } else {
            cells.join(", ")
        };
        let _ = writeln!(text, "- {line} ({cells})");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Arch;
    use crate::test::cells::Part;

    fn result(backend: &'static str, failed: &[&str]) -> CellResult {
        CellResult {
            cell: Cell {
                kernel: "6.1",
                arch: Arch::Aarch64,
                backend,
                part: Part::Subset,
            },
            release: "6.1.0-1".into(),
            tally: Tally {
                passed: 5,
                failed: 0,
                skipped: 1,
            },
            failed: failed.iter().map(|name| (*name).to_owned()).collect(),
            skipped: vec![("s".into(), "why".into())],
            accuracy: Accuracy::default(),
        }
    }

    #[test]
    fn a_table_with_what_did_not_pass() {
        let table = render(&[result("fentry", &["f"]), result("syscall", &[])]);
        assert_eq!(
            table,
            "| kernel | architecture | backend | scenarios | passed | failed | skipped |\n\
             | --- | --- | --- | --- | --- | --- | --- |\n\
             | 6.1.0-1 | aarch64 | fentry | subset | 5 | 0 | 1 |\n\
             | 6.1.0-1 | aarch64 | syscall | subset | 5 | 0 | 1 |\n\
             \nFailed:\n\n- `f` (6.1 aarch64 fentry)\n\
             \nSkipped:\n\n- `s`: why (everywhere)\n"
        );
    }

    #[test]
    fn the_file_has_the_markers() -> Result<()> {
        let text = std::fs::read_to_string(crate::workspace::root().join(FILE))?;
        assert!(marked::replace(&text, COMMAND, "").is_some());
        Ok(())
    }
}
