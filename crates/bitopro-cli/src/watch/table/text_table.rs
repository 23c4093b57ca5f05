use std::fmt::Display;

use bitopro_client::model::Decimal;

use crate::printable::printable;

/// Lines for people. Whatever is put on it is made printable, so that no text of the network acts on a
/// terminal.
pub(in crate::watch) struct TextTable<'a> {
    pub(super) lines: &'a mut String,
    pub(super) colour: bool,
    /// What kind of rows these are, where there are several.
    pub(super) tag: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::watch) enum Style {
    Plain,
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Cyan,
}

impl TextTable<'_> {
    /// Begins a line of cells.
    pub(in crate::watch) fn line(&mut self) -> Row<'_> {
        Row { lines: self.lines, colour: self.colour, is_empty: true }
    }

    /// Begins a row, with its time and kind.
    pub(super) fn row(&mut self, time: &str) -> Row<'_> {
        let tag = self.tag;
        let line = self.line().left(Style::Plain, 8, time);
        if let Some(tag) = tag { line.left(Style::Dim, 7, tag) } else { line }
    }

    /// Begins the heading of such rows.
    pub(super) fn heading(&mut self) -> Row<'_> {
        let is_tagged = self.tag.is_some();
        let line = self.line().left(Style::Bold, 8, "TIME UTC");
        if is_tagged { line.left(Style::Bold, 7, "WHAT") } else { line }
    }

    /// A line that is no row.
    pub(super) fn note(&mut self, style: Style, text: &str) {
        self.line().cell(style, format_args!("· {text}")).end();
    }
}

/// A line that is being written: cells with one space between them.
#[must_use = "a line ends with `end`"]
pub(in crate::watch) struct Row<'a> {
    lines: &'a mut String,
    colour: bool,
    is_empty: bool,
}

impl Row<'_> {
    /// A cell as wide as its text.
    pub(in crate::watch) fn cell(self, style: Style, text: impl Display) -> Self {
        self.padded(style, text, |_| (0, 0))
    }

    /// A cell with its text on the left.
    pub(super) fn left(self, style: Style, width: usize, text: impl Display) -> Self {
        self.padded(style, text, |text| (0, width.saturating_sub(text.chars().count())))
    }

    /// A cell with its text on the right.
    pub(super) fn right(self, style: Style, width: usize, text: impl Display) -> Self {
        self.padded(style, text, |text| (width.saturating_sub(text.chars().count()), 0))
    }

    /// A number with its point in a fixed column, every digit as it came.
    pub(super) fn number(self, style: Style, number: impl Display) -> Self {
        const BEFORE: usize = 13;
        const AFTER: usize = 9;

        self.padded(style, number, |number| {
            let whole = number.find('.').unwrap_or(number.len());
            let after = AFTER.saturating_sub(number.len() - whole);
            (BEFORE.saturating_sub(whole), after)
        })
    }

    /// By how much something changed, in the same columns as [`number`](Self::number). Nothing, if it did not.
    pub(super) fn change(self, change: Option<Decimal>) -> Self {
        match change.filter(|change| !change.is_zero()) {
            Some(change) if change.is_sign_negative() => self.number(Style::Red, change),
            Some(change) => self.number(Style::Green, format_args!("+{change}")),
            None => self.number(Style::Plain, ""),
        }
    }

    /// Ends the line, without spaces at its end.
    pub(in crate::watch) fn end(self) {
        let length = self.lines.trim_end_matches(' ').len();
        self.lines.truncate(length);
        self.lines.push('\n');
    }

    fn padded(
        mut self,
        style: Style,
        text: impl Display,
        padding: impl FnOnce(&str) -> (usize, usize),
    ) -> Self {
        if !self.is_empty {
            self.lines.push(' ');
        }
        self.is_empty = false;
        let text = text.to_string();
        let text = printable(&text);
        let (before, after) = padding(&text);
        self.lines.extend(std::iter::repeat_n(' ', before));
        match style.code().filter(|_| self.colour && !text.is_empty()) {
            Some(code) => self.lines.extend(["\x1b[", code, "m", &text, "\x1b[0m"]),
            None => self.lines.push_str(&text),
        }
        self.lines.extend(std::iter::repeat_n(' ', after));
        self
    }
}

impl Style {
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Bold => Some("1"),
            Self::Dim => Some("2"),
            Self::Red => Some("31"),
            Self::Green => Some("32"),
            Self::Yellow => Some("33"),
            Self::Cyan => Some("36"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Row, Style, TextTable};

    fn line(colour: bool, write: impl FnOnce(Row<'_>)) -> String {
        let mut lines = String::new();
        write(TextTable { lines: &mut lines, colour, tag: None }.line());
        lines
    }

    #[test]
    fn points_stand_in_one_column() {
        for number in ["0", "1.10", "999999999999.99999999", "-0.00000001", "+12"] {
            let shown = line(false, |line| line.number(Style::Plain, number).cell(Style::Plain, "|").end());
            assert_eq!(shown.find('|'), Some(23), "{shown}");
            assert_eq!(shown.find('.').unwrap_or(13), 13, "{shown}");
        }
        let long = "12345678901234567.123456789012";
        assert_eq!(line(false, |line| line.number(Style::Plain, long).end()), format!("{long}\n"));
    }

    #[test]
    fn no_cell_acts_on_the_terminal_and_none_breaks_its_column() {
        let write = |line: Row<'_>| {
            line.left(Style::Green, 9, "A\x1b").right(Style::Plain, 3, "é").left(Style::Dim, 9, "").end();
        };
        assert_eq!(line(false, write), "A\\u{1b}     é\n");
        assert_eq!(line(true, write), "\x1b[32mA\\u{1b}\x1b[0m     é\n");
    }
}
