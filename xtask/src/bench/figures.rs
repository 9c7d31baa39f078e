//! What calls cost, sorted by tracer and workload.

use super::record::Record;

/// The tracer that is none.
pub const NOTHING: &str = "nothing";
/// The cheapest that there can be.
pub const FLOOR: &str = "floor";

/// Of one run of the measuring program.
#[derive(Debug, Default)]
pub struct Figures {
    /// The kernel's release.
    pub kernel: String,
    pub tracers: Vec<String>,
    pub workloads: Vec<String>,
    /// Those that could not be measured, and why.
    pub absent: Vec<(String, String)>,
    calls: Vec<Call>,
}

#[derive(Debug)]
struct Call {
    round: u32,
    tracer: String,
    workload: String,
    ns: f64,
}

/// The median of all rounds, and how far they are from each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        Some(Self {
            median: median(&values)?,
            least: *values.first()?,
            most: *values.last()?,
        })
    }
}

/// Of values in order.
pub fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(*upper);
    }
    Some((sorted[middle - 1] + upper) / 2.0)
}

impl Figures {
    pub fn of(records: &[Record]) -> Self {
        let mut figures = Self::default();
        for record in records {
            match record {
                Record::Machine { kernel, .. } => figures.kernel.clone_from(kernel),
                Record::Absent { tracer, reason } => {
                    figures.absent.push((tracer.clone(), reason.clone()));
                }
                Record::Call {
                    round,
                    tracer,
                    workload,
                    ns,
                } => {
                    put(&mut figures.tracers, tracer);
                    put(&mut figures.workloads, workload);
                    figures.calls.push(Call {
                        round: *round,
                        tracer: tracer.clone(),
                        workload: workload.clone(),
                        ns: *ns,
                    });
                }
                Record::Point { .. } | Record::Figure { .. } => {}
            }
        }
        figures
    }

    /// What a call takes, by rounds.
    fn rounds(&self, tracer: &str, workload: &str) -> impl Iterator<Item = (u32, f64)> {
        let calls = self.calls.iter();
        let of = calls.filter(move |call| call.tracer == tracer && call.workload == workload);
        of.map(|call| (call.round, call.ns))
    }

    /// The same with and without a tracer.
    pub fn pairs(&self, tracer: &str, workload: &str) -> Vec<(f64, f64)> {
        let pair = |(round, ns)| {
            let mut bare = self.rounds(NOTHING, workload);
            let (_, without) = bare.find(|(other, _)| *other == round)?;
            Some((ns, without))
        };
        self.rounds(tracer, workload).filter_map(pair).collect()
    }

    /// What it takes with nothing attached.
    pub fn bare(&self, workload: &str) -> Option<Spread> {
        Spread::of(self.rounds(NOTHING, workload).map(|(_, ns)| ns).collect())
    }

    /// What a tracer adds to it; nothing when that was not measured.
    pub fn added(&self, tracer: &str, workload: &str) -> Option<Spread> {
        let pairs = self.pairs(tracer, workload).into_iter();
        Spread::of(pairs.map(|(with, without)| with - without).collect())
    }
}

fn put(names: &mut Vec<String>, name: &str) {
    if !names.iter().any(|other| other == name) {
        names.push(name.to_owned());
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn call(round: u32, tracer: &str, workload: &str, ns: f64) -> Record {
        Record::Call {
            round,
            tracer: tracer.to_owned(),
            workload: workload.to_owned(),
            ns,
        }
    }

    #[test]
    fn a_round_is_compared_with_itself() {
        let figures = Figures::of(&[
            call(0, NOTHING, "pread", 100.0),
            call(0, "top", "pread", 130.0),
            call(1, "top", "pread", 150.0),
            call(1, NOTHING, "pread", 110.0),
            call(2, "top", "pread", 900.0),
        ]);
        let spread = Spread {
            median: 35.0,
            least: 30.0,
            most: 40.0,
        };
        assert_eq!(figures.added("top", "pread"), Some(spread));
        assert_eq!(figures.bare("pread").map(|bare| bare.median), Some(105.0));
        assert_eq!(figures.added("top", "open"), None);
        assert_eq!(figures.tracers, [NOTHING, "top"]);
    }

    #[test]
    fn medians() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[1.0, 2.0, 9.0]), Some(2.0));
        assert_eq!(median(&[1.0, 2.0, 4.0, 9.0]), Some(3.0));
    }
}
