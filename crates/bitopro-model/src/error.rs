use serde::Deserialize;
use thiserror::Error;

use crate::PrivateStream;

/// How many bytes of the input an error shows on either side of the fault.
const EXCERPT_REACH: usize = 40;
/// How many bytes of a path and of a reason an error shows: both can quote the input.
const QUOTE_LIMIT: usize = 160;

/// A text that could not be read: where, why, and a bounded piece of it.
///
/// `Display` begins with the path of the field (`data.ADA.amount: …`), as far as it is known; `not JSON at
/// line 1 column 5: …` follows where the text is not JSON. It is one line of bounded length, without control
/// characters, whatever the text holds.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", self.describe())]
pub struct DecodeError {
    kind: DecodeErrorKind,
    stream: Option<PrivateStream>,
    path: String,
    reason: String,
    line: usize,
    column: usize,
    excerpt: String,
}

/// What is wrong with a text that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The text is not JSON, or ends too early.
    Syntax,
    /// The text is JSON, and a field is missing, repeated, or not what it should be.
    Data,
}

impl DecodeError {
    /// What is wrong.
    pub fn kind(&self) -> DecodeErrorKind {
        self.kind
    }

    /// The stream whose event it was to be, where that was known.
    pub fn stream(&self) -> Option<PrivateStream> {
        self.stream
    }

    /// The path of the field at fault, `data.ADA.amount`; empty for the message as a whole. Cut where it is
    /// long, control characters escaped.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The piece of the text around the fault, at most about 80 bytes, control characters escaped.
    pub fn excerpt(&self) -> &str {
        &self.excerpt
    }

    fn new(error: &serde_json::Error, path: String, text: &str, stream: Option<PrivateStream>) -> Self {
        let kind = if error.is_data() { DecodeErrorKind::Data } else { DecodeErrorKind::Syntax };
        let (line, column) = (error.line(), error.column());
        let mut reason = error.to_string();
        let position = format!(" at line {line} column {column}");
        if reason.ends_with(&position) {
            reason.truncate(reason.len() - position.len());
        }
        let [path, reason] = [path, reason].map(|quote| shown(&quote, 0, QUOTE_LIMIT));
        Self { kind, stream, path, reason, line, column, excerpt: excerpt(text, line, column) }
    }

    fn describe(&self) -> String {
        let Self { path, reason, line, column, excerpt, .. } = self;
        let place = match self.kind {
            DecodeErrorKind::Data if !path.is_empty() => format!("{path}: "),
            DecodeErrorKind::Data => String::new(),
            DecodeErrorKind::Syntax if path.is_empty() => {
                format!("not JSON at line {line} column {column}: ")
            }
            DecodeErrorKind::Syntax => format!("{path}: not JSON at line {line} column {column}: "),
        };
        let event = self.stream.map(|stream| format!("in {}, ", stream.event())).unwrap_or_default();
        format!("{place}{reason} ({event}near `{excerpt}`)")
    }
}

/// Parses a whole text, and looks for the path of the fault only when there is one.
pub(crate) fn parse<'de, T: Deserialize<'de>>(
    text: &'de str,
    stream: Option<PrivateStream>,
) -> Result<T, DecodeError> {
    serde_json::from_str(text).map_err(|error| {
        let mut json = serde_json::Deserializer::from_str(text);
        match serde_path_to_error::deserialize::<_, T>(&mut json) {
            Err(located) => {
                // "." is the whole message, "?" a place within it that has no name yet.
                let path = Some(located.path().to_string()).filter(|path| path != "." && path != "?");
                let path = path.unwrap_or_default();
                DecodeError::new(located.inner(), path, text, stream)
            }
            // Only what follows a whole message can have failed the first time.
            Ok(_) => DecodeError::new(&error, String::new(), text, stream),
        }
    })
}

fn excerpt(text: &str, line: usize, column: usize) -> String {
    let line_start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let at = (line_start + column).min(text.len());
    shown(text, at.saturating_sub(EXCERPT_REACH), at + EXCERPT_REACH)
}

/// A piece of a text, on one line and with an ellipsis where it is cut.
fn shown(text: &str, start: usize, end: usize) -> String {
    let start = floor_char_boundary(text, start);
    let end = floor_char_boundary(text, end.min(text.len()));
    let piece = text.get(start..end).unwrap_or_default();
    let mut shown = String::with_capacity(piece.len() + 8);
    if start > 0 {
        shown.push('…');
    }
    for character in piece.chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    if end < text.len() {
        shown.push('…');
    }
    shown
}

/// `str::floor_char_boundary`, which is younger than our minimum Rust version.
fn floor_char_boundary(text: &str, index: usize) -> usize {
    (0..=index).rev().find(|&index| text.is_char_boundary(index)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::excerpt;

    #[test]
    fn an_excerpt_is_bounded_and_printable() {
        let long = format!("{}\n\u{1b}[31m台灣{}", "x".repeat(500), "台".repeat(500));
        for column in 0..long.len() + 10 {
            for line in 0..4 {
                let shown = excerpt(&long, line, column);
                assert!(shown.len() < 140, "{shown}");
                assert!(!shown.contains(char::is_control), "{shown:?}");
            }
        }
    }
}
