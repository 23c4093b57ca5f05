//! Rows of cells in columns that are as wide as their contents, and together never wider than the terminal.

use std::fmt::Display;

use bitopro_client::transport::printable;

use crate::watch::appearance::{Appearance, Style};
use crate::watch::columns::{cut, width};

/// A column of a grid. It is not printed while all its cells are empty.
#[derive(Debug, Clone, Copy)]
pub(in crate::watch) struct Column {
    alignment: Alignment,
    /// If the terminal is too narrow, the columns with a rank are left out, the lowest first.
    rank: Option<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alignment {
    Left,
    Right,
    /// All decimal points are in one terminal column.
    Point,
}

impl Column {
    pub(in crate::watch) const LEFT: Self = Self { alignment: Alignment::Left, rank: None };
    pub(super) const RIGHT: Self = Self { alignment: Alignment::Right, rank: None };
    pub(super) const NUMBER: Self = Self { alignment: Alignment::Point, rank: None };

    pub(super) const fn with_rank(self, rank: u8) -> Self {
        Self { rank: Some(rank), ..self }
    }
}

/// Maximum length of the text of a cell, in characters. Only texts from outside are longer.
const MAX_CELL: usize = 120;

#[derive(Debug, Clone)]
pub(in crate::watch) struct Cell {
    style: Style,
    text: String,
}

impl Cell {
    /// Creates a cell. Escapes the text, so that it cannot control the terminal.
    pub(in crate::watch) fn new(style: Style, text: &impl Display) -> Self {
        Self { style, text: printable(&text.to_string(), MAX_CELL) }
    }

    pub(super) fn plain(text: &impl Display) -> Self {
        Self::new(Style::Plain, text)
    }
}

pub(in crate::watch) type Row = Vec<Cell>;

/// Rows whose columns grow with their contents, so that a row is aligned with the previous ones if they are at
/// least as wide.
#[derive(Debug)]
pub(in crate::watch) struct Grid {
    columns: &'static [Column],
    widths: Vec<Width>,
    /// The last heading.
    heading: Row,
    /// True for the columns that the last heading showed.
    shown: Vec<bool>,
}

/// The width of a column: up to the decimal point, and from there on. Columns without decimal points only have
/// the first part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Width {
    before: usize,
    after: usize,
}

impl Width {
    fn total(self) -> usize {
        self.before + self.after
    }
}

impl Grid {
    pub(in crate::watch) fn new(columns: &'static [Column]) -> Self {
        Self {
            columns,
            widths: vec![Width::default(); columns.len()],
            heading: Row::new(),
            shown: Vec::new(),
        }
    }

    /// Widens the columns for a heading and its rows, and prints the heading.
    pub(super) fn heading(&mut self, heading: Row, rows: &[Row], look: &Appearance, lines: &mut String) {
        self.widen_for(rows);
        for (width, cell) in self.widths.iter_mut().zip(&heading) {
            width.before = width.before.max(cell.width().saturating_sub(width.after));
        }
        self.heading = heading;
        self.print_heading(look, lines);
    }

    /// Prints rows. Repeats the last heading first if the terminal now has room for other columns.
    pub(in crate::watch) fn rows(&mut self, rows: &[Row], look: &Appearance, lines: &mut String) {
        self.widen_for(rows);
        let widths = self.fitted((look.width)());
        if !self.heading.is_empty() && self.shown != shown(&widths) {
            self.print_heading(look, lines);
        }
        for row in rows {
            self.line(row, &widths, look, lines, |column| column.alignment);
        }
    }

    fn print_heading(&mut self, look: &Appearance, lines: &mut String) {
        let widths = self.fitted((look.width)());
        self.line(&self.heading, &widths, look, lines, |column| match column.alignment {
            Alignment::Point => Alignment::Right,
            other => other,
        });
        self.shown = shown(&widths);
    }

    fn widen_for(&mut self, rows: &[Row]) {
        for row in rows {
            for ((width, column), cell) in self.widths.iter_mut().zip(self.columns).zip(row) {
                let needed = cell.needed(column.alignment);
                width.before = width.before.max(needed.before);
                width.after = width.after.max(needed.after);
            }
        }
    }

    /// Returns the widths with which a line fits into the terminal. A column with a width of 0 is left out.
    fn fitted(&self, terminal: Option<usize>) -> Vec<Width> {
        let mut widths = self.widths.clone();
        let Some(terminal) = terminal else { return widths };
        while total(&widths) > terminal {
            let ranked = widths.iter_mut().zip(self.columns).filter(|(width, _)| width.total() > 0);
            let lowest = ranked.filter_map(|(width, column)| Some((width, column.rank?)));
            if let Some((width, _)) = lowest.min_by_key(|(_, rank)| *rank) {
                *width = Width::default();
                continue;
            }
            // All remaining columns are essential, so the widest one is cut.
            match widths.iter_mut().max_by_key(|width| width.total()) {
                Some(widest) if widest.total() > 1 => {
                    let part = if widest.after > 0 { &mut widest.after } else { &mut widest.before };
                    *part -= 1;
                }
                _ => break,
            }
        }
        widths
    }

    fn line(
        &self,
        row: &[Cell],
        widths: &[Width],
        look: &Appearance,
        lines: &mut String,
        alignment: fn(&Column) -> Alignment,
    ) {
        let start = lines.len();
        let columns = row.iter().zip(self.columns).zip(widths).filter(|(_, width)| width.total() > 0);
        for ((cell, column), available) in columns {
            if lines.len() > start {
                lines.push(' ');
            }
            let alignment = alignment(column);
            let needed = cell.needed(alignment);
            let before = match alignment {
                Alignment::Left => 0,
                Alignment::Right => available.total().saturating_sub(needed.total()),
                Alignment::Point => available.before.saturating_sub(needed.before),
            };
            let text = cut(&cell.text, available.total() - before);
            lines.extend(std::iter::repeat_n(' ', before));
            look.paint(cell.style, &text, lines);
            lines.extend(std::iter::repeat_n(' ', (available.total() - before).saturating_sub(width(&text))));
        }
        lines.truncate(lines.trim_end_matches(' ').len().max(start));
        lines.push('\n');
    }
}

impl Cell {
    fn width(&self) -> usize {
        width(&self.text)
    }

    fn needed(&self, alignment: Alignment) -> Width {
        let point = if alignment == Alignment::Point { self.text.find('.') } else { None };
        let (before, after) = self.text.split_at(point.unwrap_or(self.text.len()));
        Width { before: width(before), after: width(after) }
    }
}

/// Returns the width of a line, with one space between its columns.
fn total(widths: &[Width]) -> usize {
    let shown = widths.iter().filter(|width| width.total() > 0);
    shown.map(|width| width.total() + 1).sum::<usize>().saturating_sub(1)
}

fn shown(widths: &[Width]) -> Vec<bool> {
    widths.iter().map(|width| width.total() > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::{Appearance, Cell, Column, Grid, Row, Style};
    use crate::watch::appearance::EscapeCodes;
    use crate::watch::samples::look;

    const COLUMNS: &[Column] =
        &[Column::LEFT, Column::NUMBER, Column::RIGHT.with_rank(2), Column::LEFT.with_rank(1)];

    fn row(texts: [&str; 4]) -> Row {
        texts.map(|text| Cell::plain(&text)).into()
    }

    fn printed(rows: &[[&str; 4]], width: fn() -> Option<usize>) -> Vec<String> {
        let mut lines = String::new();
        let rows: Vec<Row> = rows.iter().map(|texts| row(*texts)).collect();
        Grid::new(COLUMNS).rows(&rows, &look(width), &mut lines);
        lines.lines().map(str::to_owned).collect()
    }

    const ROWS: [[&str; 4]; 3] = [
        ["BTC", "1.10", "0/1", "x"],
        ["比特幣", "999999999999.99999999", "all/20", ""],
        ["", "-12", "", "partly"],
    ];

    #[test]
    fn columns_are_as_wide_as_their_contents_and_decimal_points_are_aligned() {
        assert_eq!(
            printed(&ROWS, || None),
            [
                "BTC               1.10          0/1 x",
                "比特幣 999999999999.99999999 all/20",
                "                -12                 partly",
            ]
        );
    }

    #[test]
    fn the_least_important_columns_are_left_out_and_then_the_widest_is_cut() {
        let first = |width| printed(&ROWS[1..2], width)[0].clone();
        assert_eq!(first(|| Some(35)), "比特幣 999999999999.99999999 all/20");
        assert_eq!(first(|| Some(34)), "比特幣 999999999999.99999999");
        assert_eq!(first(|| Some(27)), "比特幣 999999999999.999999…");
        assert_eq!(first(|| Some(17)), "比特幣 999999999…");
        for width in [|| Some(0), || Some(1), || Some(7), || Some(12), || Some(33), || Some(41)] {
            let limit = width().unwrap_or_default().max(3);
            for line in printed(&ROWS, width) {
                assert!(super::width(&line) <= limit, "{limit}: {line}");
            }
        }
    }

    #[test]
    fn the_heading_is_repeated_when_the_terminal_has_room_for_other_columns() {
        let mut grid = Grid::new(COLUMNS);
        let mut lines = String::new();
        let rows = [row(ROWS[0])];
        grid.heading(row(["CODE", "AMOUNT", "EXECUTED", "STATUS"]), &rows, &look(|| None), &mut lines);
        for width in [|| None, || Some(25), || Some(20), || None] {
            grid.rows(&rows, &look(width), &mut lines);
        }
        assert_eq!(
            lines.lines().collect::<Vec<_>>(),
            [
                "CODE AMOUNT EXECUTED STATUS",
                "BTC    1.10      0/1 x",
                "CODE AMOUNT EXECUTED",
                "BTC    1.10      0/1",
                "BTC    1.10      0/1",
                "CODE AMOUNT EXECUTED STATUS",
                "BTC    1.10      0/1 x",
            ]
        );
    }

    #[test]
    fn cells_are_escaped_and_styled() {
        let mut lines = String::new();
        let look = Appearance { escapes: EscapeCodes::All, ..look(|| None) };
        let row = vec![Cell::new(Style::Green, &"A\x1b"), Cell::plain(&"1")];
        Grid::new(COLUMNS).rows(&[row], &look, &mut lines);
        assert_eq!(lines, "\x1b[32mA\\u{1b}\x1b[0m 1\n");
    }
}
