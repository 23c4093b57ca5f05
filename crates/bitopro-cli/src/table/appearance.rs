//! The look of tables: colours, width and time zone.

use std::env;
use std::ffi::OsString;
use std::fmt::Display;
use std::io::IsTerminal;

use bitopro_client::model::Timestamp;
use bitopro_client::transport::printable;
use jiff::tz::TimeZone;

use super::columns;
use crate::exit::MAX_LINE;

#[derive(Debug, Clone)]
pub(crate) struct Appearance {
    pub(crate) escapes: EscapeCodes,
    /// Returns the current number of columns of the terminal. `None` if the output is not a terminal.
    pub(crate) width: fn() -> Option<usize>,
    pub(crate) time_zone: TimeZone,
}

/// The escape codes that may be printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EscapeCodes {
    None,
    /// Codes that move the cursor and erase lines.
    WithoutColours,
    All,
}

impl EscapeCodes {
    /// Returns the escape codes that the output supports and the user wants, from the environment variables
    /// `TERM` and `NO_COLOR`.
    fn supported(on_terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        if !on_terminal || variable("TERM").is_some_and(|term| term == "dumb") {
            Self::None
        } else if variable("NO_COLOR").is_some_and(|value| !value.is_empty()) {
            Self::WithoutColours
        } else {
            Self::All
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Cyan,
}

impl Appearance {
    /// Returns the look of standard output, with times in UTC or in the time zone of this machine.
    pub(crate) fn of_stdout(time_zone: TimeZone) -> Self {
        let on_terminal = std::io::stdout().is_terminal();
        Self {
            escapes: EscapeCodes::supported(on_terminal, |name| env::var_os(name)),
            width: if on_terminal { terminal_width } else { || None },
            time_zone,
        }
    }

    /// Returns the hours, minutes and seconds of a time.
    pub(crate) fn time_of_day(&self, timestamp: Timestamp) -> String {
        self.format(timestamp, "%H:%M:%S")
    }

    /// Returns the date of a time, such as `2021-12-15`.
    pub(crate) fn date(&self, timestamp: Timestamp) -> String {
        self.format(timestamp, "%Y-%m-%d")
    }

    /// Returns the date and the time of day, such as `2021-12-15 07:28:23`.
    pub(crate) fn date_and_time(&self, timestamp: Timestamp) -> String {
        self.format(timestamp, "%Y-%m-%d %H:%M:%S")
    }

    /// Returns the time of day if a timestamp is on the same day as `now`, or else the date.
    pub(super) fn time_or_date(&self, timestamp: Timestamp, now: Timestamp) -> String {
        let date = self.date(timestamp);
        if date == self.date(now) { self.time_of_day(timestamp) } else { date }
    }

    /// Returns the name of a column of times, with their offset from UTC: `TIME UTC` or `TIME +08`.
    pub(crate) fn time_heading(&self, now: Timestamp) -> String {
        if self.time_zone == TimeZone::UTC { "TIME UTC".to_owned() } else { self.format(now, "TIME %:::z") }
    }

    fn format(&self, timestamp: Timestamp, format: &str) -> String {
        jiff::Timestamp::from_millisecond(timestamp.as_millis()).map_or_else(
            |_| "?".to_owned(),
            |time| time.to_zoned_datetime(self.time_zone.clone()).strftime(format).to_string(),
        )
    }

    /// Adds a string, whose untrusted characters are already escaped, to a line.
    pub(crate) fn paint(&self, style: Style, text: &str, line: &mut String) {
        match style.code().filter(|_| self.escapes == EscapeCodes::All && !text.is_empty()) {
            Some(code) => line.extend(["\x1b[", code, "m", text, "\x1b[0m"]),
            None => line.push_str(text),
        }
    }

    /// Returns a note, which is not a row, with its time. If the terminal is too narrow, the note is wrapped, and
    /// cut after `max_lines`.
    pub(crate) fn note(
        &self,
        style: Style,
        time: Option<Timestamp>,
        text: &dyn Display,
        max_lines: usize,
    ) -> String {
        let time = time.map(|time| self.time_of_day(time) + " ").unwrap_or_default();
        let text = printable(&text.to_string(), MAX_LINE);
        let indent = columns::width(&time) + 2;
        let width = (self.width)().map_or(usize::MAX, |width| width.saturating_sub(indent).max(1));
        let mut parts = textwrap::wrap(&text, width);
        if parts.len() > max_lines {
            let rest = parts.split_off(max_lines.saturating_sub(1)).join(" ");
            parts.push(columns::cut(&rest, width).into_owned().into());
        }
        let mut lines = String::new();
        for (number, part) in parts.iter().enumerate() {
            if number == 0 {
                self.paint(Style::Plain, &time, &mut lines);
                self.paint(style, &format!("· {part}"), &mut lines);
            } else {
                lines.extend(std::iter::repeat_n(' ', indent));
                self.paint(style, part, &mut lines);
            }
            lines.push('\n');
        }
        lines
    }
}

/// Returns the current number of columns of the terminal, if known.
fn terminal_width() -> Option<usize> {
    terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0))
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
    use bitopro_client::model::Timestamp;
    use jiff::tz::Offset;

    use super::{Appearance, EscapeCodes, Style};
    use crate::samples::look;

    const TIME: Timestamp = Timestamp::from_millis(1_639_553_303_365);

    #[test]
    fn times_are_in_the_time_zone_and_the_heading_names_it() {
        let mut look = look(|| None);
        let shown = |look: &Appearance| [look.time_heading(TIME), look.time_of_day(TIME), look.date(TIME)];
        assert_eq!(shown(&look), ["TIME UTC", "07:28:23", "2021-12-15"]);
        look.time_zone = Offset::constant(8).to_time_zone();
        assert_eq!(shown(&look), ["TIME +08", "15:28:23", "2021-12-15"]);
        look.time_zone = Offset::from_seconds(-9 * 3_600 - 1_800).unwrap().to_time_zone();
        assert_eq!(shown(&look), ["TIME -09:30", "21:58:23", "2021-12-14"]);
        assert_eq!(look.time_of_day(Timestamp::from_millis(i64::MAX)), "?");
    }

    #[test]
    fn a_dumb_terminal_has_no_escape_codes_and_only_a_set_no_color_has_no_colours() {
        use EscapeCodes::{All, None as NoCodes, WithoutColours};
        for (on_terminal, term, no_color, expected) in [
            (true, Some("xterm"), None, All),
            (true, None, None, All),
            (true, Some("xterm"), Some(""), All),
            (true, Some("xterm"), Some("1"), WithoutColours),
            (true, Some("dumb"), None, NoCodes),
            (false, Some("xterm"), None, NoCodes),
        ] {
            let variable = |name: &str| if name == "TERM" { term } else { no_color }.map(Into::into);
            assert_eq!(EscapeCodes::supported(on_terminal, variable), expected, "{term:?} {no_color:?}");
        }
    }

    #[test]
    fn a_long_note_is_wrapped_between_words_or_cut() {
        let text = "the exchange is unreachable \x1b比特幣";
        let look = look(|| Some(30));
        let note = |max_lines| look.note(Style::Red, Some(TIME), &text, max_lines);
        let whole = "07:28:23 · the exchange is\n           unreachable\n           \\u{1b}比特幣\n";
        assert_eq!(note(3), whole);
        assert_eq!(note(2), "07:28:23 · the exchange is\n           unreachable \\u{1b}…\n");
        assert_eq!(note(1), "07:28:23 · the exchange is un…\n");
        assert_eq!(look.note(Style::Red, None, &"no orders", 1), "· no orders\n");
    }
}
