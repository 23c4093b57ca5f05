//! Rows of cells in columns that are as wide as their contents, and together never wider than the terminal.

use std::fmt::Display;
use std::ops::Range;

use bitopro_client::transport::printable;

use super::ABSENT;
use super::appearance::{Appearance, Style};
use super::columns::{cut, width};

/// A column of a grid. It is not printed while all its cells are empty.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    alignment: Alignment,
    /// If the terminal is too narrow, the columns with a rank are left out: first the empty ones, and then the
    /// lowest rank.
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
    pub(crate) const LEFT: Self = Self { alignment: Alignment::Left, rank: None };
    pub(crate) const RIGHT: Self = Self { alignment: Alignment::Right, rank: None };
    pub(crate) const NUMBER: Self = Self { alignment: Alignment::Point, rank: None };

    /// The first rank of columns that are left out only if the others do not fit when they are cut.
    pub(crate) const MAIN: u8 = 10;

    pub(crate) const fn with_rank(self, rank: u8) -> Self {
        Self { rank: Some(rank), ..self }
    }

    fn in_heading(self) -> Alignment {
        match self.alignment {
            Alignment::Point => Alignment::Right,
            other => other,
        }
    }
}

/// The number of columns of the terminal to which names are cut before other columns are left out.
const LEAST_NAME: usize = 8;

/// Maximum length of the text of a cell, in characters. Only texts from outside are longer.
const MAX_CELL: usize = 120;

#[derive(Debug, Clone)]
pub(crate) struct Cell {
    style: Style,
    text: String,
}

impl Cell {
    /// Creates a cell. Escapes the text, so that it cannot control the terminal.
    pub(crate) fn new(style: Style, text: &impl Display) -> Self {
        Self { style, text: printable(&text.to_string(), MAX_CELL) }
    }

    pub(crate) fn plain(text: &impl Display) -> Self {
        Self::new(Style::Plain, text)
    }

    /// Creates the cell of a value that may be absent.
    pub(crate) fn optional(value: Option<impl Display>) -> Self {
        value.map_or_else(|| Self::plain(&ABSENT), |value| Self::plain(&value))
    }
}

pub(crate) type Row = Vec<Cell>;

/// The parts of a line, each with its style.
pub(crate) type Spans = Vec<(Style, String)>;

/// Rows whose columns grow with their contents, so that a row is aligned with the previous ones if they are at
/// least as wide.
#[derive(Debug)]
pub(crate) struct Grid {
    columns: &'static [Column],
    widths: Vec<Width>,
    /// The widths with the least that rows must show: short names, and the integers of numbers.
    least: Vec<Width>,
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

    fn grow(&mut self, other: Self) {
        self.before = self.before.max(other.before);
        self.after = self.after.max(other.after);
    }

    /// Returns a part that is wider than `least`, if any: first the decimals.
    fn excess(&mut self, least: Self) -> Option<&mut usize> {
        if self.after > least.after {
            Some(&mut self.after)
        } else {
            Some(&mut self.before).filter(|before| **before > least.before)
        }
    }
}

impl Grid {
    pub(crate) fn new(columns: &'static [Column]) -> Self {
        Self {
            columns,
            widths: vec![Width::default(); columns.len()],
            least: vec![Width::default(); columns.len()],
            heading: Row::new(),
            shown: Vec::new(),
        }
    }

    /// Widens the columns for a heading and its rows, and prints the heading.
    pub(crate) fn heading(&mut self, heading: Row, rows: &[Row], look: &Appearance, lines: &mut String) {
        self.set_heading(heading, rows);
        self.print_heading(look, lines);
    }

    fn set_heading(&mut self, heading: Row, rows: &[Row]) {
        self.widen_for(rows);
        for (width, cell) in self.widths.iter_mut().zip(&heading) {
            width.before = width.before.max(cell.width().saturating_sub(width.after));
        }
        self.heading = heading;
    }

    /// Returns the heading and the rows of a table as lines that fit into `columns`.
    pub(crate) fn fit(&mut self, heading: Row, rows: &[Row], columns: usize) -> (Spans, Vec<Spans>) {
        self.set_heading(heading, rows);
        let widths = self.fitted(Some(columns));
        let heading = self.spans(&self.heading, &widths, |column| column.in_heading());
        (heading, rows.iter().map(|row| self.spans(row, &widths, |column| column.alignment)).collect())
    }

    /// Prints rows. Repeats the last heading first if the terminal now has room for other columns.
    pub(crate) fn rows(&mut self, rows: &[Row], look: &Appearance, lines: &mut String) {
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
        self.line(&self.heading, &widths, look, lines, |column| column.in_heading());
        self.shown = shown(&widths);
    }

    fn widen_for(&mut self, rows: &[Row]) {
        for row in rows {
            let widths = self.widths.iter_mut().zip(&mut self.least);
            for (((width, least), column), cell) in widths.zip(self.columns).zip(row) {
                width.grow(cell.needed(column.alignment));
                least.grow(cell.least(column.alignment));
            }
        }
    }

    /// Returns the widths with which a line fits into the terminal. A column with a width of 0 is left out.
    fn fitted(&self, terminal: Option<usize>) -> Vec<Width> {
        let mut widths = self.widths.clone();
        let Some(terminal) = terminal else { return widths };
        while total(&widths) > terminal && self.leave_out_one(&mut widths, 0..Column::MAIN) {}
        while self.least_total(&widths) > terminal && self.leave_out_one(&mut widths, Column::MAIN..u8::MAX) {
        }
        let mut least = self.least.as_slice();
        let nothing = vec![Width { before: 1, after: 0 }; widths.len()];
        while total(&widths) > terminal {
            let excess = widths.iter_mut().zip(least).filter_map(|(width, least)| {
                let total = width.total();
                Some((total, width.excess(*least)?))
            });
            match excess.max_by_key(|(total, _)| *total) {
                Some((_, part)) => *part -= 1,
                // Even integers are cut if the terminal is too narrow for the columns that are never left out.
                None if least != nothing.as_slice() => least = &nothing,
                None => break,
            }
        }
        widths
    }

    /// Leaves out an empty column or else the one with the lowest rank. Returns whether there was one.
    fn leave_out_one(&self, widths: &mut [Width], ranks: Range<u8>) -> bool {
        let shown = widths.iter_mut().zip(&self.least).zip(self.columns);
        let candidates = shown.filter_map(|((width, least), column)| {
            let rank = column.rank.filter(|rank| ranks.contains(rank) && width.total() > 0)?;
            Some((width, (least.total() > 0, rank)))
        });
        let lowest = candidates.min_by_key(|(_, order)| *order);
        lowest.map(|(width, _)| *width = Width::default()).is_some()
    }

    /// Returns the width of a line whose columns are cut to the least that they must show.
    fn least_total(&self, widths: &[Width]) -> usize {
        let shown = widths.iter().zip(&self.least).filter(|(width, _)| width.total() > 0);
        shown.map(|(_, least)| least.total().max(1) + 1).sum::<usize>().saturating_sub(1)
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
        for (style, text) in self.spans(row, widths, alignment) {
            look.paint(style, &text, lines);
        }
        lines.truncate(lines.trim_end_matches(' ').len().max(start));
        lines.push('\n');
    }

    /// Returns the cells of a row and the spaces between them.
    fn spans(&self, row: &[Cell], widths: &[Width], alignment: fn(&Column) -> Alignment) -> Spans {
        let mut spans = Spans::new();
        let columns = row.iter().zip(self.columns).zip(widths).filter(|(_, width)| width.total() > 0);
        for ((cell, column), available) in columns {
            let gap = usize::from(!spans.is_empty());
            let alignment = alignment(column);
            let needed = cell.needed(alignment);
            let before = match alignment {
                Alignment::Left => 0,
                Alignment::Right => available.total().saturating_sub(needed.total()),
                Alignment::Point => available.before.saturating_sub(needed.before),
            };
            let text = cut(&cell.text, available.total() - before).into_owned();
            let after = (available.total() - before).saturating_sub(width(&text));
            spans.push((Style::Plain, " ".repeat(gap + before)));
            spans.push((cell.style, text));
            spans.push((Style::Plain, " ".repeat(after)));
        }
        spans
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

    /// Returns the width of the least that must be shown.
    fn least(&self, alignment: Alignment) -> Width {
        let needed = self.needed(alignment);
        if !self.text.starts_with(['-', '+', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) {
            return Width { before: needed.before.min(LEAST_NAME), after: 0 };
        }
        // One column is for the mark of the cut. Without alignment of the points, it replaces the last point.
        let before = self.text.rfind('.').map_or(needed.before, |point| needed.before.min(point + 1));
        Width { before, after: needed.after.min(1) }
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
mod tests;
