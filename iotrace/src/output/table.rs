//! Text tables with fixed columns. The last column has the rest of the line.

use unicode_width::UnicodeWidthChar as _;

pub use super::cell::Cell;
use super::cell::width;

/// A column.
pub struct Column<R: 'static> {
    /// Its title.
    pub title: &'static str,
    /// Least width, in cells of the terminal. Longer values push the rest to the
    /// right rather than be wrong.
    pub width: usize,
    /// Where the value stands in it.
    pub align: Align,
    /// Writes the value, which must be safe to print.
    pub cell: fn(&R, &mut Cell<'_>),
    /// Whether it gives way where the screen is too narrow for the last column: the highest first,
    /// never at 0.
    pub spare: u8,
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
    /// Words that anybody may have chosen: on a terminal they are cut rather than push the rest
    /// to the right.
    Cut,
}

/// A [`Column`] on few lines.
macro_rules! column {
    ($title:literal, $width:literal, $align:ident, $cell:expr) => {
        $crate::output::table::column!($title, $width, $align, spare 0, $cell)
    };
    ($title:literal, $width:literal, $align:ident, spare $spare:literal, $cell:expr) => {
        $crate::output::table::Column {
            title: $title,
            width: $width,
            align: $crate::output::table::Align::$align,
            cell: $cell,
            spare: $spare,
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

/// What it should have at least, before others are left out.
const NEEDED: usize = 30;

impl<R> Table<R> {
    /// A table whose columns have their usual widths.
    pub fn new(columns: &[Column<R>], width: Option<usize>) -> Self {
        let mut columns = columns.to_vec();
        while let Some(width) = width
            && columns.iter().map(|column| column.width + 1).sum::<usize>() + NEEDED > width
            && let Some(spare) = columns.iter().map(|column| column.spare).max()
            && spare > 0
        {
            columns.retain(|column| column.spare != spare);
        }
        Self { columns, width }
    }

    /// Whether it is made for lines of this width.
    pub fn has_width(&self, width: Option<usize>) -> bool {
        self.width == width
    }

    /// Makes the columns of a narrow screen as narrow as these rows allow.
    pub fn fit(&mut self, rows: &[R]) {
        let usual: usize = self.columns.iter().map(|column| column.width + 1).sum();
        if self.width.is_none_or(|width| width >= usual + ENOUGH) {
            return;
        }
        let mut value = Vec::new();
        for column in &mut self.columns {
            let mut widest = width(column.title);
            for row in rows {
                value.clear();
                let mut cell = Cell::new(&mut value, 0, column.align);
                (column.cell)(row, &mut cell);
                widest = widest.max(cell.width());
            }
            column.width = column.width.min(widest);
        }
    }

    /// Writes the titles.
    pub fn titles(&self, out: &mut Vec<u8>) {
        self.line(out, |column, cell, _| cell.push_str(column.title));
    }

    /// Writes a row. What does not fit is cut out of the last column, from its beginning unless
    /// it is one to be cut: the end of a path tells more, the begin of a command.
    pub fn row(&self, out: &mut Vec<u8>, row: &R) {
        self.line(out, |column, cell, room| {
            (column.cell)(row, cell);
            match (self.width, room, column.align) {
                (None, ..) | (_, None, Align::Left | Align::Right) => {}
                (_, None, Align::Cut) => cell.cut(|value| begin(value, column.width)),
                (_, Some(room), Align::Cut) => cell.cut(|value| begin(value, room)),
                (_, Some(room), _) => cell.cut(|value| tail(value, room)),
            }
        });
    }

    /// Writes a line with what `value` puts into each column. It is told what room there is for the
    /// last of them.
    fn line(&self, out: &mut Vec<u8>, value: impl Fn(&Column<R>, &mut Cell<'_>, Option<usize>)) {
        let begin = out.len();
        let mut used = 0;
        for (n, column) in self.columns.iter().enumerate() {
            let follows = n + 1 < self.columns.len();
            let mut cell = Cell::new(out, column.width, column.align);
            let room = self.width.filter(|_| !follows);
            value(
                column,
                &mut cell,
                room.map(|width| width.saturating_sub(used)),
            );
            used += cell.end(follows);
            if follows {
                out.push(b' ');
                used += 1;
            }
        }
        finish(out, begin, self.width);
    }
}

/// Ends the line that begins there: cuts what is too much of it, and spaces that nobody sees.
fn finish(out: &mut Vec<u8>, begin: usize, width: Option<usize>) {
    if let Some(width) = width {
        let mut used = 0;
        let line = String::from_utf8_lossy(&out[begin..]);
        let end = line.char_indices().find(|(_, character)| {
            used += character.width().unwrap_or(0);
            used > width
        });
        if let Some((end, _)) = end {
            out.truncate(begin + end);
        }
    }
    let line = out[begin..].trim_ascii_end().len();
    out.truncate(begin + line);
    out.push(b'\n');
}

/// Least room in which a cut value still says something.
const LEAST: usize = 8;

/// The begin of `text` that fits into `room`, if that is not all of it.
pub fn begin(text: &str, room: usize) -> Option<String> {
    if width(text) <= room {
        return None;
    }
    let mut used = 1;
    let end = text.char_indices().find(|(_, character)| {
        used += character.width().unwrap_or(0);
        used > room
    });
    Some(format!(
        "{}…",
        &text[..end.map_or(text.len(), |(at, _)| at)]
    ))
}

/// The end of `text` that fits into `room`, if that is not all of it.
fn tail(text: &str, room: usize) -> Option<String> {
    if width(text) <= room || room < LEAST {
        return None;
    }
    let mut used = 1;
    let start = text.char_indices().rev().find(|(_, character)| {
        used += character.width().unwrap_or(0);
        used > room
    });
    let from = start.map_or(0, |(at, character)| at + character.len_utf8());
    Some(format!("…{}", &text[from..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_width::UnicodeWidthStr as _;

    use super::*;
    use crate::output::sanitize;

    const COLUMNS: [Column<(u32, &str)>; 2] = [
        Column {
            title: "N",
            width: 4,
            align: Align::Right,
            cell: |row, cell| cell.push_str(&row.0.to_string()),
            spare: 0,
        },
        Column {
            title: "FILE",
            width: 0,
            align: Align::Left,
            cell: |row, cell| cell.push_str(row.1),
            spare: 0,
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

    #[test]
    fn a_narrow_terminal_leaves_out_what_is_spare_and_cuts_words() {
        const WIDE: [Column<&str>; 4] = [
            column!("COMM", 6, Cut, |row, cell| cell.push_str(row)),
            column!("B", 20, Right, spare 2, |_, cell| cell.push('2')),
            column!("A", 20, Right, spare 1, |_, cell| cell.push('1')),
            column!("FILE", 0, Left, |_, cell| cell.push_str("/srv/a")),
        ];
        let print = |width| {
            let mut out = Vec::new();
            Table::new(&WIDE, width).row(&mut out, &"日本語日本語");
            let line = String::from_utf8(out).expect("text");
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(print(Some(80)), "日本… 2 1 /srv/a");
        assert_eq!(print(Some(70)), "日本… 1 /srv/a");
        assert_eq!(print(Some(40)), "日本… /srv/a");
        assert_eq!(print(None), "日本語日本語 2 1 /srv/a");
    }

    const NAMES: [Column<[Vec<u8>; 2]>; 2] = [
        Column {
            title: "COMM",
            width: 15,
            align: Align::Left,
            cell: |row, cell| cell.push_str(&sanitize::name(&row[0])),
            spare: 0,
        },
        Column {
            title: "FILE",
            width: 0,
            align: Align::Left,
            cell: |row, cell| cell.push_str(&sanitize::name(&row[1])),
            spare: 0,
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
