//! Why the kernel refused something.

use std::{error::Error, fmt, io};

use super::errno;

/// A refusal: in one line for reports, and in full for those who look for the cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What was refused: a function, a tracepoint; `None` where the text says it.
    pub at: Option<String>,
    /// Why, in one line.
    pub what: String,
    /// The error number, if the kernel gave one.
    pub errno: Option<i32>,
    /// Whether the verifier refused the program: a fault of the program, on this
    /// kernel, rather than of the system.
    pub verifier: bool,
    full: String,
}

impl Reason {
    /// What `error` and its causes tell of a program for `at`.
    pub fn new(at: &str, error: &(dyn Error + 'static)) -> Self {
        let text = with_causes(error);
        let errno = errno_of(error);
        let verdict = errno.and_then(|errno| match errno {
            libc::EACCES | libc::EINVAL => verdict(&text),
            _ => None,
        });
        let what = match (errno, verdict) {
            (_, Some(verdict)) => format!("the verifier refuses the program: {verdict}"),
            (Some(errno), None) => errno::meaning(errno),
            (None, None) => text.lines().next().unwrap_or_default().to_owned(),
        };
        Self {
            at: Some(at.to_owned()),
            what,
            errno,
            verifier: verdict.is_some(),
            full: format!("{at}: {}", shorten(&text)),
        }
    }

    /// A refusal of the kernel that is told by its error number alone.
    pub fn of_kernel(errno: i32) -> Self {
        let text = errno::meaning(errno);
        Self {
            errno: Some(errno),
            ..Self::from(text)
        }
    }

    /// In one line, with what was refused.
    pub fn brief(&self) -> String {
        match &self.at {
            Some(at) => format!("{at}: {}", self.what),
            None => self.what.clone(),
        }
    }
}

impl From<String> for Reason {
    fn from(text: String) -> Self {
        Self {
            at: None,
            what: text.clone(),
            errno: None,
            verifier: false,
            full: text,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.full)
    }
}

/// An error with its causes, the verifier's last words included.
pub fn describe(error: &dyn Error) -> String {
    shorten(&with_causes(error))
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// A verifier log has thousands of lines; the last ones tell.
fn shorten(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() > 12 {
        log::debug!("{text}");
        let last = lines[lines.len() - 8..].join("\n    ");
        return format!("{}\n    ...\n    {last}", lines[0]);
    }
    text.to_owned()
}

/// The error number at the bottom of an error.
pub fn errno_of(error: &(dyn Error + 'static)) -> Option<i32> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(errno) = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::raw_os_error)
        {
            return Some(errno);
        }
        next = error.source();
    }
    None
}

/// The verifier's last word: what stands before its figures.
fn verdict(text: &str) -> Option<&str> {
    const FIGURES: [&str; 4] = [
        "processed ",
        "insns processed ",
        "verification time ",
        "stack depth ",
    ];
    let (_, log) = text.split_once("Verifier output:")?;
    log.lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty() && !FIGURES.iter().any(|start| line.starts_with(start)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use thiserror::Error;

    #[derive(Debug, Error)]
    #[error("load failed: {source}. Verifier output: {log}")]
    struct Refused {
        #[source]
        source: io::Error,
        log: String,
    }

    fn reason(errno: i32, log: &str) -> Reason {
        let error = Refused {
            source: io::Error::from_raw_os_error(errno),
            log: log.to_owned(),
        };
        Reason::new("vfs_read", &error)
    }

    #[test]
    fn the_verifier_has_the_last_word() {
        let log = "0: R1=ctx()\n113: (77) r2 >>= 32\nR2 pointer arithmetic with >>= operator \
                   prohibited\nverification time 10 usec\nstack depth 200\ninsns processed 68\n\
                   processed 68 insns\n";
        let reason = reason(libc::EACCES, log);
        assert!(reason.verifier);
        assert_eq!(
            reason.brief(),
            "vfs_read: the verifier refuses the program: R2 pointer arithmetic with >>= operator \
             prohibited"
        );
    }

    #[test]
    fn a_number_tells_what_it_means() {
        let reason = reason(libc::EPERM, "");
        assert!(!reason.verifier);
        assert_eq!(reason.errno, Some(libc::EPERM));
        assert!(reason.brief().starts_with("vfs_read: EPERM"), "{reason:?}");
        assert!(reason.to_string().contains("load failed"));
    }
}
