use std::fmt;

use serde::de::DeserializeOwned;

use super::Predicted;
use super::digits::{Digits, digits, plain_length};
use crate::decimal::scan_decimal;
use crate::error::{DecodeError, locate};
use crate::wire::Field;
use crate::{Decimal, Stream};

/// A position in a message. Its methods return `None` at anything that is not in the predicted layout.
///
/// Most of them are inlined into the code that reads a whole object, in which the names of the fields are constants.
#[derive(Debug)]
pub struct Cursor<'a> {
    text: &'a str,
    /// The rest of the text.
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

    /// Returns the number of bytes before the cursor.
    fn position(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    /// Returns the number of bytes after the cursor.
    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Reads exactly this text.
    #[inline(always)]
    pub(crate) fn literal(&mut self, expected: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(expected)?;
        Some(())
    }

    /// Reads one of these characters of ASCII, and returns it.
    #[inline(always)]
    fn one_of(&mut self, expected: [u8; 2]) -> Option<u8> {
        let byte = self.rest.bytes().next().filter(|byte| expected.contains(byte))?;
        self.skip(1)?;
        Some(byte)
    }

    /// Moves the cursor forward, and returns the text in between.
    #[inline(always)]
    fn skip(&mut self, length: usize) -> Option<&'a str> {
        let (skipped, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(skipped)
    }

    /// Reads a string without escapes.
    #[inline(always)]
    pub fn string(&mut self) -> Option<&'a str> {
        self.literal("\"")?;
        let text = self.skip(plain_length(self.rest.as_bytes())?)?;
        self.literal("\"")?;
        Some(text)
    }

    /// Reads the name of a member of an object.
    #[inline(always)]
    pub(crate) fn key(&mut self) -> Option<&'a str> {
        let key = self.string()?;
        self.literal(":")?;
        Some(key)
    }

    /// Reads a decimal in quotes.
    #[inline(always)]
    pub(crate) fn decimal(&mut self) -> Option<Decimal> {
        self.literal("\"")?;
        let (decimal, rest) = scan_decimal(self.rest.as_bytes())?;
        self.skip(self.rest.len() - rest.len())?;
        self.literal("\"")?;
        Some(decimal)
    }

    /// Reads an integer of up to 18 digits that is not in quotes.
    #[inline(always)]
    pub(crate) fn integer(&mut self) -> Option<i64> {
        let is_negative = self.literal("-").is_some();
        let Digits { value, count, .. } = digits(self.rest.as_bytes());
        let is_plain = (1..=18).contains(&count) && (count == 1 || !self.rest.starts_with('0'));
        self.skip(count)?;
        let value = i64::try_from(value).ok().filter(|_| is_plain)?;
        // `-0` is a float in JSON.
        if is_negative { Some(-value).filter(|value| *value != 0) } else { Some(value) }
    }

    /// Reads `true` or `false`.
    #[inline]
    pub(crate) fn boolean(&mut self) -> Option<bool> {
        if self.literal("true").is_some() { Some(true) } else { self.literal("false").map(|()| false) }
    }

    /// Reads a field of an object. Returns the value of an absent field if the next field has another name.
    ///
    /// `name` is the text between two fields: `,"name":`. The first field of an object has a brace instead of the comma.
    #[inline(always)]
    pub fn field<T: Field>(&mut self, is_first: &mut bool, name: &'static str) -> Option<T> {
        let rest = if *is_first {
            self.rest.strip_prefix('{').and_then(|rest| rest.strip_prefix(name.strip_prefix(',')?))
        } else {
            self.rest.strip_prefix(name)
        };
        let Some(rest) = rest else { return T::absent::<serde::de::value::Error>("").ok() };
        (self.rest, *is_first) = (rest, false);
        let value = T::predict(self);
        if value.is_some() {
            value
        } else {
            self.fail_in(format_args!(".{}", name.trim_matches([',', '"', ':'])))
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
        self.one_of([open; 2])?;
        if self.one_of([close; 2]).is_some() {
            return Some(());
        }
        loop {
            read(self)?;
            if self.one_of([b',', close])? == close {
                return Some(());
            }
        }
    }

    /// Reads an element in its predicted layout, or else with the general parser. If neither can read it, the message
    /// is invalid.
    #[inline]
    pub(crate) fn element<T: Predicted + DeserializeOwned>(&mut self) -> Option<T> {
        let start = self.position();
        let value = T::predict(self);
        if value.is_some() { value } else { self.general_element(start) }
    }

    #[cold]
    fn general_element<T: DeserializeOwned>(&mut self, start: usize) -> Option<T> {
        // Elements are objects. Anything else, such as the end of the list, is an error of the list.
        let text = self.text.get(start..).filter(|text| text.starts_with('{'))?;
        let mut values = serde_json::Deserializer::from_str(text).into_iter();
        let value = values.next()?.ok();
        if value.is_some() {
            (self.rest, self.invalid) = (text.get(values.byte_offset()..)?, None);
        } else {
            self.invalid = locate::<T>(text).map(|(error, path)| InvalidElement { error, path, start });
        }
        value
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
