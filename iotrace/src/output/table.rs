//! Text tables with fixed columns. The last column has the rest of the line.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// A column.
pub struct Column<R: 'static> {
    /// Its title.
    pub title: &'static str,
    /// Least width, in cells of the terminal. Longer values push the rest to the
    /// right rather than be wrong.
    pub width: usize,
    /// Where the value stands in it.
    pub align: Align,
    /// Appends the value, which must be safe to print.
    pub cell: fn(&R, &mut String),
}

impl<R> Clone for Column<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Column<R> {}

/// Side of a column at which values stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A [`Column`] on few lines.
macro_rules! column {
    ($title:literal, $width:literal, $align:ident, $cell:expr) => {
        $crate::output::table::Column {
            title: $title,
            width: $width,
            align: $crate::output::table::Align::$align,
            cell: $cell,
        }
    };
}
pub(crate) use column;

/// Columns with the width that they have on this screen.
pub struct Table<R: 'static> {
    columns: Vec<Column<R>>,
    /// Cells of a line; `None` when lines may be of any length.
    width: Option<usize>,
}

/// What the last column should have at least, before the others give way.
const ENOUGH: usize = 40;

impl<R> Table<R> {
    /// A table whose columns have their usual widths.
    pub fn new(columns: &[Column<R>], width: Option<usize>) -> Self {
        Self {
            columns: columns.to_vec(),
            width,
        }
    }

    /// Makes the columns of a narrow screen as narrow as these rows allow.
    pub fn fit(&mut self, rows: &[R]) {
        let usual: usize = self.columns.iter().map(|column| column.width + 1).sum();
        if self.width.is_none_or(|width| width >= usual + ENOUGH) {
            return;
        }
        let mut cell = String::new();
        for column in &mut self.columns {
            let mut widest = column.title.width();
            for row in rows {
                cell.clear();
                (column.cell)(row, &mut cell);
                widest = widest.max(cell.width());
            }
            column.width = column.width.min(widest);
        }
    }

    /// Writes the titles.
    pub fn titles(&self, out: &mut Vec<u8>) {
        let mut line = String::new();
        for (n, column) in self.columns.iter().enumerate() {
            let last = n + 1 == self.columns.len();
            pad(&mut line, column.title, column, last);
        }
        finish(out, line, self.width);
    }

    /// Writes a row. What does not fit is cut out of the last column, from its
    /// beginning: the end of a path tells more.
    pub fn row(&self, out: &mut Vec<u8>, row: &R) {
        let mut line = String::new();
        let mut cell = String::new();
        for (n, column) in self.columns.iter().enumerate() {
            cell.clear();
            (column.cell)(row, &mut cell);
            let last = n + 1 == self.columns.len();
            let text = match self.width {
                Some(width) if last => tail(&cell, width.saturating_sub(line.width())),
                _ => cell.as_str().into(),
            };
            pad(&mut line, &text, column, last);
        }
        finish(out, line, self.width);
    }
}

fn pad<R>(line: &mut String, text: &str, column: &Column<R>, last: bool) {
    let space = column.width.saturating_sub(text.width());
    if column.align == Align::Right {
        line.extend(std::iter::repeat_n(' ', space));
    }
    line.push_str(text);
    if !last {
        if column.align == Align::Left {
            line.extend(std::iter::repeat_n(' ', space));
        }
        line.push(' ');
    }
}

fn finish(out: &mut Vec<u8>, mut line: String, width: Option<usize>) {
    if let Some(width) = width {
        let mut used = 0;
        let end = line.char_indices().find(|(_, character)| {
            used += character.width().unwrap_or(0);
            used > width
        });
        if let Some((end, _)) = end {
            line.truncate(end);
        }
    }
    out.extend_from_slice(line.trim_end().as_bytes());
    out.push(b'\n');
}

/// Least room in which a cut value still says something.
const LEAST: usize = 8;

/// The end of `text` that fits into `width`.
fn tail(text: &str, width: usize) -> std::borrow::Cow<'_, str> {
    if text.width() <= width || width < LEAST {
        return text.into();
    }
    let mut used = 1;
    let start = text.char_indices().rev().find(|(_, character)| {
        used += character.width().unwrap_or(0);
        used > width
    });
    let from = start.map_or(0, |(at, character)| at + character.len_utf8());
    format!("…{}", &text[from..]).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::output::sanitize;

    const COLUMNS: [Column<(u32, &str)>; 2] = [
        Column {
            title: "N",
            width: 4,
            align: Align::Right,
            cell: |row, cell| cell.push_str(&row.0.to_string()),
        },
        Column {
            title: "FILE",
            width: 0,
            align: Align::Left,
            cell: |row, cell| cell.push_str(row.1),
        },
    ];

    fn line(width: Option<usize>) -> String {
        let mut out = Vec::new();
        Table::new(&COLUMNS, width).row(&mut out, &(12, "/srv/日本/data.db"));
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_pipe_gets_the_whole_value() {
        assert_eq!(line(None), "  12 /srv/日本/data.db\n");
    }

    #[test]
    fn a_narrow_terminal_gets_the_end_of_it() {
        assert_eq!(line(Some(18)), "  12 …日本/data.db\n");
        // A wide character is not cut in half.
        assert_eq!(line(Some(17)), "  12 …本/data.db\n");
        assert_eq!(line(Some(40)), "  12 /srv/日本/data.db\n");
    }

    #[test]
    fn columns_give_way_on_a_narrow_terminal_only() {
        let rows = [(7, "/a")];
        let print = |width| {
            let mut table = Table::new(&COLUMNS, width);
            table.fit(&rows);
            let mut out = Vec::new();
            table.titles(&mut out);
            table.row(&mut out, &rows[0]);
            String::from_utf8(out).expect("text")
        };
        assert_eq!(print(Some(30)), "N FILE\n7 /a\n");
        assert_eq!(print(Some(60)), "   N FILE\n   7 /a\n");
        assert_eq!(print(None), "   N FILE\n   7 /a\n");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in 1..40 {
            assert!(line(Some(width)).trim_end().width() <= width, "{width}");
        }
    }

    const NAMES: [Column<[Vec<u8>; 2]>; 2] = [
        Column {
            title: "COMM",
            width: 15,
            align: Align::Left,
            cell: |row, cell| cell.push_str(&sanitize::name(&row[0])),
        },
        Column {
            title: "FILE",
            width: 0,
            align: Align::Left,
            cell: |row, cell| cell.push_str(&sanitize::name(&row[1])),
        },
    ];

    proptest! {
        #[test]
        fn no_name_makes_a_line_wider_or_two_of_it(
            text: [String; 2], bytes: Vec<u8>, width in 1usize..100, fit: bool,
        ) {
            let [comm, path] = text.map(String::into_bytes);
            let row = [comm, [path, bytes].concat()];
            let mut table = Table::new(&NAMES, Some(width));
            if fit {
                table.fit(std::slice::from_ref(&row));
            }
            let mut out = Vec::new();
            table.row(&mut out, &row);
            let line = String::from_utf8(out).expect("UTF-8");
            let line = line.strip_suffix('\n').expect("a line");
            prop_assert!(!line.contains(sanitize::is_unsafe), "{line:?}");
            prop_assert!(line.width() <= width, "{line:?}");
        }
    }
}
