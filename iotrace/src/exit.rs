//! Exit codes.

use std::process::ExitCode;

use crate::error::{Error, Failure};

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All done, also after Ctrl-C, SIGTERM or a closed pipe.
    Done,
    /// Failed while running.
    Failed,
    /// Wrong usage.
    Usage,
    /// This system can not trace (`EX_UNAVAILABLE`, sysexits.h).
    Unavailable,
    /// The code of the command that was traced.
    Command(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Unavailable => 69,
            Exit::Command(code) => code,
        })
    }
}

impl From<&Error> for Exit {
    fn from(error: &Error) -> Self {
        match error {
            Error::Usage(_) => Self::Usage,
            Error::Unavailable(_) => Self::Unavailable,
            // The shell's codes for a command that is not there or not runnable.
            Error::Failure(Failure::Command { source, .. }) => {
                if source.kind() == std::io::ErrorKind::NotFound {
                    Self::Command(127)
                } else {
                    Self::Command(126)
                }
            }
            Error::Failure(_) => Self::Failed,
        }
    }
}
