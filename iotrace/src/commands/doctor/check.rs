//! One line of the report.

/// How a thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is there.
    Ok,
    /// It is not there.
    Missing,
    /// It is there in part, or something disturbs it.
    Reduced,
    /// It could not be found out.
    Unknown,
    /// Neither good nor bad.
    Info,
}

impl State {
    /// In NDJSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Missing => "missing",
            Self::Reduced => "reduced",
            Self::Unknown => "unknown",
            Self::Info => "info",
        }
    }

    /// In text: two characters that need no colour.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Missing => "!!",
            Self::Reduced => "--",
            Self::Unknown => "??",
            Self::Info => "..",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What it belongs to.
    pub group: &'static str,
    /// What it is.
    pub name: &'static str,
    /// How it stands.
    pub state: State,
    /// What was seen.
    pub found: Option<String>,
    /// What that means.
    pub means: Option<String>,
    /// What to do, best first.
    pub advice: Vec<String>,
}

impl Check {
    /// A line with nothing but its state.
    pub fn new(group: &'static str, name: &'static str, state: State) -> Self {
        Self {
            group,
            name,
            state,
            found: None,
            means: None,
            advice: Vec::new(),
        }
    }

    /// With what was seen.
    pub fn found(mut self, found: impl Into<String>) -> Self {
        self.found = Some(found.into());
        self
    }

    /// With what it means.
    pub fn means(mut self, means: impl Into<String>) -> Self {
        self.means = Some(means.into());
        self
    }

    /// With what to do.
    pub fn advice(mut self, advice: impl IntoIterator<Item = String>) -> Self {
        self.advice.extend(advice);
        self
    }
}
