//! What tracing may cost at most.

use std::fmt;

use super::figures::Figures;
use super::table::whole;

/// One promise.
struct Budget {
    tracer: &'static str,
    workload: &'static str,
    limit: Limit,
    /// What is known not to be kept, by kernel, as it was measured; more than that is a failure again.
    misses: &'static [(&'static str, f64)],
}

/// Added instructions per call.
enum Limit {
    /// On 6.12, and on others.
    AtMost(f64, f64),
    /// Those that this tracer adds.
    Below(&'static str),
}

/// All of them; docs/performance.md and DESIGN say why.
const BUDGETS: [Budget; 4] = [
    Budget {
        tracer: "top fentry",
        workload: "pread",
        limit: Limit::AtMost(300.0, 330.0),
        misses: &[],
    },
    Budget {
        tracer: "opens fentry",
        workload: "open+close",
        limit: Limit::AtMost(4_000.0, 4_000.0),
        // They have not the means to load from any address.
        misses: &[("5.10", 5_640.0), ("6.1", 4_900.0)],
    },
    // No hook on it: what is left is how exactly can be measured.
    Budget {
        tracer: "top fentry",
        workload: "getppid",
        limit: Limit::AtMost(3.0, 3.0),
        misses: &[],
    },
    Budget {
        tracer: "top kprobe",
        workload: "pread",
        limit: Limit::Below("filetop"),
        misses: &[("5.10", 1_850.0), ("6.1", 1_520.0)],
    },
];

/// How much more than a known miss is still the same.
const SAME: f64 = 1.02;

/// What came of one promise.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    what: String,
    outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    Kept { added: f64, limit: f64 },
    KnownMiss { added: f64, limit: f64 },
    Broken { added: f64, limit: f64 },
    NotMeasured,
}

impl Verdict {
    pub fn is_broken(&self) -> bool {
        matches!(self.outcome, Outcome::Broken { .. } | Outcome::NotMeasured)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, added, limit) = match self.outcome {
            Outcome::NotMeasured => return write!(f, "budget broken: {}: not measured", self.what),
            Outcome::Kept { added, limit } => ("budget kept", added, limit),
            Outcome::KnownMiss { added, limit } => ("budget missed, as is known", added, limit),
            Outcome::Broken { added, limit } => ("budget broken", added, limit),
        };
        let (added, limit) = (whole(added), whole(limit));
        write!(f, "{word}: {}: {added} of {limit} instructions", self.what)
    }
}

/// Compares what was measured on a kernel with every budget.
pub fn judge(figures: &Figures, kernel: &str) -> Vec<Verdict> {
    let verdict = |budget: &Budget| Verdict {
        what: format!("{}, {}, on {kernel}", budget.tracer, budget.workload),
        outcome: budget
            .judge(figures, kernel)
            .unwrap_or(Outcome::NotMeasured),
    };
    BUDGETS.iter().map(verdict).collect()
}

impl Budget {
    /// Nothing when it was not measured.
    fn judge(&self, figures: &Figures, kernel: &str) -> Option<Outcome> {
        let added = figures.added(self.tracer, self.workload)?.median;
        let limit = match self.limit {
            Limit::AtMost(limit, _) if kernel == super::KERNEL => limit,
            Limit::AtMost(_, elsewhere) => elsewhere,
            Limit::Below(other) => figures.added(other, self.workload)?.median,
        };
        let is_kept = match self.limit {
            Limit::AtMost(..) => added.round() <= limit,
            Limit::Below(_) => added < limit,
        };
        Some(if is_kept {
            Outcome::Kept { added, limit }
        } else if self.is_known(kernel, added) {
            Outcome::KnownMiss { added, limit }
        } else {
            Outcome::Broken { added, limit }
        })
    }

    fn is_known(&self, kernel: &str, added: f64) -> bool {
        self.misses
            .iter()
            .any(|(on, known)| *on == kernel && added <= known * SAME)
    }
}

#[cfg(test)]
mod tests {
    use super::super::figures::NOTHING;
    use super::super::figures::tests::call;
    use super::*;

    /// Words that the verdicts begin with.
    fn words(added: [f64; 5], kernel: &str) -> Vec<String> {
        let names = [
            ("top fentry", "pread"),
            ("opens fentry", "open+close"),
            ("top fentry", "getppid"),
            ("top kprobe", "pread"),
            ("filetop", "pread"),
        ];
        let mut records = Vec::new();
        for ((tracer, workload), added) in names.into_iter().zip(added) {
            records.push(call(0, NOTHING, workload, 1000.0));
            records.push(call(0, tracer, workload, 1000.0 + added));
        }
        let verdicts = judge(&Figures::of(&records), kernel);
        let word = |verdict: &Verdict| verdict.to_string().split(':').next().map(str::to_owned);
        verdicts.iter().filter_map(word).collect()
    }

    #[test]
    fn a_budget_is_kept_missed_or_broken() {
        let (kept, missed, broken) = ("budget kept", "budget missed, as is known", "budget broken");
        let good = [300.0, 4000.0, 3.0, 1400.0, 1412.0];
        assert_eq!(words(good, "6.12"), [kept; 4]);
        let known = [330.0, 4800.0, -1.0, 1500.0, 1412.0];
        assert_eq!(words(known, "6.12"), [broken, broken, kept, broken]);
        assert_eq!(words(known, "6.1"), [kept, missed, kept, missed]);
        let bad = [331.0, 5100.0, 4.0, 3200.0, 1412.0];
        assert_eq!(words(bad, "6.1"), [broken; 4]);
    }

    #[test]
    fn what_was_not_measured_is_not_kept() {
        let verdicts = judge(&Figures::default(), "6.12");
        assert!(verdicts.iter().all(Verdict::is_broken));
        assert!(verdicts[0].to_string().ends_with("not measured"));
    }
}
