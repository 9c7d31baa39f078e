//! Why iotrace can not go on, in words that help: what failed, what follows,
//! what to do.

use std::{io, path::PathBuf};

use caps::Capability;
use thiserror::Error;

use crate::event::Lost;

/// This system can not be traced as asked. Exit code 69.
#[derive(Debug, Error)]
pub enum Unavailable {
    /// Not privileged.
    #[error(
        "missing {}: the kernel will not load tracing programs for this user.\n\
         Run it as root, for example: sudo iotrace ...",
        list_of(missing)
    )]
    Privileges {
        /// The capabilities.
        missing: Vec<Capability>,
    },
    /// The kernel does not describe its types.
    #[error(
        "cannot read the kernel's type information {}: {reason}.\n\
         Without it iotrace does not know where this kernel keeps its fields. It needs a kernel \
         built with CONFIG_DEBUG_INFO_BTF=y (all large distributions since 2021).",
        path.display()
    )]
    NoBtf {
        /// What was tried.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// The type information is there but of no use.
    #[error("cannot use the kernel's type information {}: {reason}", path.display())]
    BadBtf {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No backend could be loaded and attached.
    #[error(
        "this kernel accepts none of the ways to trace it that were tried:{}\n\
         Try another with --backend, or a kernel from 5.10 on.",
        list(tried)
    )]
    NoBackend {
        /// Each backend with the reason.
        tried: Vec<(&'static str, String)>,
    },
    /// The object did not load at all.
    #[error("cannot load the kernel programs: {reason}")]
    Object {
        /// aya's words.
        reason: String,
    },
}

fn list_of(capabilities: &[Capability]) -> String {
    let names: Vec<String> = capabilities.iter().map(Capability::to_string).collect();
    names.join(" and ")
}

fn list(tried: &[(&'static str, String)]) -> String {
    tried
        .iter()
        .map(|(name, reason)| format!("\n  {name}: {reason}"))
        .collect()
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
