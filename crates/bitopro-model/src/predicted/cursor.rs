use std::fmt;

use serde::de::DeserializeOwned;

use super::Predicted;
use crate::decimal::scan_decimal;
use crate::error::{DecodeError, locate};
use crate::wire::Field;
use crate::{Decimal, Stream};

/// A position in a message. Its methods return `None` at anything that is not in the predicted layout.
#[derive(Debug)]
pub struct Cursor<'a> {
    text: &'a str,
    rest: &'a str,
    invalid: Option<InvalidElement>,
}

/// An element that the general parser could not read either, so that the message is invalid.
#[derive(Debug)]
pub(crate) struct InvalidElement {
    error: serde_json::Error,
    /// The path of the invalid field, as in [`locate`].
    path: String,
    /// The position of the element in the message, in bytes.
    start: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, rest: text, invalid: None }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Reads exactly this text.
    #[inline]
    pub(crate) fn literal(&mut self, expected: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(expected)?;
        Some(())
    }

    /// Reads one of these characters of ASCII, and returns it.
    #[inline]
    pub(crate) fn one_of(&mut self, expected: &[u8]) -> Option<u8> {
        let byte = self.rest.bytes().next().filter(|byte| expected.contains(byte))?;
        self.skip(1)?;
        Some(byte)
    }

    #[inline]
    fn skip(&mut self, length: usize) -> Option<&'a str> {
        let (skipped, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(skipped)
    }

    /// Reads a string without escapes.
    #[inline]
    pub fn string(&mut self) -> Option<&'a str> {
        self.literal("\"")?;
        let is_special = |byte: u8| byte == b'"' || byte == b'\\' || byte < b' ';
        let length = self.rest.bytes().position(is_special)?;
        let text = self.skip(length)?;
        self.literal("\"")?;
        Some(text)
    }

    /// Reads the name of a member of an object.
    #[inline]
    pub(crate) fn key(&mut self) -> Option<&'a str> {
        let key = self.string()?;
        self.literal(":")?;
        Some(key)
    }

    /// Reads a decimal in quotes.
    #[inline]
    pub(crate) fn decimal(&mut self) -> Option<Decimal> {
        self.literal("\"")?;
        let (decimal, length) = scan_decimal(self.rest.as_bytes())?;
        self.skip(length)?;
        self.literal("\"")?;
        Some(decimal)
    }

    /// Reads an integer that is not in quotes, of up to 18 digits.
    #[inline]
    pub(crate) fn integer(&mut self) -> Option<i64> {
        let is_negative = self.literal("-").is_some();
        let mut value = 0_i64;
        let mut digits = 0;
        for byte in self.rest.bytes().take_while(u8::is_ascii_digit) {
            value = value.wrapping_mul(10).wrapping_add((byte - b'0').into());
            digits += 1;
        }
        let text = self.skip(digits)?;
        let is_plain = (1..=18).contains(&digits) && (digits == 1 || !text.starts_with('0'));
        // `-0` is a float in JSON.
        (is_plain && !(is_negative && value == 0)).then_some(if is_negative { -value } else { value })
    }

    /// Reads `true` or `false`.
    #[inline]
    pub(crate) fn boolean(&mut self) -> Option<bool> {
        if self.literal("true").is_some() { Some(true) } else { self.literal("false").map(|()| false) }
    }

    /// Reads a field of an object. Returns the value of an absent field if the next field has another name.
    ///
    /// `name` is the name in quotes with a colon. `before` is the character before it: `{` for the first field.
    #[inline]
    pub fn field<T: Field>(&mut self, before: &mut u8, name: &'static str) -> Option<T> {
        let next = self.rest.split_at_checked(1).filter(|(next, _)| next.as_bytes() == [*before]);
        match next.and_then(|(_, rest)| rest.strip_prefix(name)) {
            Some(rest) => {
                (self.rest, *before) = (rest, b',');
                T::predict(self).or_else(|| self.fail_in(format_args!(".{}", name.trim_matches(['"', ':']))))
            }
            None => T::absent::<serde::de::value::Error>("").ok(),
        }
    }

    /// Reads the end of an object.
    #[inline]
    pub fn end(&mut self) -> Option<()> {
        self.literal("}")
    }

    /// Reads the elements of a list or an object between brackets, each with `read`.
    #[inline]
    pub(crate) fn elements(
        &mut self,
        brackets: [u8; 2],
        mut read: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        let [open, close] = brackets;
        self.one_of(&[open])?;
        if self.one_of(&[close]).is_some() {
            return Some(());
        }
        loop {
            read(self)?;
            if self.one_of(&[b',', close])? == close {
                return Some(());
            }
        }
    }

    /// Reads an element in its predicted layout, or else with the general parser. If neither can read it, the message
    /// is invalid.
    #[inline]
    pub(crate) fn element<T: Predicted + DeserializeOwned>(&mut self) -> Option<T> {
        let start = self.rest;
        T::predict(self).or_else(|| self.general_element(start))
    }

    #[cold]
    fn general_element<T: DeserializeOwned>(&mut self, start: &'a str) -> Option<T> {
        let mut values = serde_json::Deserializer::from_str(start).into_iter();
        match values.next()? {
            Ok(value) => {
                (self.rest, self.invalid) = (start.get(values.byte_offset()..)?, None);
                Some(value)
            }
            Err(_) => {
                let start_index = self.text.len() - start.len();
                self.invalid = locate::<T>(start).map(|(error, path)| InvalidElement {
                    error,
                    path,
                    start: start_index,
                });
                None
            }
        }
    }

    /// Adds a part to the front of the path of the invalid element, if any: `.name` or `[index]`.
    #[cold]
    pub(crate) fn fail_in<T>(&mut self, part: impl fmt::Display) -> Option<T> {
        if let Some(invalid) = &mut self.invalid {
            invalid.path.insert_str(0, &part.to_string());
        }
        None
    }

    pub(crate) fn into_invalid_element(self) -> Option<InvalidElement> {
        self.invalid
    }
}

impl InvalidElement {
    pub(crate) fn into_error(self, text: &str, stream: Option<Stream>) -> DecodeError {
        DecodeError::new(&self.error, &self.path, text, self.start, stream)
    }
}
