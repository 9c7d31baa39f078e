//! What `iotrace-tests bench` prints: NDJSON.

use serde::Deserialize;

/// One line of it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Record {
    /// Where it was measured.
    Machine { kernel: String, cpus: usize },
    /// Nanoseconds that a call takes.
    Call {
        round: u32,
        tracer: String,
        workload: String,
        ns: f64,
    },
    /// A tracer that could not be measured.
    Absent { tracer: String, reason: String },
    /// A point of a curve.
    Point {
        plot: String,
        series: String,
        x: f64,
        y: f64,
    },
    /// A single figure.
    Figure {
        name: String,
        value: f64,
        unit: String,
    },
}

/// Puts lines together from what comes in pieces.
#[derive(Default)]
pub struct Collector {
    pending: Vec<u8>,
    pub records: Vec<Record>,
}

impl Collector {
    /// Takes the next piece; all lines also go to stderr, so that one sees how far it is.
    pub fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        while let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.pending.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            eprint!("{line}");
            // What else is said is not ours.
            self.records.extend(serde_json::from_str::<Record>(&line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_and_others_left_alone() {
        let mut collector = Collector::default();
        let text = "what else is said\n\
            {\"type\":\"machine\",\"kernel\":\"6.12.1\",\"cpus\":1}\n\
            {\"type\":\"call\",\"round\":0,\"tracer\":\"a b\",\"workload\":\"c\",\"ns\":1.5}\n\
            {\"type\":\"later\"}\n";
        for piece in text.as_bytes().chunks(7) {
            collector.push(piece);
        }
        let machine = Record::Machine {
            kernel: "6.12.1".to_owned(),
            cpus: 1,
        };
        let call = Record::Call {
            round: 0,
            tracer: "a b".to_owned(),
            workload: "c".to_owned(),
            ns: 1.5,
        };
        assert_eq!(collector.records, [machine, call]);
    }
}
