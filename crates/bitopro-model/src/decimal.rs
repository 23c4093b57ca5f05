//! Decimals, exact: every digit and every trailing zero of the wire's text, or an error.

use std::fmt;

use rust_decimal::Decimal;
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use thiserror::Error as ThisError;

/// Why a text is not a decimal that can be kept exactly.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum DecimalError {
    /// The text is not an optional minus, digits, and perhaps a point with more digits.
    #[error("not a plain decimal number such as `12.50`")]
    Syntax,
    /// The number is well formed and has more digits than [`Decimal`] can hold (28 always fit).
    #[error("more digits than can be kept exactly ({digits}; 28 always fit)")]
    TooManyDigits {
        /// How many digits the text has, leading zeros of a fraction included.
        digits: usize,
    },
}

/// Reads a decimal exactly: the value and its scale, so that `1.10` is written back as `1.10`.
///
/// Accepts what the exchange sends, `-?digits[.digits]` without superfluous leading zeros, and
/// nothing of what [`Decimal`]'s own parsers tolerate beside it (`+1`, `.5`, `1_000`, `1e3`). A
/// negative zero keeps its sign.
///
/// # Errors
/// [`DecimalError::Syntax`] for any other text, [`DecimalError::TooManyDigits`] for a number that would
/// have to be rounded. Nothing is ever rounded.
///
/// ```
/// use bitopro_model::parse_decimal;
///
/// assert_eq!(parse_decimal("999999999999.99999999")?.to_string(), "999999999999.99999999");
/// assert!(parse_decimal("1e-8").is_err());
/// # Ok::<(), bitopro_model::DecimalError>(())
/// ```
pub fn parse_decimal(text: &str) -> Result<Decimal, DecimalError> {
    let digits = plain_digits(text).ok_or(DecimalError::Syntax)?;
    let mut value = Decimal::from_str_exact(text).map_err(|_| DecimalError::TooManyDigits { digits })?;
    if value.is_zero() && text.starts_with('-') {
        value.set_sign_negative(true);
    }
    Ok(value)
}

/// The number of digits of a plain decimal, or `None` if the text is anything else.
fn plain_digits(text: &str) -> Option<usize> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (unsigned, None),
    };
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let leading_zero = whole.len() > 1 && whole.starts_with('0');
    if !all_digits(whole) || leading_zero || !fraction.is_none_or(all_digits) {
        return None;
    }
    Some(whole.len() + fraction.map_or(0, str::len))
}

/// A decimal on the wire: a JSON string, never a JSON number (which readers take for a float).
pub(crate) struct Exact(pub(crate) Decimal);

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(ExactVisitor)
    }
}

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

struct ExactVisitor;

impl Visitor<'_> for ExactVisitor {
    type Value = Exact;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal as a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Exact, E> {
        parse_decimal(text).map(Exact).map_err(|error| {
            let shown: String = text.chars().take(48).collect();
            let dots = if shown.len() < text.len() { "…" } else { "" };
            E::custom(format_args!("`{shown}{dots}`: {error}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn is_written_back_as_it_came() {
        for text in [
            "0",
            "-0",
            "-0.00",
            "0.00000000",
            "1.10",
            "-1.10",
            "9999799",
            "999999999999.99999999",
            "0.0000000000000000000000000001",
            "1234567890123456789012345678",
            "79228162514264337593543950335",
            "7922816251426433759354395033.5",
        ] {
            assert_eq!(parse_decimal(text).map(|d| d.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_would_be_rounded_is_an_error() {
        for (text, digits) in [
            ("79228162514264337593543950336", 29),
            ("0.00000000000000000000000000001", 30),
            ("1.00000000000000000000000000000", 30),
            ("1234567890123456789012345678901234567890", 40),
        ] {
            assert_eq!(parse_decimal(text), Err(DecimalError::TooManyDigits { digits }), "{text}");
        }
    }

    #[test]
    fn anything_but_a_plain_decimal_is_an_error() {
        for text in [
            "", "-", ".", ".5", "1.", "+1", "1_000", "1,000", "1e3", "1E-8", "NaN", "inf", "0x1", " 1", "1 ",
            "01", "00.5", "--1", "1.2.3", "1.-2", "１",
        ] {
            assert_eq!(parse_decimal(text), Err(DecimalError::Syntax), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn fault_33_twenty_eight_digits_always_survive(text in "-?(0|[1-9][0-9]{0,13})(\\.[0-9]{1,14})?") {
            prop_assert_eq!(parse_decimal(&text).map(|d| d.to_string()), Ok(text));
        }

        #[test]
        fn fault_33_longer_ones_survive_or_fail_but_never_change(text in "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,24})?") {
            if let Ok(value) = parse_decimal(&text) {
                prop_assert_eq!(value.to_string(), text);
            }
        }

        #[test]
        fn no_text_panics(text in ".{0,64}") {
            let _ = parse_decimal(&text);
        }
    }
}
