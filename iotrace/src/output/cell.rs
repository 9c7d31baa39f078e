//! The place of a value in a line of a table.

use std::fmt;

use unicode_width::UnicodeWidthStr as _;

use super::table::Align;

/// What a column writes its value to. That is the output itself: with a row for each event, to make
/// strings first would cost more than all the rest. What is written must be safe to print.
#[derive(Debug)]
pub struct Cell<'a> {
    out: &'a mut Vec<u8>,
    /// Where the value begins.
    from: usize,
    /// Cells of the terminal that it takes.
    width: usize,
    /// Those that it is to take at least.
    least: usize,
    align: Align,
}

impl<'a> Cell<'a> {
    /// Without a value yet, at the end of `out`.
    pub fn new(out: &'a mut Vec<u8>, least: usize, align: Align) -> Self {
        Self {
            from: out.len(),
            out,
            width: 0,
            least,
            align,
        }
    }

    /// Cells of the terminal that the value takes.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Adds a text.
    pub fn push_str(&mut self, text: &str) {
        self.width += width(text);
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Adds a character.
    pub fn push(&mut self, character: char) {
        self.push_str(character.encode_utf8(&mut [0; 4]));
    }

    /// Writes a whole number, which must be all of the value.
    pub fn number(&mut self, value: impl itoa::Integer) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(value);
        if self.align == Align::Right {
            self.fill(self.least.saturating_sub(digits.len()));
        }
        self.out.extend_from_slice(digits.as_bytes());
        self.width += digits.len();
    }

    /// Cuts the value: `cut` returns what is left of it, if not all.
    pub fn cut(&mut self, cut: impl FnOnce(&str) -> Option<String>) {
        let value = String::from_utf8_lossy(&self.out[self.from..]);
        if let Some(value) = cut(&value) {
            self.out.truncate(self.from);
            self.width = 0;
            self.push_str(&value);
        }
    }

    /// Fills it up to its least width; behind a value that stands left only if something `follows`.
    pub fn end(mut self, follows: bool) -> usize {
        let space = self.least.saturating_sub(self.width);
        if self.align == Align::Right {
            if space > 0 {
                self.fill(space);
                self.out[self.from..].rotate_right(space);
            }
        } else if follows {
            self.fill(space);
        }
        self.width
    }

    fn fill(&mut self, space: usize) {
        let end = self.out.len() + space;
        // To write a block of known size and cut it is cheaper than to write just so many bytes.
        self.out.extend_from_slice(&[b' '; 32]);
        self.out.resize(end, b' ');
        self.width += space;
    }
}

impl fmt::Write for Cell<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push_str(text);
        Ok(())
    }
}

/// Cells that a text takes; most are ASCII, of which that is known at once.
pub fn width(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.width()
    }
}
