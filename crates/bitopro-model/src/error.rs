use serde::Deserialize;
use serde_path_to_error::Segment;
use thiserror::Error;

use crate::Stream;

/// Number of bytes of the input that an excerpt shows on either side of the error.
const EXCERPT_RADIUS: usize = 40;
/// Maximum number of bytes of a path or a reason in an error. Both can quote the input.
const QUOTE_LIMIT: usize = 160;

/// The error returned for a message that cannot be decoded.
///
/// `Display` begins with the field's path if it is known (`data.ADA.amount: …`), followed by the position if
/// the text is not valid JSON (`invalid JSON at column 5: …`, or `at line 2 column 5` beyond the first line). The
/// output is a single line of bounded length, for any input. Control characters, invisible characters and those
/// that reorder others are escaped.
///
/// # Examples
///
/// ```
/// use bitopro_model::{AccountBalance, DecodeErrorKind};
///
/// let text = r#"{"event":"ACCOUNT_BALANCE","timestamp":1,"data":{"ADA":{"currency":"ADA","amount":"five"}}}"#;
/// let error = AccountBalance::from_json(text).unwrap_err();
/// assert_eq!(error.kind(), DecodeErrorKind::Data);
/// assert_eq!(error.path(), "data.ADA.amount");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", self.describe())]
pub struct DecodeError {
    kind: DecodeErrorKind,
    stream: Option<Stream>,
    path: String,
    reason: String,
    line: usize,
    column: usize,
    excerpt: String,
}

/// The kind of a [`DecodeError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The text is not valid JSON, or is truncated.
    Syntax,
    /// The text is valid JSON, but a field is missing, duplicated or has an invalid value.
    Data,
}

impl DecodeError {
    /// Returns the kind of the error.
    pub fn kind(&self) -> DecodeErrorKind {
        self.kind
    }

    /// Returns the stream whose event was expected, if known.
    pub fn stream(&self) -> Option<Stream> {
        self.stream
    }

    /// Returns the path of the invalid field, such as `data.ADA.amount`, or an empty string if the error
    /// concerns the message itself.
    ///
    /// A missing or duplicate field is reported under the path of its object. Long paths are truncated, and
    /// characters that are not printable are escaped.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns an excerpt of the text around the error: about 80 bytes. Characters that are not printable are
    /// escaped.
    pub fn excerpt(&self) -> &str {
        &self.excerpt
    }

    /// Describes an error of the part of the text that begins at `start`. `path` is as in [`locate`].
    pub(crate) fn new(
        error: &serde_json::Error,
        path: &str,
        text: &str,
        start: usize,
        stream: Option<Stream>,
    ) -> Self {
        let kind = if error.is_data() { DecodeErrorKind::Data } else { DecodeErrorKind::Syntax };
        let (mut line, mut column) = (error.line(), error.column());
        let mut reason = error.to_string();
        let position = format!(" at line {line} column {column}");
        if reason.ends_with(&position) {
            reason.truncate(reason.len() - position.len());
        }
        let before = text.get(..start).unwrap_or_default();
        if line == 1 {
            column += before.rsplit('\n').next().map_or(0, str::len);
        }
        line += before.matches('\n').count();
        let path = path.strip_prefix('.').unwrap_or(path);
        let [path, reason] = [path, &reason].map(|quote| slice_for_display(quote, 0, QUOTE_LIMIT));
        Self { kind, stream, path, reason, line, column, excerpt: excerpt(text, line, column) }
    }

    fn describe(&self) -> String {
        let Self { path, reason, line, column, excerpt, .. } = self;
        let location = match self.kind {
            DecodeErrorKind::Data if !path.is_empty() => format!("{path}: "),
            DecodeErrorKind::Data => String::new(),
            DecodeErrorKind::Syntax => {
                let path = if path.is_empty() { String::new() } else { format!("{path}: ") };
                // A message is usually one line, whose number in a file the reader of the file knows.
                let line = if *line > 1 { format!("line {line} ") } else { String::new() };
                format!("{path}invalid JSON at {line}column {column}: ")
            }
        };
        let event = self.stream.map(|stream| format!("in {}, ", stream.event())).unwrap_or_default();
        format!("{location}{reason} ({event}near `{excerpt}`)")
    }
}

/// Parses a text. If that fails, parses it again to find the path of the error.
pub fn parse<'de, T: Deserialize<'de>>(text: &'de str, stream: Option<Stream>) -> Result<T, DecodeError> {
    serde_json::from_str(text).map_err(|error| {
        // If the message itself is valid, the error is about trailing characters.
        let (error, path) = locate::<T>(text).unwrap_or((error, String::new()));
        DecodeError::new(&error, &path, text, 0, stream)
    })
}

/// Parses the invalid value at the start of a text again. Returns the error, and the path of the invalid field, such as
/// `.data.ADA.amount`.
pub(crate) fn locate<'de, T: Deserialize<'de>>(text: &'de str) -> Option<(serde_json::Error, String)> {
    let mut json = serde_json::Deserializer::from_str(text);
    let located = serde_path_to_error::deserialize::<_, T>(&mut json).err()?;
    let parts = located.path().iter().map(|segment| match segment {
        Segment::Seq { index } => format!("[{index}]"),
        Segment::Map { key: name } | Segment::Enum { variant: name } => format!(".{name}"),
        // A member whose key was not read.
        Segment::Unknown => String::new(),
    });
    let path = parts.collect();
    Some((located.into_inner(), path))
}

fn excerpt(text: &str, line: usize, column: usize) -> String {
    let line_start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let at = (line_start + column).min(text.len());
    slice_for_display(text, at.saturating_sub(EXCERPT_RADIUS), at + EXCERPT_RADIUS)
}

/// Returns a slice of a text on a single line, printable and with an ellipsis at each cut.
pub fn slice_for_display(text: &str, start: usize, end: usize) -> String {
    let start = floor_char_boundary(text, start);
    let end = floor_char_boundary(text, end.min(text.len()));
    let piece = text.get(start..end).unwrap_or_default();
    let mut line = String::with_capacity(piece.len() + 8);
    if start > 0 {
        line.push('…');
    }
    for character in piece.chars() {
        match character {
            '"' | '\'' | '\\' => line.push(character),
            // Letters and a symbol that are blank.
            '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}' => {
                line.extend(character.escape_unicode());
            }
            // Escapes control characters, invisible characters, and those that reorder or combine with others.
            _ => line.extend(character.escape_debug()),
        }
    }
    if end < text.len() {
        line.push('…');
    }
    line
}

/// Replaces `str::floor_char_boundary`, which is newer than the minimum supported Rust version.
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
