use std::fmt::Display;

use bitopro_client::model::Decimal;

use crate::printable::printable;

/// Writes aligned cells. Escapes every string, so that text from the network cannot control the terminal.
pub(in crate::watch) struct TextTable<'a> {
    pub(super) lines: &'a mut String,
    pub(super) colour: bool,
    /// The kind of the following rows, in its own column, if rows of several kinds are mixed.
    pub(super) kind: Option<&'static str>,
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
    /// Begins a line.
    pub(in crate::watch) fn line(&mut self) -> Row<'_> {
        Row { lines: self.lines, colour: self.colour, is_empty: true }
    }

    /// Begins a row with its time and, if any, its kind.
    pub(super) fn row(&mut self, time: &str) -> Row<'_> {
        let kind = self.kind;
        let line = self.line().left(Style::Plain, 8, time);
        if let Some(kind) = kind { line.left(Style::Dim, 7, kind) } else { line }
    }

    /// Begins the column names above the rows that [`row`](Self::row) begins.
    pub(super) fn heading(&mut self) -> Row<'_> {
        let has_kind = self.kind.is_some();
        let line = self.line().left(Style::Bold, 8, "TIME UTC");
        if has_kind { line.left(Style::Bold, 7, "STREAM") } else { line }
    }

    /// Adds a note, a line that is not a row.
    pub(super) fn note(&mut self, style: Style, text: &str) {
        self.line().cell(style, format_args!("· {text}")).end();
    }
}

/// An unfinished line of cells, which are separated by one space.
#[must_use = "call `end` to finish the line"]
pub(in crate::watch) struct Row<'a> {
    lines: &'a mut String,
    colour: bool,
    is_empty: bool,
}

impl Row<'_> {
    /// Adds a cell as wide as its text.
    pub(in crate::watch) fn cell(self, style: Style, text: impl Display) -> Self {
        self.padded(style, text, |_| (0, 0))
    }

    /// Adds a left-aligned cell.
    pub(super) fn left(self, style: Style, width: usize, text: impl Display) -> Self {
        self.padded(style, text, |text| (0, width.saturating_sub(text.chars().count())))
    }

    /// Adds a right-aligned cell.
    pub(super) fn right(self, style: Style, width: usize, text: impl Display) -> Self {
        self.padded(style, text, |text| (width.saturating_sub(text.chars().count()), 0))
    }

    /// Adds a number with its decimal point in a fixed column and with all its digits.
    pub(super) fn number(self, style: Style, number: impl Display) -> Self {
        const BEFORE: usize = 13;
        const AFTER: usize = 9;

        self.padded(style, number, |number| {
            let whole = number.find('.').unwrap_or(number.len());
            let after = AFTER.saturating_sub(number.len() - whole);
            (BEFORE.saturating_sub(whole), after)
        })
    }

    /// Adds a signed change, aligned like [`number`](Self::number), or an empty cell if nothing changed.
    pub(super) fn change(self, change: Option<Decimal>) -> Self {
        match change.filter(|change| !change.is_zero()) {
            Some(change) if change.is_sign_negative() => self.number(Style::Red, change),
            Some(change) => self.number(Style::Green, format_args!("+{change}")),
            None => self.number(Style::Plain, ""),
        }
    }

    /// Ends the line and removes trailing spaces.
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
        write(TextTable { lines: &mut lines, colour, kind: None }.line());
        lines
    }

    #[test]
    fn decimal_points_are_aligned() {
        for number in ["0", "1.10", "999999999999.99999999", "-0.00000001", "+12"] {
            let shown = line(false, |line| line.number(Style::Plain, number).cell(Style::Plain, "|").end());
            assert_eq!(shown.find('|'), Some(23), "{shown}");
            assert_eq!(shown.find('.').unwrap_or(13), 13, "{shown}");
        }
        let long = "12345678901234567.123456789012";
        assert_eq!(line(false, |line| line.number(Style::Plain, long).end()), format!("{long}\n"));
    }

    #[test]
    fn cells_escape_control_characters_and_keep_their_width() {
        let write = |line: Row<'_>| {
            line.left(Style::Green, 9, "A\x1b").right(Style::Plain, 3, "é").left(Style::Dim, 9, "").end();
        };
        assert_eq!(line(false, write), "A\\u{1b}     é\n");
        assert_eq!(line(true, write), "\x1b[32mA\\u{1b}\x1b[0m     é\n");
    }
}
