//! Serializes order ids as JSON numbers if they consist of digits only.

use std::io::{self, Write};

use serde::Serialize;
use serde::ser::Error as _;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, Serializer};

/// The fields that hold an order's id.
const ID_KEYS: [&str; 2] = ["id", "orderID"];

pub(crate) fn to_string(value: &impl Serialize) -> serde_json::Result<String> {
    let mut json = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut json, NumericIds::default()))?;
    String::from_utf8(json).map_err(serde_json::Error::custom)
}

/// Buffers the string after the key of an id field, and writes it without quotes if it is a number.
#[derive(Debug, Default)]
struct NumericIds {
    position: Position,
    /// The part of the key or the id that has been written so far.
    text: String,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Position {
    #[default]
    Elsewhere,
    InKey,
    AfterIdKey,
    InId,
}

impl Formatter for NumericIds {
    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.position = Position::InKey;
        self.text.clear();
        CompactFormatter.begin_object_key(writer, first)
    }

    fn end_object_key<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        let is_id = ID_KEYS.contains(&self.text.as_str());
        self.position = if is_id { Position::AfterIdKey } else { Position::Elsewhere };
        Ok(())
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.position = Position::Elsewhere;
        Ok(())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.position = Position::Elsewhere;
        CompactFormatter.begin_array(writer)
    }

    fn begin_string<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.position == Position::AfterIdKey {
            self.position = Position::InId;
            self.text.clear();
            return Ok(());
        }
        CompactFormatter.begin_string(writer)
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, text: &str) -> io::Result<()> {
        if matches!(self.position, Position::InKey | Position::InId) {
            self.text.push_str(text);
        }
        if self.position == Position::InId {
            return Ok(());
        }
        CompactFormatter.write_string_fragment(writer, text)
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        if self.position == Position::InId {
            self.position = Position::Elsewhere;
            write!(writer, "\"{}", self.text)?;
        }
        // The backslash keeps a key with an escape from matching an id field.
        self.text.push('\\');
        CompactFormatter.write_char_escape(writer, escape)
    }

    fn end_string<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.position != Position::InId {
            return CompactFormatter.end_string(writer);
        }
        let digits = self.text.bytes().all(|byte| byte.is_ascii_digit());
        if digits && !self.text.is_empty() && !self.text.starts_with('0') {
            writer.write_all(self.text.as_bytes())
        } else {
            write!(writer, "\"{}\"", self.text)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::to_string;

    #[test]
    fn ids_of_digits_become_numbers_and_others_remain_strings() {
        for (text, expected) in [
            (r#"{"id":"89","pair":"a_b"}"#, r#"{"id":89,"pair":"a_b"}"#),
            (
                r#"[{"id":"1"},{"orderID":"2","x":"\"id\":\"3"}]"#,
                r#"[{"id":1},{"orderID":2,"x":"\"id\":\"3"}]"#,
            ),
            (r#"{"id":"SL-11","orderID":"12"}"#, r#"{"id":"SL-11","orderID":12}"#),
            (r#"{"eventID":"4","id":""}"#, r#"{"eventID":"4","id":""}"#),
            (r#"{"id":"007"}"#, r#"{"id":"007"}"#),
            (r#"{"i\"d":"3","id":"1\n2"}"#, r#"{"i\"d":"3","id":"1\n2"}"#),
            (r#"{"id":["5",{"x":"6"}],"y":"7"}"#, r#"{"id":["5",{"x":"6"}],"y":"7"}"#),
            (r#"{"id":{"id":"7","x":"6"},"y":null}"#, r#"{"id":{"id":7,"x":"6"},"y":null}"#),
            (r#"{"id":null,"y":"7"}"#, r#"{"id":null,"y":"7"}"#),
        ] {
            // The keys are sorted, so that every kind of map keeps their order.
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(to_string(&value).unwrap(), expected);
        }
    }
}
