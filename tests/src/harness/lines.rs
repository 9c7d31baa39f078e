//! The last lines of a stream, for the message of a failure.

use std::collections::VecDeque;

const KEEP: usize = 60;

/// The last lines, and how many there were.
#[derive(Default)]
pub struct Lines {
    count: usize,
    last: VecDeque<String>,
}

impl Lines {
    /// Takes in one line, with or without its end.
    pub fn push(&mut self, line: &[u8]) {
        self.count += 1;
        if self.last.len() == KEEP {
            self.last.pop_front();
        }
        self.last
            .push_back(String::from_utf8_lossy(line).trim_end().to_owned());
    }

    /// All that was kept.
    pub fn text(&self) -> String {
        let mut text = match self.count - self.last.len() {
            0 => String::new(),
            earlier => format!("({earlier} earlier lines)\n"),
        };
        for line in &self.last {
            text += line;
            text.push('\n');
        }
        text
    }
}
