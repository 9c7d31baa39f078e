//! Why iotrace can not go on, in words that help: what failed, what follows,
//! what to do.

use std::{fmt, io, path::PathBuf};

use caps::Capability;
use thiserror::Error;

use crate::{
    advice,
    event::Lost,
    kernel::{Backend, Reason},
    output::one_line,
};

/// This system can not be traced as asked. Exit code 69.
#[derive(Debug)]
pub enum Unavailable {
    /// Not privileged.
    Privileges {
        /// The capabilities.
        missing: Vec<Capability>,
        /// How to get them.
        advice: String,
    },
    /// The kernel does not describe its types.
    NoBtf {
        /// What was tried.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// The type information is there but of no use.
    BadBtf {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No backend could be loaded and attached.
    NoBackend {
        /// Each backend with the reason.
        tried: Vec<(Backend, Reason)>,
        /// What can be done, best first.
        advice: Vec<String>,
    },
    /// The object did not load at all.
    Object {
        /// What refused, and why.
        reason: Reason,
        /// What can be done, best first.
        advice: Vec<String>,
    },
}

impl std::error::Error for Unavailable {}

/// What failed, what follows, what to do, and where to read more. `doctor` says the
/// same.
impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.found())?;
        if let Some(means) = self.means() {
            write!(f, ": {means}")?;
        }
        write!(f, ".")?;
        if let Self::NoBackend { tried, .. } = self {
            for (backend, reason) in tried {
                write!(f, "\n  {}: {reason}", backend.name())?;
            }
        }
        for advice in self.advice() {
            write!(f, "\n{advice}")?;
        }
        write!(f, "\n`iotrace doctor` shows all that this system allows.")
    }
}

impl Unavailable {
    /// What failed, in one line without a full stop.
    pub fn found(&self) -> String {
        match self {
            Self::Privileges { missing, .. } => {
                let names: Vec<String> = missing.iter().map(Capability::to_string).collect();
                format!("missing {}", names.join(" and "))
            }
            Self::NoBtf { path, reason } => format!(
                "cannot read the kernel's type information {}: {reason}",
                one_line(path)
            ),
            Self::BadBtf { path, reason } => format!(
                "cannot use the kernel's type information {}: {reason}",
                one_line(path)
            ),
            Self::NoBackend { tried, .. } => match &tried[..] {
                [(backend, _)] => format!("this kernel does not accept backend {}", backend.name()),
                _ => "this kernel accepts none of the ways to trace it that were tried".to_owned(),
            },
            Self::Object { reason, .. } => format!("cannot load the kernel programs: {reason}"),
        }
    }

    /// What follows from it.
    pub fn means(&self) -> Option<&'static str> {
        match self {
            Self::Privileges { .. } => Some(advice::WITHOUT_PRIVILEGES),
            Self::NoBtf { .. } => Some(advice::WITHOUT_TYPES),
            _ => None,
        }
    }

    /// What to do, best first.
    pub fn advice(&self) -> Vec<String> {
        match self {
            Self::Privileges { advice, .. } => vec![advice.clone()],
            Self::NoBtf { path, .. } => vec![advice::types(path)],
            Self::BadBtf { .. } => vec![advice::other_types()],
            Self::NoBackend { advice, .. } | Self::Object { advice, .. } => advice.clone(),
        }
    }
}

/// Something broke while tracing. Exit code 1.
#[derive(Debug, Error)]
pub enum Failure {
    /// A counter map could not be read.
    #[error("cannot read the {what} from the kernel: {source}")]
    Kernel {
        /// Which part.
        what: &'static str,
        /// The system's words.
        source: io::Error,
    },
    /// Writing to stdout failed, other than by a closed pipe.
    #[error("cannot write the output: {0}")]
    Output(io::Error),
    /// The command to trace did not start.
    #[error("cannot run '{command}': {source}")]
    Command {
        /// As the user gave it.
        command: String,
        /// The system's words.
        source: io::Error,
    },
    /// `--fail-on-loss` was given, and something was lost.
    #[error("lost: {0}. Exit code 1, as --fail-on-loss asks")]
    Loss(Lost),
    /// Too few files may be open at a time.
    #[error(
        "{limit} files may be open at a time, and iotrace needs {needed}: raise it with `ulimit -n {needed}`"
    )]
    Descriptors {
        /// The limit.
        limit: u64,
        /// What is enough.
        needed: u64,
    },
    /// Waiting for events, signals or the command failed.
    #[error("cannot wait for {what}: {source}")]
    Wait {
        /// For what.
        what: &'static str,
        /// The system's words.
        source: io::Error,
    },
}

/// Anything that ends the program early.
#[derive(Debug, Error)]
pub enum Error {
    /// Wrong usage that clap could not see. Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// See [`Failure`].
    #[error(transparent)]
    Failure(#[from] Failure),
}
