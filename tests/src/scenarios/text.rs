//! Running iotrace as a person does: text on stdout.

use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Result, bail};
use nix::sys::signal::Signal;

use crate::harness::{Capture, Context, Process, SOON, is_harmful};

/// A running iotrace that prints text.
pub struct Text {
    process: Process,
    stdout: Arc<Capture>,
}

impl Text {
    /// Starts it and waits until its probes are attached, as `-v` tells.
    pub fn start(context: &Context, subcommand: &str, args: &[&str]) -> Result<Self> {
        let mut command = context.iotrace(subcommand, &[&["-v"], args].concat());
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = Process::spawn(context, "iotrace", &mut command)?;
        let stdout = Capture::start(process.stdout()?);
        context.remember(format!("{}: stdout", process.label()), stdout.clone());
        process
            .stderr()
            .wait_for("line `attached in`", SOON, |bytes| {
                contains(bytes, b"attached in").then_some(())
            })?;
        Ok(Self { process, stdout })
    }

    /// Waits until each of the lines looked for is there.
    pub fn wait_for_lines(&self, wanted: &[Line]) -> Result<()> {
        let missing = |bytes: &[u8]| -> Vec<String> {
            let text = String::from_utf8_lossy(bytes);
            wanted
                .iter()
                .filter(|line| !text.lines().any(|seen| line.is(seen)))
                .map(|line| format!("{line:?}"))
                .collect()
        };
        let complete = self.stdout.wait_for("every line", SOON, |bytes| {
            missing(bytes).is_empty().then_some(())
        });
        if let Err(error) = complete {
            let said = self.stdout.text();
            bail!(
                "{error}: missing\n  {}",
                missing(said.as_bytes()).join("\n  ")
            );
        }
        Ok(())
    }

    /// Ends it as Ctrl-C does, and returns all that it printed.
    pub fn stop(mut self) -> Result<Vec<u8>> {
        self.process.signal(Signal::SIGINT)?;
        self.process.expect_exit(0, SOON)?;
        self.stdout.to_end(SOON)
    }
}

/// A line that has all of these in it.
#[derive(Debug)]
pub struct Line(pub Vec<String>);

impl Line {
    fn is(&self, line: &str) -> bool {
        self.0.iter().all(|part| line.contains(part.as_str()))
    }
}

/// What in an output must not reach a terminal.
pub fn harmful(text: &[u8]) -> Option<String> {
    let Ok(text) = std::str::from_utf8(text) else {
        return Some("bytes that are not UTF-8".to_owned());
    };
    text.split('\n').find_map(|line| {
        let bad = line.chars().find(|c| is_harmful(*c))?;
        Some(format!("{bad:?} in {line:?}"))
    })
}

/// Whether `part` is somewhere in `bytes`.
pub fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::harmful;

    #[test]
    fn harm_is_found() {
        assert_eq!(harmful("plain \\x1b[31m\nüäö 漢字\n".as_bytes()), None);
        for bad in [
            "\x1b[31m",
            "tab\t",
            "\x7f",
            "\r\n x",
            "\u{9b}31m",
            "\u{202e}exe",
            "\u{2066}",
        ] {
            assert!(harmful(bad.as_bytes()).is_some(), "{bad:?}");
        }
        assert!(harmful(b"\xff").is_some());
    }
}
