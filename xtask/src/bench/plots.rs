//! The curves that are drawn.

use anyhow::Result;

use super::record::Record;
use super::svg::{Plot, Scale, Series};
use crate::process::write;
use crate::workspace;

/// One drawing: its file, the plots of the measuring program in it, and its words.
struct Drawing {
    file: &'static str,
    plot: &'static str,
    title: &'static str,
    below: &'static str,
    left: &'static str,
    scale: Scale,
}

const DRAWINGS: [Drawing; 4] = [
    Drawing {
        file: "docs/img/cost-pairs.svg",
        plot: "pairs",
        title: "1-byte pread under top, fentry",
        below: "live (thread, file) pairs",
        left: "added instructions",
        scale: Scale::Logarithmic,
    },
    Drawing {
        file: "docs/img/cost-threads.svg",
        plot: "threads",
        title: "1-byte pread under top, fentry, each thread its own file",
        below: "threads",
        left: "added instructions",
        scale: Scale::Linear,
    },
    Drawing {
        file: "docs/img/cost-refresh.svg",
        plot: "refresh",
        title: "A table of top whose rows were there before",
        below: "rows printed",
        left: "instructions",
        scale: Scale::Logarithmic,
    },
    Drawing {
        file: "docs/img/cost-refresh-new.svg",
        plot: "refresh of new pairs",
        title: "A table of top all of whose rows are new",
        below: "rows printed",
        left: "instructions",
        scale: Scale::Logarithmic,
    },
];

/// What links them in the document.
pub const LINKS: &str = "
![Added instructions per pread as (thread, file) pairs grow](img/cost-pairs.svg)

![Added instructions per pread as threads grow](img/cost-threads.svg)

![Instructions of a refresh as rows grow](img/cost-refresh.svg)

![Instructions of a refresh of new rows as rows grow](img/cost-refresh-new.svg)
";

/// Draws them all, if there is anything to draw.
pub fn save(records: &[Record]) -> Result<bool> {
    let mut any = false;
    for drawing in &DRAWINGS {
        let series = series(records, drawing.plot);
        if series.is_empty() {
            continue;
        }
        any = true;
        let plot = Plot {
            title: drawing.title,
            below: drawing.below,
            left: drawing.left,
            scale: drawing.scale,
            series,
        };
        eprintln!("xtask: drawing {}", drawing.file);
        write(&workspace::root().join(drawing.file), plot.render())?;
    }
    Ok(any)
}

/// The curves of one plot, in the order in which they came.
fn series(records: &[Record], wanted: &str) -> Vec<Series> {
    let mut all: Vec<Series> = Vec::new();
    for record in records {
        let Record::Point { plot, series, x, y } = record else {
            continue;
        };
        if plot != wanted {
            continue;
        }
        match all.iter_mut().find(|found| found.name == *series) {
            Some(found) => found.points.push((*x, *y)),
            None => all.push(Series {
                name: series.clone(),
                points: vec![(*x, *y)],
            }),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_become_curves() {
        let point = |plot: &str, series: &str, x| Record::Point {
            plot: plot.to_owned(),
            series: series.to_owned(),
            x,
            y: 2.0 * x,
        };
        let records = [
            point("pairs", "a", 1.0),
            point("threads", "a", 7.0),
            point("pairs", "b", 1.0),
            point("pairs", "a", 2.0),
        ];
        let found = series(&records, "pairs");
        let names: Vec<_> = found.iter().map(|series| &*series.name).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(found[0].points, [(1.0, 2.0), (2.0, 4.0)]);
    }

    #[test]
    fn every_drawing_is_linked() {
        for drawing in &DRAWINGS {
            let name = drawing.file.trim_start_matches("docs/");
            assert!(LINKS.contains(name), "{name}");
        }
    }
}
