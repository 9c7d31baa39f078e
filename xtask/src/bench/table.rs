//! The tables of what calls cost, as Markdown.

use std::fmt::Write;

use super::figures::{FLOOR, Figures, NOTHING, Spread};

/// Less than this is no price that anything could be compared with.
const NOISE: f64 = 20.0;

/// The tool that people used for the same until now.
fn peer(tracer: &str) -> Option<&'static str> {
    let peers = [
        ("top", "filetop"),
        ("filetop", "filetop"),
        ("bpftrace reads", "filetop"),
        ("opens", "opensnoop"),
        ("opensnoop", "opensnoop"),
        ("bpftrace opens", "opensnoop"),
    ];
    let found = peers.iter().find(|(begin, _)| tracer.starts_with(begin));
    found.map(|(_, peer)| *peer)
}

/// All of it: an overview, a table for each kind of call, and what is not in them.
pub fn render(figures: &Figures) -> String {
    let mut text = format!(
        "Kernel {}. Instructions that a call takes, and those that each tracer adds to it.\n\n",
        figures.kernel
    );
    overview(&mut text, figures);
    for workload in &figures.workloads {
        details(&mut text, figures, workload);
    }
    for (tracer, reason) in &figures.absent {
        // Writing to a String can not fail.
        let _ = writeln!(text, "\nNot measured: {tracer}: {reason}");
    }
    text
}

fn overview(text: &mut String, figures: &Figures) {
    let titles = figures.workloads.join(" | ");
    let _ = writeln!(text, "| tracer | {titles} |");
    let _ = writeln!(text, "| --- |{}", " --: |".repeat(figures.workloads.len()));
    for tracer in &figures.tracers {
        let _ = write!(text, "| {tracer} |");
        for workload in &figures.workloads {
            let spread = match tracer.as_str() {
                NOTHING => figures.bare(workload),
                _ => figures.added(tracer, workload),
            };
            let figure = spread.map_or_else(unknown, |spread| whole(spread.median));
            let _ = write!(text, " {figure} |");
        }
        text.push('\n');
    }
}

fn details(text: &mut String, figures: &Figures, workload: &str) {
    let bare = figures.bare(workload);
    let bare = bare.map_or_else(unknown, |spread| whole(spread.median));
    let _ = write!(
        text,
        "\n#### {workload}: {bare} without a tracer\n\n\
         | tracer | added | least to most | of its peer | of the floor |\n\
         | --- | --: | --: | --: | --: |\n"
    );
    let floor = figures.added(FLOOR, workload);
    for tracer in figures.tracers.iter().filter(|name| *name != NOTHING) {
        let Some(added) = figures.added(tracer, workload) else {
            continue;
        };
        let of_peer = peer(tracer).and_then(|peer| figures.added(peer, workload));
        let _ = writeln!(
            text,
            "| {tracer} | {} | {} to {} | {} | {} |",
            whole(added.median),
            whole(added.least),
            whole(added.most),
            ratio(added, of_peer),
            ratio(added, floor)
        );
    }
}

fn ratio(one: Spread, other: Option<Spread>) -> String {
    match other {
        Some(other) if other.median >= NOISE => format!("{:.2}", one.median / other.median),
        _ => unknown(),
    }
}

fn unknown() -> String {
    "-".to_owned()
}

/// A whole number with its thousands apart.
pub fn whole(value: f64) -> String {
    let digits = format!("{:.0}", value.abs().round());
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if value.round() < 0.0 {
        text.insert(0, '-');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::figures::tests::call;
    use super::super::record::Record;
    use super::*;

    #[test]
    fn thousands_are_apart() {
        let texts = [0.0, -0.2, 12.4, 999.6, -1234.0, 1_234_567.0].map(whole);
        assert_eq!(texts, ["0", "0", "12", "1,000", "-1,234", "1,234,567"]);
    }

    #[test]
    fn each_is_compared_with_its_own_peer() {
        assert_eq!(peer("top fentry"), Some("filetop"));
        assert_eq!(peer("opens kprobe"), Some("opensnoop"));
        assert_eq!(peer(FLOOR), None);
    }

    #[test]
    fn what_is_measured_is_shown_and_what_is_not_named() {
        let mut records = Vec::new();
        for round in 0..2 {
            let more = f64::from(round);
            records.extend([
                call(round, NOTHING, "pread", 1300.0),
                call(round, FLOOR, "pread", 1500.0),
                call(round, "top fentry", "pread", 1600.0 + more),
                call(round, "filetop", "pread", 2800.0),
            ]);
        }
        records.push(Record::Absent {
            tracer: "bpftrace reads".to_owned(),
            reason: "no".to_owned(),
        });
        let text = render(&Figures::of(&records));
        for line in [
            "| nothing | 1,300 |",
            "#### pread: 1,300 without a tracer",
            "| top fentry | 301 | 300 to 301 | 0.20 | 1.50 |",
            "| filetop | 1,500 | 1,500 to 1,500 | 1.00 | 7.50 |",
            "Not measured: bpftrace reads: no",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
    }
}
